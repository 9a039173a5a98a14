//! The request stack: headers, CORS, HEAD, slashes, caching and failures.

use axum::http::Method;
use serde_json::json;
use sqlx::PgPool;
use testing::{App, Log};
use tracing::Level;

use crate::api;

/// The security headers of every response.
const SECURITY: [(&str, &str); 13] = [
    (
        "strict-transport-security",
        "max-age=31536000; includeSubDomains",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "SAMEORIGIN"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("origin-agent-cluster", "?1"),
    ("x-dns-prefetch-control", "off"),
    ("x-download-options", "noopen"),
    ("x-permitted-cross-domain-policies", "none"),
    ("x-xss-protection", "0"),
    (
        "content-security-policy",
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (
        "vary",
        "Origin, Cookie, Authorization, X-Api-Key, Accept-Encoding",
    ),
];

#[testkit::test]
async fn every_response_has_the_security_headers(db: PgPool) {
    let app = App::new(api(), db);
    for (method, path) in [
        (Method::GET, "/open"),
        (Method::HEAD, "/open"),
        (Method::GET, "/me"),
        (Method::GET, "/nope"),
        (Method::OPTIONS, "/nope"),
        (Method::GET, "/panics"),
        (Method::GET, "/free"),
    ] {
        let answer = app.anyone().send(method, path, None).await;
        for (name, value) in SECURITY {
            assert_eq!(answer.header_all(name), [value], "{name} of {path}");
        }
        assert_eq!(answer.header("x-request-id").len(), 36);
        assert_eq!(answer.header("x-powered-by"), "");
        assert_eq!(answer.header("server"), "");
    }
}

#[testkit::test]
async fn only_responses_below_images_may_be_embedded_by_other_sites(db: PgPool) {
    let app = App::new(api(), db);
    for (method, path, policy) in [
        (Method::GET, "/images/nope", "cross-origin"),
        (Method::HEAD, "/images/nope?w=1", "cross-origin"),
        (Method::POST, "/images/nope/nope", "cross-origin"),
        (Method::OPTIONS, "/images/nope", "cross-origin"),
        (Method::GET, "/images", "same-origin"),
        (Method::GET, "/images-nope", "same-origin"),
        (Method::GET, "/open?to=/images/nope", "same-origin"),
    ] {
        let answer = app.anyone().send(method, path, None).await;
        let header = answer.header_all("cross-origin-resource-policy");
        assert_eq!(header, [policy], "{path}");
    }
}

#[testkit::test]
async fn trusted_origins_are_echoed_and_others_ignored(db: PgPool) {
    let app = App::configured(
        api(),
        db,
        &[("FRONTEND_URL", "https://a.example,https://b.example")],
    );
    for origin in [
        "https://a.example",
        "https://b.example",
        "https://www.codecave.tech",
    ] {
        let answer = app
            .anyone()
            .header("origin", origin)
            .get("/me")
            .await
            .expect(401);
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        assert_eq!(answer.header("access-control-allow-credentials"), "true");
        assert_eq!(
            answer.header("access-control-expose-headers"),
            "Link, ETag, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id, Idempotent-Replayed"
        );
    }
    for origin in [
        "https://evil.example",
        "https://a.example.evil.example",
        "http://a.example",
        "null",
    ] {
        let caller = app.anyone().header("origin", origin);
        for answer in [
            caller.get("/open").await.expect(200),
            caller
                .send(Method::OPTIONS, "/open", None)
                .await
                .expect(204),
        ] {
            let cors = answer
                .headers
                .keys()
                .filter(|name| name.as_str().starts_with("access-control-"));
            assert_eq!(cors.count(), 0, "{answer:?}");
        }
    }
}

#[testkit::test]
async fn an_untrusted_origin_is_logged_outside_production(db: PgPool) {
    let app = App::configured(api(), db, &[]);
    let log = Log::capture(Level::WARN);
    let trusted = app.anyone().header("origin", "http://localhost:5173");
    let other = app.anyone().header("origin", "http://pages.example:5173");

    trusted
        .send(Method::OPTIONS, "/open", None)
        .await
        .expect(204);
    assert_eq!(log.take(), "");
    other.send(Method::OPTIONS, "/open", None).await.expect(204);

    let logged = log.take();
    assert!(
        logged.contains("http://pages.example:5173") && logged.contains("FRONTEND_URL"),
        "{logged}"
    );
}

#[testkit::test]
async fn preflights_are_served_on_every_path(db: PgPool) {
    let app = App::new(api(), db);
    for path in ["/me", "/nope"] {
        let answer = app
            .anyone()
            .header("origin", "http://localhost:3000")
            .header("access-control-request-method", "PUT")
            .send(Method::OPTIONS, path, None)
            .await
            .expect(204);
        assert_eq!(
            answer.header("access-control-allow-methods"),
            "GET,POST,PUT,DELETE,OPTIONS"
        );
        assert_eq!(
            answer.header("access-control-allow-headers"),
            "Content-Type,Authorization,X-Api-Key,Idempotency-Key,If-None-Match,sentry-trace,baggage"
        );
        assert_eq!(answer.header("access-control-max-age"), "600");
        assert_eq!(
            answer.header("access-control-allow-origin"),
            "http://localhost:3000"
        );
    }
}

#[testkit::test]
async fn unknown_routes_and_methods_respond_like_nestjs(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    ada.send(Method::PATCH, "/me?x=1", None)
        .await
        .expect_error(404, &["Cannot PATCH /me"]);
    let answer = ada
        .get("/nope/")
        .await
        .expect_error(404, &["Cannot GET /nope/"]);
    assert_eq!(answer.json()["error"], "Not Found");
    assert_eq!(
        answer.header("content-type"),
        "application/json; charset=utf-8"
    );
}

#[testkit::test]
async fn head_is_get_without_a_body_and_one_trailing_slash_is_ignored(db: PgPool) {
    let app = App::new(api(), db);
    let get = app.anyone().get("/open/?a=b").await.expect(200);
    let head = app
        .anyone()
        .send(Method::HEAD, "/open", None)
        .await
        .expect(200);
    assert!(head.body.is_empty());
    assert_eq!(head.header("content-length"), get.body.len().to_string());
    assert_eq!(head.header("etag"), get.header("etag"));
    app.anyone().get("/open//").await.expect(404);
}

#[testkit::test]
async fn a_response_that_is_not_cached_also_has_an_etag(db: PgPool) {
    let app = App::new(api(), db);

    let answer = app.anyone().get("/where/now").await.expect(200);

    assert_eq!(answer.header("cache-control"), "no-store");
    let known = app
        .anyone()
        .header("if-none-match", answer.header("etag"))
        .get("/where/now")
        .await
        .expect(304);
    assert_eq!(known.header("cache-control"), "no-store");
    assert_eq!(known.header("content-type"), "");
}

#[testkit::test]
async fn a_known_etag_is_answered_with_304(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    let first = ada.get("/open").await.expect(200);
    let etag = first.header("etag").to_owned();
    assert!(etag.starts_with("W/\""));
    assert_eq!(first.header("cache-control"), "private, no-cache");

    for sent in [
        etag.clone(),
        format!("\"x\", {etag}"),
        "*".to_owned(),
        etag.replace("W/", ""),
    ] {
        let again = ada
            .clone()
            .header("if-none-match", &sent)
            .get("/open")
            .await
            .expect(304);
        assert!(again.body.is_empty());
        assert_eq!(again.header("etag"), etag);
        assert_ne!(again.header("ratelimit"), "", "304s are counted");
        assert_eq!(again.header("cache-control"), "private, no-cache");
        assert!(!again.header("vary").is_empty());
    }
    ada.clone()
        .header("if-none-match", "W/\"other\"")
        .get("/open")
        .await
        .expect(200);
    assert_eq!(
        app.anyone().get("/open").await.header("cache-control"),
        "public, max-age=0, s-maxage=15"
    );
    assert_eq!(
        app.anyone().get("/one").await.header("cache-control"),
        "public, no-cache"
    );
    let free = app.anyone().get("/free").await.expect(200);
    assert_eq!(free.header("cache-control"), "no-store");
    assert_eq!(free.header("etag"), "");
    assert_eq!(
        ada.put("/notes", json!({}))
            .await
            .expect(200)
            .header("cache-control"),
        "no-store"
    );
}

#[testkit::test]
async fn a_failure_reveals_nothing_and_the_next_request_is_served(db: PgPool) {
    let app = App::new(api(), db);
    for path in ["/panics", "/fails"] {
        let answer = app.anyone().get(path).await.expect(500);
        assert_eq!(
            answer.json(),
            json!({"statusCode": 500, "message": "Internal server error"})
        );
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    app.anyone().get("/open").await.expect(200);
}

#[tokio::test]
async fn without_a_database_only_public_routes_are_served() {
    let options = "postgres://nobody@127.0.0.1:9/none"
        .parse::<sqlx::postgres::PgConnectOptions>()
        .unwrap();
    let pool = sqlx::postgres::PgPoolOptions::new()
        .acquire_timeout(std::time::Duration::from_millis(300))
        .connect_lazy_with(options);
    let app = App::new(api(), pool);

    let answer = app.with_token("ada", "token").get("/me").await.expect(503);
    assert_eq!(
        answer.json(),
        json!({"statusCode": 503, "message": "Service Unavailable"})
    );
    assert_eq!(answer.header("retry-after"), "5");
    let open = app.anyone().get("/open").await.expect(200);
    assert_eq!(open.header("ratelimit"), "");
    app.anyone().get("/free").await.expect(200);
}

#[testkit::test]
async fn a_nul_in_a_query_is_rejected_on_every_route(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    let refusal = ["x must not contain NUL characters"];

    ada.get("/me?x=a%00").await.expect_error(400, &refusal);
    ada.post("/notes?x=%00", json!({"text": "hello"}))
        .await
        .expect_error(400, &refusal);
    let anyone = app.anyone();
    anyone.get("/open?x=%00").await.expect_error(400, &refusal);
    anyone.get("/me?x=%00").await.expect(401);
    anyone.get("/open?x=%2500").await.expect(200);
}
