//! `/`, and unknown paths.

use axum::http::Method;
use serde_json::json;

use crate::app_without_database;

#[tokio::test]
async fn the_root_returns_the_greeting_of_the_node_application() {
    let app = app_without_database(&[]);

    let answer = app.anyone().get("/").await.expect(200);

    assert_eq!(answer.text(), "Hello from CodeCave API!");
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(answer.header("ratelimit"), "");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn head_returns_headers_only() {
    let app = app_without_database(&[]);

    let answer = app.anyone().send(Method::HEAD, "/", None).await.expect(200);

    assert_eq!(answer.header("content-length"), "24");
    assert!(answer.body.is_empty());
}

#[tokio::test]
async fn routes_without_a_caller_look_up_no_session() {
    let app = app_without_database(&[]);
    let somebody = app.with_token("id", "token");

    for path in ["/", "/health", "/health/live", "/openapi.json"] {
        somebody.get(path).await.expect(200);
    }
}

#[tokio::test]
async fn an_unknown_path_returns_nestjs_404() {
    let app = app_without_database(&[]);
    let anyone = app.anyone();
    for (method, path) in [
        (Method::GET, "/nothing/here?x=1"),
        (Method::POST, "/health"),
        (Method::PATCH, "/users/profile"),
        (Method::GET, "/healthz"),
        (Method::DELETE, "/"),
    ] {
        let answer = anyone.send(method.clone(), path, None).await.expect(404);
        let bare = path.split('?').next().unwrap();
        assert_eq!(
            answer.json(),
            json!({"message": format!("Cannot {method} {bare}"), "error": "Not Found", "statusCode": 404})
        );
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn one_trailing_slash_is_ignored() {
    let app = app_without_database(&[]);
    app.anyone().get("/health/").await.expect(200);
}
