//! The guard: credentials, inactive callers, origins and bodies.

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::json;
use sqlx::PgPool;
use testing::{Answer, App, Caller};

use crate::api;

async fn change(app: &App, sql: &'static str, id: &str) {
    sqlx::query(sql)
        .bind(id)
        .execute(&app.state.db)
        .await
        .unwrap();
}

#[testkit::test]
async fn a_route_requires_a_session_unless_it_is_public(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;

    let answer = app
        .anyone()
        .get("/me")
        .await
        .expect_error(401, &["Unauthorized"]);
    assert_eq!(
        answer.json(),
        json!({"statusCode": 401, "message": "Unauthorized"})
    );
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(
        ada.get("/me").await.expect(200).json()["id"],
        ada.id.as_str()
    );
    assert_eq!(
        app.anyone().get("/open").await.expect(200).json(),
        json!({"viewer": null})
    );
    assert_eq!(
        ada.get("/open").await.expect(200).json(),
        json!({"viewer": ada.id})
    );
}

#[testkit::test]
async fn forged_expired_and_unknown_sessions_are_rejected(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    let cookie = ada.cookie().unwrap().to_owned();
    let send = |cookie: &str| {
        let caller = app.anyone().header("cookie", cookie);
        async move { (caller.get("/me").await.status, caller.get("/open").await) }
    };

    let forged = cookie.replacen("session_token=", "session_token=x", 1);
    let secure = format!("__Secure-{cookie}");
    let unknown = app
        .with_token("nobody", "unknown")
        .cookie()
        .unwrap()
        .to_owned();
    for bad in [
        forged.as_str(),
        secure.as_str(),
        unknown.as_str(),
        "better-auth.session_token=%zz",
    ] {
        let (guarded, open) = send(bad).await;
        assert_eq!(guarded, 401, "{bad}");
        assert_eq!(open.expect(200).json(), json!({"viewer": null}), "{bad}");
    }

    change(
        &app,
        r#"update session set "expiresAt" = now() at time zone 'utc' - interval '2 milliseconds' where "userId" = $1"#,
        &ada.id,
    )
    .await;
    assert_eq!(send(&cookie).await.0, 401);
}

