//! The health check and the error page.

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    answer::{self, Json},
    request::Call,
    state::AuthState,
};

/// The page has no scripts, and no styles from other addresses.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
);

/// The response of the health check.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthAlive)]
pub struct Alive {
    ok: bool,
}

/// `GET /api/auth/ok`
pub async fn ok(_: Call) -> Response {
    Json(Alive { ok: true }).into_response()
}

/// `GET /api/auth/error`: the page of errors in flows without an error address.
pub async fn error(State(auth): State<AuthState>, call: Call) -> Response {
    let value = |name: &str| {
        call.query
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    };
    let code = value("error")
        .filter(|code| {
            code.bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'\'' | b'_' | b'-'))
        })
        .unwrap_or("UNKNOWN");
    let description = value("error_description");
    if auth.app.config.production {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("error", code);
        if let Some(description) = description {
            query.append_pair("error_description", description);
        }
        return answer::redirect(&format!("/?{}", query.finish()));
    }
    (
        StatusCode::OK,
        [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/html")),
            (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
        ],
        page(code, description.unwrap_or_default()),
    )
        .into_response()
}

fn page(code: &str, description: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Sign-in failed</title>\n\
         <style>body{{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:15vh auto;padding:0 1rem}}</style>\n\
         </head>\n<body>\n<h1>Sign-in failed</h1>\n<p>Code: <code>{}</code></p>\n<p>{}</p>\n</body>\n</html>\n",
        escape(code),
        escape(description)
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
