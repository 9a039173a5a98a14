//! Converts HTTP requests to events of API Gateway, and the functions' responses to HTTP responses.
//!
//! The format is version 2.0 of
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>, which the
//! deployed functions receive.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, ensure};
use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header,
        request::Parts,
    },
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// Maximum size of a body that API Gateway accepts, in bytes.
pub const MAX_BODY: usize = 10 * 1024 * 1024;
/// Maximum size of an event that Lambda accepts, in bytes.
pub const MAX_EVENT: usize = 6 * 1024 * 1024;

/// Converts the request to an event.
pub fn event(request: &Parts, body: &[u8], caller: IpAddr) -> Value {
    let headers = headers(&request.headers, caller);
    let text = std::str::from_utf8(body)
        .ok()
        .filter(|_| is_text(&request.headers));
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let path = decoded(request.uri.path());
    let domain = headers.get("host").cloned().unwrap_or_default();
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": request.uri.query().unwrap_or_default(),
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "local",
            "domainName": domain,
            "domainPrefix": "local",
            "http": {
                "method": request.method.as_str(),
                "path": path,
                "protocol": format!("{:?}", request.version),
                "sourceIp": caller.to_string(),
                "userAgent": headers.get("user-agent"),
            },
            "requestId": Uuid::new_v4().to_string(),
            "routeKey": "$default",
            "stage": "$default",
            "time": chrono::Utc::now().format("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": u64::try_from(now.as_millis()).unwrap_or_default(),
        },
        "isBase64Encoded": false,
    });
    let cookies = cookies(&request.headers);
    if !cookies.is_empty() {
        event["cookies"] = cookies.into();
    }
    match text {
        _ if body.is_empty() => {}
        Some(text) => event["body"] = text.into(),
        None => {
            event["body"] = BASE64_STANDARD.encode(body).into();
            event["isBase64Encoded"] = true.into();
        }
    }
    event
}

/// Returns the path as an HTTP API passes it to a function.
pub fn decoded(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

/// Returns the headers by name. Values of one name are joined by commas. Cookies are left out: they have their own place in
/// the event.
fn headers(request: &HeaderMap, caller: IpAddr) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    for name in request.keys().filter(|name| *name != header::COOKIE) {
        headers.insert(name.as_str().to_owned(), values(request, name).join(","));
    }
    let forwarded = match headers.get("x-forwarded-for") {
        Some(others) => format!("{others}, {caller}"),
        None => caller.to_string(),
    };
    headers.insert("x-forwarded-for".to_owned(), forwarded);
    headers.insert("x-forwarded-proto".to_owned(), "http".to_owned());
    let port = headers
        .get("host")
        .and_then(|host| host.rsplit_once(':'))
        .map_or("80", |(_, port)| port)
        .to_owned();
    headers.insert("x-forwarded-port".to_owned(), port);
    headers
}

/// Returns the values of a header as text. API Gateway passes all headers as text.
fn values(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect()
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    values(headers, &header::COOKIE)
        .iter()
        .flat_map(|line| line.split(';'))
        .map(|cookie| cookie.trim().to_owned())
        .filter(|cookie| !cookie.is_empty())
        .collect()
}

/// Whether API Gateway passes a body of this type as text instead of base64.
fn is_text(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("text/plain")
        .to_ascii_lowercase();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.starts_with("text/")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
        || [
            "application/json",
            "application/xml",
            "application/javascript",
            "application/x-www-form-urlencoded",
        ]
        .contains(&essence)
}

