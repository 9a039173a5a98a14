//! Origins of requests with cookies, and addresses of redirects.

use serde_json::json;
use sqlx::PgPool;

use crate::{Stage, expect_code};

#[testkit::test]
async fn with_a_cookie_the_origin_must_be_trusted(db: PgPool) {
    let stage = Stage::configured(
        db,
        &[(
            "BETTER_AUTH_TRUSTED_ORIGINS",
            "https://*.preview.codecave.tech, *.wild.codecave.tech",
        )],
    )
    .await;
    let missing = ("MISSING_OR_NULL_ORIGIN", "Missing or null Origin");
    let invalid = ("INVALID_ORIGIN", "Invalid origin");

    for (headers, refusal) in [
        (&[][..], Some(missing)),
        (&[("origin", "null")], Some(missing)),
        (
            &[("origin", "null"), ("sec-fetch-site", "cross-site")],
            Some(missing),
        ),
        (
            &[("origin", "null"), ("sec-fetch-site", "same-origin")],
            None,
        ),
        (&[("origin", "https://evil.example")], Some(invalid)),
        (
            &[("origin", "https://codecave.tech.evil.example")],
            Some(invalid),
        ),
        (&[("origin", "http://codecave.tech")], Some(invalid)),
        (&[("origin", "/relative")], Some(invalid)),
        (&[("origin", "https://codecave.tech")], None),
        (&[("origin", "http://localhost:3000")], None),
        (&[("origin", "https://a.b.preview.codecave.tech")], None),
        (
            &[("origin", "https://preview.codecave.tech")],
            Some(invalid),
        ),
        (&[("origin", "http://x.wild.codecave.tech")], None),
        (
            &[("origin", "https://x.wild.codecave.tech:8443")],
            Some(invalid),
        ),
        (&[("referer", "https://codecave.tech/some/page?x=1")], None),
        (
            &[("referer", "https://evil.example/https://codecave.tech")],
            Some(invalid),
        ),
        (
            &[
                ("origin", "https://evil.example"),
                ("referer", "https://codecave.tech/"),
            ],
            Some(invalid),
        ),
    ] {
        let mut caller = stage.app.anyone().header("cookie", "anything=at-all");
        for (name, value) in headers {
            caller = caller.header(name, value);
        }
        let answer = caller
            .post("/api/auth/sign-in/social", json!({ "provider": "github" }))
            .await;
        match refusal {
            Some((code, message)) => expect_code(&answer, 403, code, message),
            None => {
                answer.expect(200);
            }
        }
    }
}

#[testkit::test]
async fn the_origin_is_checked_after_the_body_and_before_all_else(db: PgPool) {
    let stage = Stage::new(db).await;
    let evil = stage
        .app
        .anyone()
        .header("cookie", "a=b")
        .header("origin", "https://evil.example");

    let answer = evil.post("/api/auth/revoke-session", json!({})).await;
    expect_code(&answer, 403, "INVALID_ORIGIN", "Invalid origin");
    // Without a cookie the origin is not checked.
    let answer = stage
        .app
        .anyone()
        .header("origin", "https://evil.example")
        .post("/api/auth/sign-in/social", json!({ "provider": "github" }))
        .await;
    answer.expect(200);
    // Reads are allowed from every origin.
    evil.get("/api/auth/get-session").await.expect(200);
    evil.post("/api/auth/nope", json!({})).await.expect(404);
}

#[testkit::test]
async fn sign_out_and_the_forms_of_callbacks_need_a_trusted_origin_too(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.app.user("ada").await;

    for path in ["/api/auth/sign-out", "/api/auth/callback/github"] {
        let answer = ada.post(path, json!({})).await;
        expect_code(
            &answer,
            403,
            "MISSING_OR_NULL_ORIGIN",
            "Missing or null Origin",
        );
    }
    assert_eq!(stage.count("session").await, 1);
}

#[testkit::test]
async fn redirect_addresses_must_be_trusted(db: PgPool) {
    let stage = Stage::configured(db, &[("BETTER_AUTH_TRUSTED_ORIGINS", "codecave://")]).await;
    let anyone = stage.app.anyone();
    let fields = [
        ("callbackURL", "INVALID_CALLBACK_URL", "Invalid callbackURL"),
        ("redirectTo", "INVALID_REDIRECT_URL", "Invalid redirectURL"),
        (
            "errorCallbackURL",
            "INVALID_ERROR_CALLBACK_URL",
            "Invalid errorCallbackURL",
        ),
        (
            "newUserCallbackURL",
            "INVALID_NEW_USER_CALLBACK_URL",
            "Invalid newUserCallbackURL",
        ),
    ];
    let good = [
        "/a b",
        "/a;b",
        "/ok#x",
        "/a?next=https://evil.example",
        "/",
        "https://codecave.tech/any?x#y",
        "http://localhost:3000",
        "codecave://anywhere",
        "",
    ];
    let bad = [
        "//evil.example",
        "/\\evil.example",
        "/%2fevil.example",
        "/%5Cevil.example",
        "relative/path",
        "javascript:alert(1)",
        "https://codecave.tech@evil.example/",
        "https://codecave.tech.evil.example/",
        "https:evil.example",
        "/a\nb",
        "/\u{85}",
        "data:text/html,x",
        "http://codecave.tech/",
    ];

    for (field, code, message) in fields {
        for address in good {
            let answer = anyone
                .post(
                    "/api/auth/sign-in/social",
                    json!({ "provider": "github", field: address }),
                )
                .await;
            assert_eq!(answer.status.as_u16(), 200, "{field} {address} {answer:?}");
        }
        for address in bad {
            let body = json!({ "provider": "github", field: address });
            let answer = anyone.post("/api/auth/sign-in/social", body.clone()).await;
            expect_code(&answer, 403, code, message);
            // The address is checked before the session, and also where the endpoint ignores it.
            let answer = anyone.post("/api/auth/revoke-sessions", body).await;
            expect_code(&answer, 403, code, message);
        }
    }
}

#[testkit::test]
async fn redirect_addresses_must_be_strings(db: PgPool) {
    let stage = Stage::new(db).await;
    let anyone = stage.app.anyone();

    for (field, label) in [
        ("callbackURL", "callbackURL"),
        ("redirectTo", "redirectURL"),
    ] {
        for value in [json!(5), json!(true), json!([]), json!({})] {
            let body = json!({ "provider": "github", field: value });
            let answer = anyone.post("/api/auth/sign-in/social", body).await;
            assert_eq!(answer.status.as_u16(), 400);
            let message = format!("Invalid {label}: expected a string");
            assert_eq!(answer.json(), json!({ "message": message }));
        }
    }
}

#[testkit::test]
async fn the_callback_address_of_the_query_is_checked(db: PgPool) {
    let stage = Stage::new(db).await;

    for (query, body, status) in [
        ("?callbackURL=//evil.example", json!({}), 403),
        ("?callbackURL=/fine", json!({}), 200),
        ("?callbackURL=/a&callbackURL=/b", json!({}), 400),
        (
            "?callbackURL=//evil.example",
            json!({ "callbackURL": "/fine" }),
            200,
        ),
        ("?errorCallbackURL=//evil.example", json!({}), 200),
    ] {
        let path = format!("/api/auth/sign-out{query}");
        let answer = stage.app.anyone().post(&path, body).await;
        assert_eq!(answer.status.as_u16(), status, "{query} {answer:?}");
    }
}
