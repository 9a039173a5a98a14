//! API keys on application routes.

use serde_json::json;
use shared::api_key::{ApiKeyRefusal, hash};
use sqlx::PgPool;
use testing::{Answer, App, Caller};

use crate::{api, guard::not_public};

const KEY: &str = "cc_oguqufGkipgmbZjaxCWoNLHIgQUEByabrQCAhRijgpNjzVftvTARCECDftLrkYhI";

/// Inserts the key of [`with_key`] for a user, and sets these columns.
pub async fn insert_key(app: &App, user: &Caller, columns: &str) {
    let mut query = sqlx::QueryBuilder::<sqlx::Postgres>::new(
        r#"insert into apikey (id, "referenceId", key, "createdAt", "updatedAt", "rateLimitTimeWindow", "rateLimitMax")
           values ('key', "#,
    );
    query.push_bind(&user.id).push(", ").push_bind(hash(KEY));
    query.push(", now() at time zone 'utc', now() at time zone 'utc', 60000, 600)");
    query.build().execute(&app.state.db).await.unwrap();
    if !columns.is_empty() {
        let update = format!("update apikey set {columns}");
        sqlx::query(sqlx::AssertSqlSafe(update))
            .execute(&app.state.db)
            .await
            .unwrap();
    }
}

pub fn with_key(app: &App) -> Caller {
    app.anyone().header("x-api-key", KEY)
}

async fn execute(app: &App, sql: &'static str) {
    sqlx::query(sql).execute(&app.state.db).await.unwrap();
}

fn retry_after(answer: &Answer) -> u64 {
    answer.header("retry-after").parse().unwrap()
}

async fn keys(app: &App) -> i64 {
    sqlx::query_scalar("select count(*) from apikey")
        .fetch_one(&app.state.db)
        .await
        .unwrap()
}

#[testkit::test]
async fn a_key_identifies_its_owner_in_either_header(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    let bob = app.user("bob").await;
    insert_key(&app, &ada, "").await;

    for caller in [
        with_key(&app),
        app.anyone()
            .header("authorization", &format!("Bearer {KEY}")),
        bob.header("x-api-key", KEY),
    ] {
        assert_eq!(
            caller.get("/me").await.expect(200).json()["id"],
            ada.id.as_str()
        );
        assert_eq!(
            caller.get("/open").await.expect(200).json()["viewer"],
            ada.id.as_str()
        );
        caller
            .post("/notes", json!({"text": "hi"}))
            .await
            .expect(200);
    }
    let answer = with_key(&app)
        .header("origin", "https://evil.example")
        .get("/me")
        .await;
    answer.expect(200);
}

#[testkit::test]
async fn a_key_is_rejected_where_a_session_is_required(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    insert_key(&app, &ada, "").await;
    execute(&app, r#"update "user" set role = 'admin'"#).await;

    with_key(&app)
        .delete("/me")
        .await
        .expect_error(403, &["API keys cannot be used here"]);
    let me = with_key(&app).get("/me").await.expect(200).json();
    assert_eq!(me["isStaff"], false);
    with_key(&app).get("/figures").await.expect(403);
    ada.get("/figures").await.expect(200);
}

#[testkit::test]
async fn scopes_are_enforced_by_method(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    insert_key(&app, &ada, r#"permissions = '{"api":["read"]}'"#).await;
    with_key(&app).get("/me").await.expect(200);
    with_key(&app)
        .post("/notes", json!({"text": "hi"}))
        .await
        .expect_error(403, &["API key lacks the write scope"]);

    execute(
        &app,
        r#"update apikey set permissions = '{"metrics":["read"]}'"#,
    )
    .await;
    with_key(&app)
        .get("/me")
        .await
        .expect_error(403, &["API key lacks the read scope"]);
    with_key(&app).get("/figures").await.expect(403);
    execute(&app, r#"update "user" set role = 'admin'"#).await;
    with_key(&app).get("/figures").await.expect(200);
}

#[testkit::test]
async fn an_invalid_key_is_rejected_everywhere(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    insert_key(&app, &ada, "enabled = false").await;
    let unknown = KEY.replace("ogu", "ugo");
    let bearer = format!("Bearer {unknown}");
    for path in ["/me", "/open", "/free", "/figures"] {
        for caller in [
            with_key(&app),
            app.anyone().header("x-api-key", "short"),
            app.anyone().header("x-api-key", &unknown),
            app.anyone().header("x-api-key", &KEY.repeat(5)),
            app.anyone().header("authorization", &bearer),
            app.anyone().header("authorization", "Bearer "),
            // A valid session does not help.
            ada.clone().header("x-api-key", &unknown),
            ada.clone().header("authorization", &bearer),
        ] {
            refused(&caller.get(path).await);
        }
    }

    execute(&app, r#"update apikey set enabled = true, "expiresAt" = now() at time zone 'utc' - interval '1 second'"#).await;
    refused(&with_key(&app).get("/me").await);
    assert_eq!(keys(&app).await, 0);
}

/// Asserts that a response rejects a credential. The response does not depend on the reason.
#[track_caller]
fn refused(answer: &Answer) {
    assert_eq!(answer.status, 401, "{answer:?}");
    assert_eq!(
        answer.json(),
        json!({"statusCode": 401, "message": "Unauthorized"})
    );
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[testkit::test]
async fn headers_without_a_key_leave_the_decision_to_the_cookie(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;

    for (name, value) in [
        ("x-api-key", ""),
        ("authorization", "Basic YTpi"),
        ("authorization", "Bearer"),
    ] {
        let answer = ada.clone().header(name, value).get("/me").await.expect(200);
        assert_eq!(answer.json()["id"], ada.id.as_str(), "{name}: {value}");
        refused(&app.anyone().header(name, value).get("/me").await);
    }
}

#[testkit::test]
async fn the_key_of_an_inactive_owner_is_rejected_or_anonymous(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    insert_key(&app, &ada, "").await;
    for inactive in [
        r#"update "user" set "isActive" = false"#,
        r#"update "user" set "isActive" = true, banned = true"#,
    ] {
        execute(&app, inactive).await;
        with_key(&app)
            .get("/me")
            .await
            .expect_error(403, &["Account is deactivated"]);
        with_key(&app)
            .post("/notes", json!({"text": "hi"}))
            .await
            .expect_error(403, &["Account is deactivated"]);
        for path in ["/open", "/one"] {
            let answer = with_key(&app).get(path).await.expect(200);
            assert_eq!(answer.json()["viewer"], json!(null));
            not_public(&answer);
        }
    }

    execute(&app, r#"delete from "user""#).await;
    with_key(&app)
        .get("/me")
        .await
        .expect_error(401, &["Unauthorized"]);
}

#[testkit::test]
async fn ten_remaining_uses_are_ten_under_concurrent_requests(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    insert_key(&app, &ada, "remaining = 10").await;

    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let caller = with_key(&app);
        requests.spawn(async move { caller.get("/me").await.status.as_u16() });
    }
    let statuses = requests.join_all().await;

    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 10);
    // The first request without a remaining use deletes the key. It is unknown to later requests.
    assert!(
        statuses
            .iter()
            .all(|status| matches!(status, 200 | 401 | 429)),
        "{statuses:?}"
    );
    assert_eq!(keys(&app).await, 0);
}

#[testkit::test]
async fn a_keys_own_limit_holds_under_concurrent_requests(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    insert_key(&app, &ada, r#""rateLimitMax" = 10"#).await;

    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let caller = with_key(&app);
        requests.spawn(async move { caller.get("/me").await });
    }
    let answers = requests.join_all().await;

    assert_eq!(
        answers.iter().filter(|answer| answer.status == 200).count(),
        10
    );
    let refused: Vec<_> = answers
        .into_iter()
        .filter(|answer| answer.status != 200)
        .collect();
    assert_eq!(refused.len(), 40);
    for answer in refused {
        let answer = answer.expect_error(429, &["Too Many Requests"]);
        assert!((1..=60).contains(&retry_after(&answer)));
    }
}

#[testkit::test]
async fn a_refill_and_a_new_window_begin_once_under_concurrent_requests(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    for columns in [
        r#"remaining = 0, "refillAmount" = 10, "refillInterval" = 3600000,
           "lastRefillAt" = now() at time zone 'utc' - interval '2 hours'"#,
        r#""rateLimitMax" = 10, "requestCount" = 10, "lastRequest" = now() at time zone 'utc' - interval '2 hours'"#,
    ] {
        execute(&app, "delete from apikey").await;
        insert_key(&app, &ada, columns).await;

        let mut requests = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let caller = with_key(&app);
            requests.spawn(async move { caller.get("/me").await.status.as_u16() });
        }
        let statuses = requests.join_all().await;

        let count = |status| statuses.iter().filter(|found| **found == status).count();
        assert_eq!(
            (count(200), count(429)),
            (10, 40),
            "{columns}: {statuses:?}"
        );
    }
}

#[testkit::test]
async fn a_due_refill_sets_the_remaining_uses(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    insert_key(
        &app,
        &ada,
        r#"remaining = 0, "refillAmount" = 2, "refillInterval" = 3600000"#,
    )
    .await;
    let answer = with_key(&app)
        .get("/me")
        .await
        .expect_error(429, &["Too Many Requests"]);
    assert!((3500..=3600).contains(&retry_after(&answer)));
    assert_eq!(keys(&app).await, 1);

    execute(
        &app,
        r#"update apikey set "lastRefillAt" = now() at time zone 'utc' - interval '2 hours'"#,
    )
    .await;
    with_key(&app).get("/me").await.expect(200);
    with_key(&app).get("/me").await.expect(200);
    with_key(&app).get("/me").await.expect(429);
}

#[testkit::test]
async fn a_due_refill_does_not_lift_the_rate_limit(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    insert_key(
        &app,
        &ada,
        r#"remaining = 0, "refillAmount" = 2, "refillInterval" = 1000,
           "lastRefillAt" = now() at time zone 'utc' - interval '1 hour',
           "rateLimitMax" = 1, "requestCount" = 1, "lastRequest" = now() at time zone 'utc'"#,
    )
    .await;

    let refusal = shared::api_key::verify(&app.state.db, KEY)
        .await
        .unwrap()
        .unwrap_err();

    assert!(matches!(refusal, ApiKeyRefusal::RateLimited(1..=60_000)));
}

#[testkit::test]
async fn a_key_without_refill_is_deleted_after_its_last_use(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    insert_key(&app, &ada, "remaining = 0").await;

    let answer = with_key(&app).get("/me").await;

    let answer = answer.expect_error(429, &["Too Many Requests"]);
    assert_eq!(answer.header("retry-after"), "");
    assert_eq!(keys(&app).await, 0);
    refused(&with_key(&app).get("/me").await);
}

#[testkit::test]
async fn the_last_use_of_a_key_without_limits_is_stored_once_a_minute(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    insert_key(&app, &ada, r#""rateLimitEnabled" = false"#).await;
    let touched = async || -> chrono::NaiveDateTime {
        sqlx::query_scalar(r#"select "lastRequest" from apikey"#)
            .fetch_one(&app.state.db)
            .await
            .unwrap()
    };

    with_key(&app).get("/me").await.expect(200);
    let first = touched().await;
    with_key(&app).get("/me").await.expect(200);
    assert_eq!(touched().await, first);
    execute(
        &app,
        r#"update apikey set "lastRequest" = "lastRequest" - interval '61 seconds'"#,
    )
    .await;
    with_key(&app).get("/me").await.expect(200);
    assert!(touched().await >= first);

    // With a limit, each use is counted.
    execute(&app, r#"update apikey set "rateLimitEnabled" = true"#).await;
    for _ in 0..2 {
        with_key(&app).get("/me").await.expect(200);
    }
    let count: i32 = sqlx::query_scalar(r#"select "requestCount" from apikey"#)
        .fetch_one(&app.state.db)
        .await
        .unwrap();
    assert_eq!(count, 2);
}

#[testkit::test]
async fn a_read_by_key_takes_at_most_two_round_trips(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    insert_key(&app, &ada, "").await;

    for (path, statements) in [("/me", 1), ("/open", 1), ("/people", 2), ("/account", 2)] {
        let (answer, usage) = shared::db::measured(with_key(&app).get(path)).await;
        let answer = answer.expect(200);
        assert_eq!(usage.statements, statements, "{path}");
        assert!(
            answer.header("ratelimit").starts_with("\"read\";r="),
            "{path}"
        );
    }
    let used: i32 = sqlx::query_scalar(r#"select "requestCount" from apikey"#)
        .fetch_one(&app.state.db)
        .await
        .unwrap();
    assert_eq!(used, 4);
}
