//! `get-session` and `session`: the session of the caller, and its expiry.

use provider::Person;
use serde_json::{Value, json};
use shared::random;
use sqlx::PgPool;
use testing::Caller;

use crate::{CLEARED, Stage, expect_code};

/// Six days, in seconds.
const SIX_DAYS: i32 = 518_400;

const SESSION: &str = "/api/auth/get-session";

/// Inserts a session that expires in `left` seconds and was created `age` seconds ago.
async fn session(stage: &Stage, left: i32, age: i32) -> (String, Caller) {
    let user = random::id();
    stage.app.insert_user(&user, "ada").await;
    let token = random::id();
    sqlx::query(
        r#"insert into session (id, token, "userId", "expiresAt", "createdAt", "updatedAt")
           select $1, $2, $3, now + make_interval(secs => $4), now - make_interval(secs => $5),
               now - make_interval(secs => $5)
           from (select now() at time zone 'utc' as now) t"#,
    )
    .bind(random::id())
    .bind(&token)
    .bind(&user)
    .bind(f64::from(left))
    .bind(f64::from(age))
    .execute(&stage.db)
    .await
    .unwrap();
    let caller = stage.app.with_token(&user, &token);
    (token, caller)
}

#[testkit::test]
async fn a_session_is_returned_in_better_auths_format(db: PgPool) {
    let stage = Stage::new(db).await;
    let person = stage.provider.register(Person::new("ada"));
    let mut browser = stage.signed_in(&person).await;

    let answer = browser.get(SESSION).await.expect(200);

    let body = answer.json();
    let (session, user) = (&body["session"], &body["user"]);
    let row = stage.row("select token, id from session").await;
    let time = r#"to_char("createdAt", 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as created"#;
    let made = stage.row(&format!("select {time} from session")).await["created"].clone();
    let text = answer.text();
    let expected = format!(
        r#"{{"session":{{"expiresAt":{},"token":{},"createdAt":{made},"updatedAt":{made},"ipAddress":"127.0.0.1","userAgent":"","userId":{},"impersonatedBy":null,"id":{}}},"user":{{"name":"Ada","email":"ada@example.com","emailVerified":true,"image":{},"createdAt":{},"updatedAt":{},"role":"user","banned":false,"banReason":null,"banExpires":null,"id":{}}}}}"#,
        session["expiresAt"],
        row["token"],
        user["id"],
        row["id"],
        user["image"],
        user["createdAt"],
        user["updatedAt"],
        user["id"]
    );
    assert_eq!(text, expected);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("pragma"), "no-cache");
    assert_eq!(answer.header("etag"), "");
    assert_eq!(answer.header("set-cookie"), "");
}

#[testkit::test]
async fn a_request_without_a_session_returns_null(db: PgPool) {
    let stage = Stage::new(db).await;
    let (token, _) = session(&stage, 604_800, 0).await;
    let cookies = &stage.app.state.config.cookies;
    let signed = cookies.sign(&token);

    for cookie in [
        String::new(),
        format!("better-auth.session_token={token}"),
        format!("better-auth.session_token={}", signed.replace('.', ".A")),
        format!("better-auth.session_token={}", signed.replace("%3D", "")),
        format!("better-auth.session_token=%ff; better-auth.session_token={signed}"),
        format!("__Secure-better-auth.session_token={signed}"),
        "better-auth.session_token=.rrjlU9T7lxoX8YJn8E5J51QY6%2BHEH%2BoBTjFtbbUYZgI%3D".to_owned(),
        "nonsense".to_owned(),
    ] {
        let caller = stage.app.anyone().header("cookie", &cookie);
        let answer = caller.get(SESSION).await.expect(200);
        assert_eq!(answer.text(), "null", "{cookie}");
        assert_eq!(answer.header("set-cookie"), "", "{cookie}");
        assert_eq!(answer.header("cache-control"), "no-store");
        let answer = caller.get("/api/auth/session").await;
        expect_code(&answer, 401, "UNAUTHORIZED", "Unauthorized");
    }
    assert_eq!(stage.count("session").await, 1);
}

/// Cookies of the page may have any characters.
#[testkit::test]
async fn unusual_cookies_do_not_hide_the_session(db: PgPool) {
    let stage = Stage::new(db).await;
    let (token, _) = session(&stage, 604_800, 0).await;
    let signed = stage.app.state.config.cookies.sign(&token);
    let own = format!("better-auth.session_token={signed}");

    for cookies in [
        format!("name=J\u{fc}rgen; {own}")
            .chars()
            .map(|c| c as u8)
            .collect(),
        format!("name=Jürgen; straße=1; {own}").into_bytes(),
        format!("; =; =x; x; name=\"a; {own}").into_bytes(),
    ] {
        let request = axum::http::Request::get(SESSION)
            .header("cookie", Vec::<u8>::as_slice(&cookies))
            .body(axum::body::Body::empty())
            .unwrap();
        let answer = stage.app.anyone().request(request).await.expect(200);
        assert_eq!(answer.json()["session"]["token"], token);
    }
}