#[testkit::test]
async fn a_day_old_session_is_extended_without_a_cookie(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    let left = async || -> f64 {
        sqlx::query_scalar(r#"select extract(epoch from "expiresAt" - now() at time zone 'utc')::float8 from session where "userId" = $1"#)
            .bind(&ada.id)
            .fetch_one(&app.state.db)
            .await
            .unwrap()
    };

    change(&app, r#"update session set "expiresAt" = now() at time zone 'utc' + interval '6 days 1 hour' where "userId" = $1"#, &ada.id).await;
    ada.get("/me").await.expect(200);
    assert!(left().await < 6.1 * 86_400.0);

    change(&app, r#"update session set "expiresAt" = now() at time zone 'utc' + interval '5 days' where "userId" = $1"#, &ada.id).await;
    let answer = ada.get("/me").await.expect(200);
    assert!(answer.header_all("set-cookie").is_empty());
    assert!(left().await > 6.9 * 86_400.0);
}

#[testkit::test]
async fn an_impersonated_session_is_never_extended(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    let sql = r#"update session set "impersonatedBy" = 'admin',
        "expiresAt" = now() at time zone 'utc' + interval '50 minutes' where "userId" = $1"#;
    change(&app, sql, &ada.id).await;

    ada.get("/me").await.expect(200);

    let left: f64 = sqlx::query_scalar(
        r#"select extract(epoch from "expiresAt" - now() at time zone 'utc')::float8 from session"#,
    )
    .fetch_one(&app.state.db)
    .await
    .unwrap();
    assert!(left < 3600.0, "{left}");
}

/// Asserts that shared caches keep a response from other clients.
#[track_caller]
pub fn not_public(answer: &Answer) {
    assert_eq!(answer.header("cache-control"), "private, no-cache");
    assert_eq!(
        answer.header("vary"),
        "Origin, Cookie, Authorization, X-Api-Key, Accept-Encoding"
    );
}

#[testkit::test]
async fn deactivated_and_banned_callers_are_rejected_or_anonymous(db: PgPool) {
    let app = App::new(api(), db);
    for (name, sql) in [
        (
            "ada",
            r#"update "user" set "isActive" = false where id = $1"#,
        ),
        ("bob", r#"update "user" set banned = true where id = $1"#),
        (
            "cyd",
            r#"update "user" set banned = true, "banExpires" = now() at time zone 'utc' + interval '1 hour' where id = $1"#,
        ),
    ] {
        let caller = app.user(name).await;
        change(&app, sql, &caller.id).await;
        caller
            .get("/me")
            .await
            .expect_error(403, &["Account is deactivated"]);
        caller
            .delete("/me")
            .await
            .expect_error(403, &["Account is deactivated"]);
        for path in ["/open", "/one"] {
            let answer = caller.get(path).await.expect(200);
            assert_eq!(answer.json(), json!({"viewer": null}));
            not_public(&answer);
        }
    }

    let dan = app.user("dan").await;
    change(&app, r#"update "user" set banned = true, "banExpires" = now() at time zone 'utc' - interval '1 second' where id = $1"#, &dan.id).await;
    dan.get("/me").await.expect(200);
}

#[testkit::test]
async fn roles_are_read_from_the_column_or_the_configuration(db: PgPool) {
    let app = App::configured(
        api(),
        db,
        &[
            ("ADMIN_USER_IDS", "root-id, other"),
            ("METRICS_TOKEN", "t0ken"),
        ],
    );
    app.insert_user("root-id", "root").await;
    let root = app.session("root-id").await;
    let moderator = app.user("mia").await;
    change(
        &app,
        r#"update "user" set role = 'user,moderator' where id = $1"#,
        &moderator.id,
    )
    .await;

    assert_eq!(root.get("/me").await.json()["isAdmin"], true);
    assert_eq!(moderator.get("/me").await.json()["isAdmin"], false);
    assert_eq!(moderator.get("/me").await.json()["isStaff"], true);
    // A column may list several roles, which are separated by commas and compared exactly.
    for role in ["Admin", " admin", "user, moderator", "admins"] {
        let other = app.user("other").await;
        sqlx::query(r#"update "user" set role = $2 where id = $1"#)
            .bind(&other.id)
            .bind(role)
            .execute(&app.state.db)
            .await
            .unwrap();
        let answer = other.get("/me").await.expect(200).json();
        assert_eq!(
            (&answer["isAdmin"], &answer["isStaff"]),
            (&json!(false), &json!(false)),
            "{role:?}"
        );
    }
    root.get("/figures").await.expect(200);
    moderator.get("/figures").await.expect(403);
    app.anyone().get("/figures").await.expect(401);
    app.anyone()
        .header("authorization", "Bearer t0ken")
        .get("/figures")
        .await
        .expect(200);
    app.anyone()
        .header("authorization", "Bearer t0kem")
        .get("/figures")
        .await
        .expect(401);
}

#[testkit::test]
async fn an_unknown_api_key_is_rejected_on_public_routes_too(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    for (name, value) in [
        ("x-api-key", "cc_guess"),
        ("authorization", "Bearer cc_guess"),
    ] {
        app.anyone()
            .header(name, value)
            .get("/open")
            .await
            .expect(401);
        ada.clone().header(name, value).get("/me").await.expect(401);
    }
}

#[testkit::test]
async fn requests_of_other_sites_cannot_write_with_the_cookie(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    let note = json!({"text": "hi"});

    ada.clone()
        .header("origin", "https://evil.example")
        .post("/notes", note.clone())
        .await
        .expect_error(403, &["Invalid origin"]);
    ada.clone()
        .header("origin", "null")
        .post("/notes", note.clone())
        .await
        .expect_error(403, &["Invalid origin"]);
    ada.clone()
        .header("origin", "https://codecave.tech")
        .post("/notes", note.clone())
        .await
        .expect(200);
    ada.post("/notes", note).await.expect(200);
    ada.clone()
        .header("origin", "https://evil.example")
        .get("/me")
        .await
        .expect(200);
}

async fn send(caller: &Caller, content_type: Option<&str>, body: impl Into<Body>) -> Answer {
    let mut request = Request::builder().method(Method::POST).uri("/notes");
    if let Some(content_type) = content_type {
        request = request.header("content-type", content_type);
    }
    caller.request(request.body(body.into()).unwrap()).await
}

#[testkit::test]
async fn bodies_must_be_small_json_objects(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    let json = Some("application/json");

    send(
        &ada,
        Some("application/json; charset=utf-8"),
        r#"{"text":"a","text":"b"}"#,
    )
    .await
    .expect(200);
    for broken in [
        "{",
        "[]",
        "\"x\"",
        "1",
        "{\"text\":\"\u{1}\"}",
        "{\"text\":\"x\"} y",
    ] {
        send(&ada, json, broken)
            .await
            .expect_error(400, &["Malformed JSON body"]);
    }
    send(&ada, json, vec![b'{', 0xff, b'}'])
        .await
        .expect_error(400, &["Malformed JSON body"]);
    send(&ada, json, "[".repeat(100_000))
        .await
        .expect_error(400, &["Malformed JSON body"]);
    for other in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
    ] {
        send(&ada, other, "text=x")
            .await
            .expect_error(415, &["Content-Type must be application/json"]);
    }
    send(&ada, json, Body::empty()).await.expect_error(
        400,
        &[
            "text must be a string",
            "text must be shorter than or equal to 10 characters",
            "text should not be empty",
        ],
    );
    app.anyone()
        .post("/notes", json!({"nonsense": 1}))
        .await
        .expect(401);
}

#[testkit::test]
async fn a_body_may_have_one_mebibyte(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    let body = |size: usize| format!("{{\"x\":\"{}\"}}", "a".repeat(size - 8));
    let put = |size: usize| {
        Request::put("/notes")
            .header("content-type", "application/json")
            .body(Body::from(body(size)))
            .unwrap()
    };

    assert_eq!(
        ada.request(put(1_048_576)).await.expect(200).json(),
        1_048_576
    );
    let answer = ada.request(put(1_048_577)).await.expect(413);
    assert_eq!(
        answer.json(),
        json!({"statusCode": 413, "message": "request entity too large"})
    );
}

#[testkit::test]
async fn the_callers_row_is_read_in_the_guards_statement(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;

    let (answer, usage) = shared::db::measured(ada.get("/account")).await;

    assert_eq!(answer.expect(200).json()["privateProjectsCount"], 0);
    assert_eq!(usage.statements, 1);
}
