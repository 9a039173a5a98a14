//! Requests under `/api/auth` with an API key.

use axum::http::Method;
use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::api_key::hash;
use sqlx::PgPool;
use testing::{Caller, Log};
use tracing::Level;

use crate::{
    Stage,
    admin::act,
    api_key::{KEYS, create, post},
    expect_code,
};

const SESSION: &str = "/api/auth/get-session";

impl Stage {
    /// Creates a key of `owner`. Returns it with a caller that sends it.
    async fn with_key(&self, owner: &Caller, body: Value) -> (String, Caller) {
        let key = create(owner, body).await["key"]
            .as_str()
            .unwrap()
            .to_owned();
        let caller = self.app.anyone().header("x-api-key", &key);
        (key, caller)
    }
}

#[testkit::test]
async fn a_key_acts_as_a_session_of_its_owner(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.person("ada").await;
    let bob = stage.person("bob").await;
    let (key, caller) = stage.with_key(&ada, json!({ "expiresIn": 100_000 })).await;
    let row = stage.row(r#"select *, to_char("expiresAt", 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as ends from apikey"#).await;

    // A key takes precedence over a cookie.
    let both = bob
        .clone()
        .header("x-api-key", &key)
        .header("user-agent", "curl");
    for (caller, agent) in [(&caller, Value::Null), (&both, json!("curl"))] {
        let answer = caller.get(SESSION).await.expect(200);
        assert_eq!(answer.header("set-cookie"), "");
        assert_eq!(answer.header("cache-control"), "no-store");
        let answer = answer.json();
        assert_eq!(answer["user"]["id"], ada.id);
        assert_eq!(
            answer["user"]["email"],
            format!("ada-{}@test.example", ada.id)
        );
        let session = &answer["session"];
        assert_eq!(
            (&session["id"], &session["token"], &session["userId"]),
            (&row["id"], &json!(key), &json!(ada.id))
        );
        assert_eq!(
            (&session["userAgent"], &session["ipAddress"]),
            (&agent, &json!("127.0.0.1"))
        );
        assert_eq!(
            (&session["expiresAt"], &session["createdAt"]),
            (&row["ends"], &session["updatedAt"])
        );
    }
    assert_eq!(stage.count("session").await, 2);
    assert_eq!(stage.row("select * from apikey").await["requestCount"], 2);
    let (_, endless) = stage.with_key(&ada, json!({})).await;
    let session = endless.get(SESSION).await.json()["session"].clone();
    assert!(session["expiresAt"].as_str() > session["createdAt"].as_str());
    // An empty header is ignored.
    let empty = bob.clone().header("x-api-key", "");
    let answer = empty.get(SESSION).await.expect(200);
    assert_eq!(answer.json()["user"]["id"], bob.id);
}

#[testkit::test]
async fn a_key_cannot_write(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.with_role("ada", "admin").await;
    let (_, all) = stage.with_key(&ada, json!({})).await;
    let (_, reader) = stage
        .with_key(&ada, json!({ "metadata": { "scopes": ["read"] } }))
        .await;
    let (_, writer) = stage
        .with_key(&ada, json!({ "metadata": { "scopes": ["write"] } }))
        .await;
    let (_, metrics) = stage
        .with_key(&ada, json!({ "metadata": { "scopes": ["metrics"] } }))
        .await;

    for path in [
        "get-session",
        "session",
        "list-accounts",
        "api-key/list",
        "ok",
    ] {
        let path = format!("/api/auth/{path}");
        for caller in [&all, &reader] {
            caller.get(&path).await.expect(200);
        }
        for caller in [&writer, &metrics] {
            expect_code(
                &caller.get(&path).await,
                403,
                "FORBIDDEN",
                "API key lacks the read scope",
            );
        }
    }
    for (method, path) in [
        (Method::POST, "sign-in/social"),
        (Method::POST, "sign-out"),
        (Method::POST, "get-session"),
        (Method::POST, "update-user"),
        (Method::POST, "revoke-sessions"),
        (Method::POST, "link-social"),
        (Method::POST, "api-key/create"),
        (Method::POST, "api-key/delete"),
        (Method::POST, "admin/ban-user"),
        (Method::POST, "admin/has-permission"),
        (Method::GET, "admin/list-users"),
        (Method::GET, "admin/get-user"),
    ] {
        for caller in [&all, &writer] {
            let body = (method == Method::POST).then(|| json!({}));
            let answer = caller
                .send(method.clone(), &format!("/api/auth/{path}"), body)
                .await;
            expect_code(&answer, 403, "FORBIDDEN", "API keys cannot be used here");
        }
    }
    ada.get("/api/auth/session").await.expect(200);
}

#[testkit::test]
async fn a_key_does_not_count_as_a_fresh_session(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.person("ada").await;
    let (_, caller) = stage.with_key(&ada, json!({})).await;

    let answer = caller.get("/api/auth/list-sessions").await;

    expect_code(&answer, 403, "SESSION_NOT_FRESH", "Session is not fresh");
}

#[testkit::test]
async fn a_banned_owners_key_is_rejected_everywhere(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.person("ada").await;
    let (_, caller) = stage.with_key(&ada, json!({})).await;
    let ban = async |ends: &str| {
        stage
            .execute(&format!(
                r#"update "user" set banned = true, "banExpires" = {ends}"#
            ))
            .await;
    };

    for ends in ["null", "now() at time zone 'utc' + interval '1 hour'"] {
        ban(ends).await;
        for path in [
            "get-session",
            "session",
            "ok",
            "list-accounts",
            "api-key/list",
        ] {
            let answer = caller.get(&format!("/api/auth/{path}")).await;
            expect_code(
                &answer,
                403,
                "BANNED_USER",
                "You have been banned from this application. Please contact support if you believe this is an error.",
            );
        }
    }
    ban("now() at time zone 'utc' - interval '1 second'").await;
    caller.get(SESSION).await.expect(200);
}

#[testkit::test]
async fn invalid_keys_are_rejected_everywhere(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.person("ada").await;
    let long = "x".repeat(64);
    let (key, _) = stage.with_key(&ada, json!({})).await;
    let not_quite = format!("{}!", &key[..key.len() - 1]);

    for (key, status) in [
        ("short", 403),
        (&long, 401),
        (&not_quite, 401),
        (&"y".repeat(5000), 401),
    ] {
        // A valid session does not help.
        for caller in [stage.app.anyone(), ada.clone()] {
            let caller = caller.header("x-api-key", key);
            for path in [
                "get-session",
                "ok",
                "error",
                "list-sessions",
                "callback/github",
                "admin/list-users",
            ] {
                let answer = caller.get(&format!("/api/auth/{path}")).await;
                expect_code(&answer, status, "INVALID_API_KEY", "Invalid API key.");
            }
            for path in [
                "sign-in/social",
                "sign-out",
                "sign-in/email",
                "api-key/create",
            ] {
                let answer = caller.post(&format!("/api/auth/{path}"), json!({})).await;
                expect_code(&answer, status, "INVALID_API_KEY", "Invalid API key.");
            }
            caller.get("/api/auth/unknown").await.expect(404);
        }
    }
    let garbled = stage.app.anyone();
    let request = axum::http::Request::get(SESSION)
        .header(
            "x-api-key",
            axum::http::HeaderValue::from_bytes(&[0xff; 80]).unwrap(),
        )
        .body(axum::body::Body::empty())
        .unwrap();
    expect_code(
        &garbled.request(request).await,
        403,
        "INVALID_API_KEY",
        "Invalid API key.",
    );
}

#[testkit::test]
async fn disabled_exhausted_and_expired_keys_are_rejected(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.person("ada").await;
    let (_, caller) = stage.with_key(&ada, json!({})).await;
    let expect = async |status, code, message| {
        expect_code(&caller.get(SESSION).await, status, code, message);
    };

    stage.execute("update apikey set enabled = false").await;
    expect(401, "KEY_DISABLED", "API Key is disabled").await;
    stage
        .execute(r#"update apikey set enabled = true, "rateLimitMax" = 2, "requestCount" = 2, "lastRequest" = now() at time zone 'utc'"#)
        .await;
    let answer = caller.get(SESSION).await.expect(429).json();
    assert_eq!(
        (&answer["message"], &answer["code"]),
        (&json!("Rate limit exceeded."), &json!("RATE_LIMITED"))
    );
    let wait = answer["details"]["tryAgainIn"].as_i64().unwrap();
    assert!((50_000..=60_000).contains(&wait), "{wait}");
    stage
        .execute(r#"update apikey set "rateLimitEnabled" = false, remaining = 1"#)
        .await;
    caller.get(SESSION).await.expect(200);
    expect(429, "USAGE_EXCEEDED", "API Key has reached its usage limit").await;
    expect(401, "INVALID_API_KEY", "Invalid API key.").await;
    assert_eq!(stage.count("apikey").await, 0);
    let (_, caller) = stage.with_key(&ada, json!({})).await;
    stage
        .execute(
            r#"update apikey set "expiresAt" = now() at time zone 'utc' - interval '1 second'"#,
        )
        .await;
    expect_code(
        &caller.get(SESSION).await,
        401,
        "KEY_EXPIRED",
        "API Key has expired",
    );
    assert_eq!(stage.count("apikey").await, 0);
    let (_, caller) = stage.with_key(&ada, json!({})).await;
    stage.execute(r#"delete from "user""#).await;
    expect_code(
        &caller.get(SESSION).await,
        401,
        "INVALID_REFERENCE_ID_FROM_API_KEY",
        "The reference id from the API key is invalid.",
    );
}

#[testkit::test]
async fn a_keys_limit_holds_under_load(db: PgPool) {
    let stage = Stage::configured(db, &[("API_KEY_RATE_LIMIT_MAX", "10")]).await;
    let ada = stage.person("ada").await;
    let (_, caller) = stage.with_key(&ada, json!({})).await;

    let answers = join_all((0..30).map(|_| caller.get(SESSION))).await;

    assert_eq!(
        answers.iter().filter(|answer| answer.status == 200).count(),
        10
    );
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["code"]),
            (429, &json!("RATE_LIMITED"))
        );
    }
}

#[testkit::test]
async fn the_log_has_staff_actions_and_no_secrets_or_addresses(db: PgPool) {
    const PASSWORD: &str = "a password that nobody has";
    let log = Log::capture(Level::TRACE);
    let stage = Stage::new(db).await;
    let ada = stage.with_role("ada", "admin").await;
    let bob = stage.person("bob").await;
    let (key, caller) = stage.with_key(&bob, json!({})).await;
    let guessed = "guessed".repeat(10);
    let mut answers = vec![
        caller
            .get(SESSION)
            .await
            .expect(200)
            .text()
            .replace(&key, ""),
        caller.get(&format!("{KEYS}/list")).await.expect(200).text(),
        stage
            .app
            .anyone()
            .header("x-api-key", &guessed)
            .get(SESSION)
            .await
            .expect(401)
            .text(),
        post(&caller, "create", json!({})).await.expect(403).text(),
    ];
    for (action, body) in [
        (
            "set-user-password",
            json!({ "userId": bob.id, "newPassword": PASSWORD }),
        ),
        (
            "set-user-password",
            json!({ "userId": "nobody", "newPassword": PASSWORD }),
        ),
        (
            "create-user",
            json!({ "email": "new@test.example", "name": "New", "password": PASSWORD }),
        ),
        (
            "create-user",
            json!({ "email": "new@test.example", "name": "New", "password": PASSWORD }),
        ),
        (
            "update-user",
            json!({ "userId": bob.id, "data": { "password": PASSWORD } }),
        ),
        (
            "update-user",
            json!({ "userId": bob.id, "data": { "name": "B" } }),
        ),
        ("set-role", json!({ "userId": bob.id, "role": "moderator" })),
        ("ban-user", json!({ "userId": bob.id })),
        ("unban-user", json!({ "userId": bob.id })),
        ("list-user-sessions", json!({ "userId": bob.id })),
        ("revoke-user-session", json!({ "sessionToken": "x" })),
        ("revoke-user-sessions", json!({ "userId": bob.id })),
        ("impersonate-user", json!({ "userId": bob.id })),
        ("remove-user", json!({ "userId": bob.id })),
    ] {
        answers.push(act(&ada, action, body).await.text());
    }
    let stored = stage.row("select * from account").await["password"]
        .as_str()
        .unwrap()
        .to_owned();

    let log = log.take();
    assert!(log.contains("auth request"));
    let key_hash = hash(&key);
    for secret in [key.as_str(), &key_hash, &guessed, PASSWORD, &stored] {
        assert!(!log.contains(secret), "{secret}");
        assert!(
            !answers.iter().any(|answer| answer.contains(secret)),
            "{secret}"
        );
    }
    assert!(!log.contains("new@test.example"));
    assert!(!log.contains(&format!("bob-{}@", bob.id)));
    for action in [
        "user.set-password",
        "user.create",
        "user.update",
        "user.set-role",
        "user.ban",
        "user.unban",
        "session.list",
        "session.revoke",
        "session.revoke-all",
        "user.impersonate",
        "user.remove",
    ] {
        let told = format!("action=\"{action}\"");
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(&told)).collect();
        assert_eq!(lines.len(), 1, "{action}");
        assert!(
            lines[0].contains("audit: an admin acted") && lines[0].contains(&ada.id),
            "{}",
            lines[0]
        );
        let names_user = lines[0].contains(&bob.id);
        assert_eq!(
            names_user,
            !matches!(action, "user.create" | "session.revoke"),
            "{}",
            lines[0]
        );
    }
}