/// The cookie was recorded from a Node server.
#[testkit::test]
async fn cookies_of_the_node_server_are_accepted(db: PgPool) {
    let stage = Stage::new(db).await;
    let (_, _) = session(&stage, 604_800, 0).await;
    stage
        .execute("update session set token = 'pAQ8n2FvXb7Zc1LmT5yRk0WuJ6HsDg3E'")
        .await;

    for value in [
        "pAQ8n2FvXb7Zc1LmT5yRk0WuJ6HsDg3E.rrjlU9T7lxoX8YJn8E5J51QY6%2BHEH%2BoBTjFtbbUYZgI%3D",
        "\"pAQ8n2FvXb7Zc1LmT5yRk0WuJ6HsDg3E.rrjlU9T7lxoX8YJn8E5J51QY6+HEH+oBTjFtbbUYZgI=\"",
    ] {
        let answer = stage
            .app
            .anyone()
            .header("cookie", &format!("better-auth.session_token={value}"))
            .get(SESSION)
            .await;
        assert_eq!(
            answer.json()["session"]["token"],
            "pAQ8n2FvXb7Zc1LmT5yRk0WuJ6HsDg3E"
        );
    }
}

#[testkit::test]
async fn a_token_without_a_row_is_cleared(db: PgPool) {
    let stage = Stage::new(db).await;
    let caller = stage.app.with_token("", &random::id());

    let answer = caller.get(SESSION).await.expect(200);
    assert_eq!(answer.text(), "null");
    assert_eq!(answer.header_all("set-cookie"), CLEARED);

    for path in [
        "/api/auth/session",
        "/api/auth/list-accounts",
        "/api/auth/list-sessions",
    ] {
        let answer = caller.get(path).await;
        expect_code(&answer, 401, "UNAUTHORIZED", "Unauthorized");
        assert_eq!(answer.header_all("set-cookie"), CLEARED);
    }
}

#[testkit::test]
async fn an_expired_session_is_deleted(db: PgPool) {
    let stage = Stage::new(db).await;
    let (_, caller) = session(&stage, -1, 604_801).await;

    let answer = caller.get(SESSION).await.expect(200);

    assert_eq!(answer.text(), "null");
    assert_eq!(answer.header_all("set-cookie"), CLEARED);
    assert_eq!(stage.count("session").await, 0);
    // `session` deletes it as well.
    let (_, caller) = session(&stage, -1, 604_801).await;
    let answer = caller.get("/api/auth/list-accounts").await;
    expect_code(&answer, 401, "UNAUTHORIZED", "Unauthorized");
    assert_eq!(stage.count("session").await, 0);
}