/// A function's response to an event.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    cookies: Vec<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// Converts the function's response to an HTTP response. `method` is that of the request.
pub fn response(answer: &[u8], method: &Method) -> anyhow::Result<Response<Body>> {
    let answer: Answer = serde_json::from_slice(answer)
        .context("the response does not have API Gateway's format")?;
    let body = answer.body.unwrap_or_default();
    let body = if answer.is_base64_encoded {
        BASE64_STANDARD
            .decode(body)
            .context("the answer's body is not base64")?
    } else {
        body.into_bytes()
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(answer.status_code)?;
    ensure!(
        !response.status().is_informational(),
        "{} is not a final status",
        answer.status_code
    );
    for (name, value) in answer.headers {
        let name: HeaderName = name.parse()?;
        // The server computes the length. Only a response to HEAD has a length that differs from the length of its body.
        if name == header::TRANSFER_ENCODING
            || name == header::CONNECTION
            || name == header::CONTENT_LENGTH && method != Method::HEAD
        {
            continue;
        }
        response.headers_mut().append(name, text(&value)?);
    }
    for cookie in answer.cookies {
        response
            .headers_mut()
            .append(header::SET_COOKIE, text(&cookie)?);
    }
    Ok(response)
}

fn text(value: &str) -> anyhow::Result<HeaderValue> {
    HeaderValue::from_bytes(value.as_bytes())
        .context("a header of the answer holds a control character")
}

/// Returns an error in the format of API Gateway's own errors.
pub fn refusal(status: StatusCode, message: &str) -> Response<Body> {
    let body = json!({ "message": message }).to_string();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

/// Reads the body of the request. If it is larger than API Gateway accepts, the error is the response to send.
pub async fn collect(request: Request<Body>) -> Result<(Parts, axum::body::Bytes), Response<Body>> {
    let (parts, body) = request.into_parts();
    match axum::body::to_bytes(body, MAX_BODY).await {
        Ok(body) => Ok((parts, body)),
        Err(_) => Err(refusal(
            StatusCode::PAYLOAD_TOO_LARGE,
            "Request Entity Too Large",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(request: axum::http::request::Builder, body: &[u8]) -> Value {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        event(&parts, body, [127, 0, 0, 1].into())
    }

    #[test]
    fn the_path_is_decoded_and_the_query_unchanged() {
        let event = made(
            Request::builder().uri("/projects/a%2Fb%2525?tag=rust&tag=c%2B%2B&q="),
            b"",
        );

        assert_eq!(event["rawPath"], "/projects/a/b%25");
        assert_eq!(event["rawQueryString"], "tag=rust&tag=c%2B%2B&q=");
        assert_eq!(event["requestContext"]["http"]["method"], "GET");
        assert_eq!(event["body"], Value::Null);
    }

    #[test]
    fn cookies_are_separate_and_repeated_headers_are_joined() {
        let event = made(
            Request::builder()
                .uri("/")
                .header("host", "localhost:3001")
                .header("cookie", "a=1; b=2")
                .header("cookie", "c=3")
                .header("accept-language", "de")
                .header("accept-language", "en"),
            b"",
        );

        assert_eq!(event["cookies"], json!(["a=1", "b=2", "c=3"]));
        assert_eq!(event["headers"]["cookie"], Value::Null);
        assert_eq!(event["headers"]["accept-language"], "de,en");
        assert_eq!(event["headers"]["x-forwarded-for"], "127.0.0.1");
        assert_eq!(event["headers"]["x-forwarded-port"], "3001");
    }

    #[test]
    fn text_stays_text_and_other_bodies_are_base64() {
        let json = made(
            Request::post("/").header("content-type", "application/json; charset=utf-8"),
            "{\"bio\":\"Zoë\"}".as_bytes(),
        );
        let image = made(
            Request::post("/").header("content-type", "image/png"),
            b"\x89PNG",
        );
        let broken = made(
            Request::post("/").header("content-type", "text/plain"),
            b"\xff",
        );

        assert_eq!(json["body"], "{\"bio\":\"Zoë\"}");
        assert_eq!(json["isBase64Encoded"], false);
        assert_eq!(image["body"], "iVBORw==");
        assert_eq!(image["isBase64Encoded"], true);
        assert_eq!(broken["isBase64Encoded"], true);
    }

    #[tokio::test]
    async fn an_answer_keeps_its_cookies_and_its_bytes() {
        let answer = json!({
            "statusCode": 201,
            "headers": { "content-type": "image/png", "content-length": "99" },
            "multiValueHeaders": {},
            "cookies": ["a=1; Path=/", "b=2; Path=/"],
            "body": "iVBORw==",
            "isBase64Encoded": true,
        });

        let response = response(answer.to_string().as_bytes(), &Method::GET).unwrap();

        assert_eq!(response.status(), 201);
        assert_eq!(response.headers()["content-type"], "image/png");
        assert_eq!(response.headers().get("content-length"), None);
        let cookies = response.headers().get_all("set-cookie");
        assert_eq!(
            cookies.iter().collect::<Vec<_>>(),
            ["a=1; Path=/", "b=2; Path=/"]
        );
        let body = axum::body::to_bytes(response.into_body(), 100)
            .await
            .unwrap();
        assert_eq!(&body[..], b"\x89PNG");
    }

    #[test]
    fn an_answer_of_another_format_is_an_error() {
        for answer in [
            "null",
            "{}",
            r#"{"statusCode": 99}"#,
            r#"{"statusCode": 101}"#,
        ] {
            assert!(
                response(answer.as_bytes(), &Method::GET).is_err(),
                "{answer}"
            );
        }
    }
}
