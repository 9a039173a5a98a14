//! Exact routing, and the pages for success and errors.

use axum::http::Method;
use serde_json::json;
use sqlx::PgPool;

use crate::{Stage, app};

#[testkit::test]
async fn unknown_paths_return_an_empty_404(db: PgPool) {
    let app = app(db, &[]);

    for (method, path) in [
        (Method::GET, "/api/auth/nope"),
        (Method::GET, "/api/auth/ok/"),
        (Method::GET, "/api/auth//ok"),
        (Method::GET, "/api/auth/OK"),
        (Method::GET, "/api/auth/%256fk"),
        (Method::GET, "/api/auth/x/../ok"),
        (Method::GET, "/api/auth/x/%2e%2e/ok"),
        (Method::GET, "/api/auth/o%0Ak"),
        (Method::GET, "/api/auth/ok%20"),
        (Method::GET, "/api/auth/ok%3Fa"),
        (Method::GET, "/api/auth/ok%2F"),
        (Method::GET, "/api/auth%2F%2Fok"),
        (Method::GET, "/api/auth"),
        (Method::GET, "/api/auth/"),
        (Method::GET, "/api/auth/callback/"),
        (Method::GET, "/api/auth/callback/github/"),
        (Method::GET, "/api/auth/sign-out"),
        (Method::HEAD, "/api/auth/ok"),
        (Method::HEAD, "/api/auth/get-session"),
        (Method::POST, "/api/auth/ok"),
        (Method::PUT, "/api/auth/sign-out"),
        (Method::DELETE, "/api/auth/get-session"),
        (Method::POST, "/api/auth/session"),
    ] {
        let answer = app.anyone().send(method.clone(), path, None).await;
        assert_eq!(answer.status.as_u16(), 404, "{method} {path}");
        assert!(answer.body.is_empty(), "{method} {path}");
        assert_eq!(answer.header("content-type"), "", "{method} {path}");
        assert_eq!(answer.header("allow"), "", "{method} {path}");
        assert_ne!(answer.header("x-request-id"), "");
    }
}

#[testkit::test]
async fn paths_outside_of_better_auth_return_nestjs_404(db: PgPool) {
    let stage = Stage::configured(db, &[("AUTH_RATE_LIMIT", "on")]).await;

    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/users/profile"),
        (Method::POST, "/api/authentic"),
        (Method::GET, "/API/auth/ok"),
    ] {
        let answer = stage
            .app
            .anyone()
            .send(method.clone(), path, None)
            .await
            .expect(404);
        assert_eq!(
            answer.json(),
            json!({ "message": format!("Cannot {method} {path}"), "error": "Not Found", "statusCode": 404 })
        );
    }
    assert_eq!(
        stage.count(r#""rateLimit""#).await,
        0,
        "the request was counted"
    );
}

#[testkit::test]
async fn ok_returns_ok(db: PgPool) {
    let answer = app(db, &[]).anyone().get("/api/auth/ok").await.expect(200);

    assert_eq!(answer.text(), r#"{"ok":true}"#);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "");
    assert_eq!(answer.header("etag"), "");
}

/// API Gateway decodes the path, so the plain HTTP server decodes it too.
#[testkit::test]
async fn a_path_is_decoded_once(db: PgPool) {
    let app = app(db, &[]);
    for path in ["/api/auth/%6fk", "/api/auth%2Fok", "/%61pi/auth/ok"] {
        let answer = app.anyone().get(path).await.expect(200);
        assert_eq!(answer.text(), r#"{"ok":true}"#);
    }
}

#[testkit::test]
async fn the_error_page_escapes_its_parameters(db: PgPool) {
    let app = app(db, &[]);

    let answer = app
        .anyone()
        .get("/api/auth/error?error=access_denied&error_description=%3Cscript%3E")
        .await
        .expect(200);
    assert_eq!(answer.header("content-type"), "text/html");
    assert!(answer.text().contains("access_denied"));
    assert!(answer.text().contains("&lt;script&gt;"));
    assert!(!answer.text().contains("<script>"));

    for path in ["/api/auth/error", "/api/auth/error?error=%3Cscript%3E"] {
        let answer = app.anyone().get(path).await.expect(200);
        assert!(answer.text().contains("UNKNOWN"));
    }
}

#[testkit::test]
async fn errors_redirect_to_the_root_in_production(db: PgPool) {
    let stage = Stage::configured(db, &[("NODE_ENV", "production")]).await;

    let answer = stage
        .app
        .anyone()
        .get("/api/auth/error?error=access_denied&error_description=not%20now")
        .await;
    crate::expect_redirect(&answer, "/?error=access_denied&error_description=not+now");
    let answer = stage.app.anyone().get("/api/auth/error?error=a%20b").await;
    crate::expect_redirect(&answer, "/?error=UNKNOWN");
}

#[testkit::test]
async fn the_frontend_may_read_responses_and_errors(db: PgPool) {
    let app = app(db, &[]);

    for path in ["/api/auth/get-session", "/api/auth/nope"] {
        let caller = app.anyone().header("origin", "http://localhost:3000");
        let answer = caller.get(path).await;
        assert_eq!(
            answer.header("access-control-allow-origin"),
            "http://localhost:3000"
        );
        assert_eq!(answer.header("access-control-allow-credentials"), "true");
    }
    let answer = app
        .anyone()
        .header("origin", "https://evil.example")
        .get("/api/auth/get-session")
        .await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
}
