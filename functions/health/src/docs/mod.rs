//! The OpenAPI document of all five groups, and a page to read and try it.

use std::sync::LazyLock;

use axum::{
    http::header,
    response::{Html, IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

/// The document. `cargo xtask openapi` writes it, so that this function does not link the others.
const DOCUMENT: &str = include_str!("../../openapi.json");

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = concat!(
    include_str!("schema.js"),
    include_str!("request.js"),
    include_str!("operation.js"),
    include_str!("page.js")
);

/// The page with inline style and script, and a content security policy that allows only these two.
static PAGE: LazyLock<(String, String)> = LazyLock::new(|| {
    let page = include_str!("page.html")
        .replace("/* page.css */", STYLE)
        .replace("/* page.js */", SCRIPT);
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    (page, policy)
});

/// Source expression of an inline element (CSP Level 3, section 2.3.1).
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

/// `GET /openapi.json`
pub async fn document() -> Response {
    let content_type = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    (content_type, DOCUMENT).into_response()
}

/// `GET /docs`
pub async fn viewer() -> Response {
    let (page, policy) = &*PAGE;
    let policy = [(header::CONTENT_SECURITY_POLICY, policy.as_str())];
    (policy, Html(page.as_str())).into_response()
}