#[testkit::test]
async fn a_session_with_six_days_left_is_refreshed(db: PgPool) {
    let stage = Stage::new(db).await;

    for (left, due) in [
        (SIX_DAYS + 60, false),
        (604_800, false),
        (SIX_DAYS, true),
        (SIX_DAYS - 60, true),
        (5, true),
    ] {
        let (token, caller) = session(&stage, left, 604_800 - left).await;
        let answer = caller.get(SESSION).await.expect(200);
        let body = answer.json();
        let row = stage
            .row(&format!(
                r#"select extract(epoch from "expiresAt" - now() at time zone 'utc')::int as left,
                   extract(epoch from now() at time zone 'utc' - "updatedAt")::int as age,
                   to_char("expiresAt", 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as ends,
                   to_char("updatedAt", 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as updated
                   from session where token = '{token}'"#
            ))
            .await;
        assert_eq!(body["session"]["expiresAt"], row["ends"]);
        assert_eq!(body["session"]["updatedAt"], row["updated"]);
        let kept = i32::try_from(row["left"].as_i64().unwrap()).unwrap();
        if due {
            assert!((604_790..=604_800).contains(&kept), "{left} {row}");
            assert!(row["age"].as_i64().unwrap() < 10);
            let signed = stage.app.state.config.cookies.sign(&token);
            assert_eq!(
                answer.header_all("set-cookie"),
                [format!(
                    "better-auth.session_token={signed}; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax"
                )]
            );
        } else {
            assert!((left - 10..=left).contains(&kept), "{left} {row}");
            assert_eq!(answer.header("set-cookie"), "");
        }
    }
}

#[testkit::test]
async fn a_refresh_can_be_disabled(db: PgPool) {
    let stage = Stage::new(db).await;
    let (_, caller) = session(&stage, 1000, 600_000).await;
    let remembered = stage.app.state.config.cookies.sign("true");

    for (query, cookie, refreshed) in [
        ("?disableRefresh=true", "", false),
        ("?disableRefresh=false", "", false),
        ("", remembered.as_str(), false),
        ("?disableRefresh=", "true", true),
    ] {
        let caller = caller
            .clone()
            .header("cookie", &format!("better-auth.dont_remember={cookie}"));
        let answer = caller.get(&format!("{SESSION}{query}")).await.expect(200);
        assert_ne!(answer.json(), Value::Null);
        assert_eq!(
            answer.header("set-cookie").is_empty(),
            !refreshed,
            "{query}"
        );
    }
}

#[testkit::test]
async fn every_endpoint_with_a_session_refreshes(db: PgPool) {
    let stage = Stage::new(db).await;
    let two_days = 172_800;

    for path in ["/api/auth/list-accounts", "/api/auth/session"] {
        let (token, caller) = session(&stage, two_days, 432_000).await;
        let answer = caller.get(path).await.expect(200);
        let signed = stage.app.state.config.cookies.sign(&token);
        assert!(answer.header("set-cookie").contains(&signed), "{answer:?}");
    }
    // The session is also refreshed if the request is rejected afterwards, because a refresh does not make it fresh.
    let (token, caller) = session(&stage, two_days, 432_000).await;
    let answer = caller.get("/api/auth/list-sessions").await;
    expect_code(&answer, 403, "SESSION_NOT_FRESH", "Session is not fresh");
    let signed = stage.app.state.config.cookies.sign(&token);
    assert!(answer.header("set-cookie").contains(&signed));
}

#[testkit::test]
async fn the_cookie_cache_is_ignored_and_cleared(db: PgPool) {
    let stage = Stage::new(db).await;
    let chunks = "better-auth.session_data=a; better-auth.session_data.0=b; better-auth.session_data.1=c; \
                  better-auth.session_datax=d; better-auth.session_data.=e; better-auth.session_data.1x=f";
    let clear =
        |name: &str| format!("better-auth.{name}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax");

    let answer = stage
        .app
        .anyone()
        .header("cookie", chunks)
        .get(SESSION)
        .await
        .expect(200);
    assert_eq!(answer.text(), "null");
    assert_eq!(
        answer.header_all("set-cookie"),
        ["session_data", "session_data.0", "session_data.1"].map(clear)
    );

    let caller = stage
        .app
        .with_token("", &random::id())
        .header("cookie", chunks);
    let answer = caller.get(SESSION).await.expect(200);
    assert_eq!(
        answer.header_all("set-cookie"),
        [
            "session_token",
            "session_data",
            "session_data.0",
            "session_data.1",
            "dont_remember"
        ]
        .map(clear)
    );
}

#[testkit::test]
async fn post_is_not_allowed(db: PgPool) {
    let stage = Stage::new(db).await;

    let answer = crate::send(
        &stage.app.anyone(),
        axum::http::Method::POST,
        SESSION,
        "text/plain",
        b"x",
    )
    .await;

    expect_code(
        &answer,
        405,
        "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED",
        "POST method requires deferSessionRefresh to be enabled in session config",
    );
}

#[testkit::test]
async fn bearer_tokens_are_ignored(db: PgPool) {
    let stage = Stage::new(db).await;
    let (token, _) = session(&stage, 604_800, 0).await;

    let caller = stage
        .app
        .anyone()
        .header("authorization", &format!("Bearer {token}"));

    assert_eq!(caller.get(SESSION).await.expect(200).text(), "null");
}

#[testkit::test]
async fn only_secure_cookies_are_read_over_https(db: PgPool) {
    let stage = Stage::configured(db, &[("BETTER_AUTH_URL", "https://api.codecave.tech")]).await;
    let (token, caller) = session(&stage, 1000, 0).await;
    let signed = stage.app.state.config.cookies.sign(&token);

    let answer = caller.get(SESSION).await.expect(200);
    assert_eq!(
        answer.header_all("set-cookie"),
        [format!(
            "__Secure-better-auth.session_token={signed}; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Lax"
        )]
    );
    let answer = stage
        .app
        .anyone()
        .header("cookie", &format!("better-auth.session_token={signed}"))
        .get(SESSION)
        .await
        .expect(200);
    assert_eq!(answer.text(), "null");
}

#[testkit::test]
async fn microseconds_are_truncated_to_milliseconds(db: PgPool) {
    let stage = Stage::new(db).await;
    let (_, caller) = session(&stage, 604_800, 0).await;
    stage
        .execute(
            r#"alter table "user" alter "createdAt" type timestamp, alter "updatedAt" type timestamp"#,
        )
        .await;
    stage
        .execute(r#"update "user" set "createdAt" = '2025-01-15 10:30:00.123987'"#)
        .await;

    let answer = caller.get(SESSION).await.expect(200);

    assert_eq!(
        answer.json()["user"]["createdAt"],
        json!("2025-01-15T10:30:00.123Z")
    );
}
