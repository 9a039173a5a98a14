//! API keys on application routes.

use serde_json::json;
use shared::{
    api_key::hash,
    testing::{App, Caller},
};
use sqlx::PgPool;

use crate::api;

const KEY: &str = "cc_oguqufGkipgmbZjaxCWoNLHIgQUEByabrQCAhRijgpNjzVftvTARCECDftLrkYhI";

/// A key of a user with the columns that a test is about.
async fn insert_key(app: &App, user: &Caller, columns: &str) {
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

fn with_key(app: &App) -> Caller {
    app.anyone().header("x-api-key", KEY)
}

async fn keys(app: &App) -> i64 {
    sqlx::query_scalar("select count(*) from apikey")
        .fetch_one(&app.state.db)
        .await
        .unwrap()
}

#[sqlx::test(migrator = "shared::testing::MIGRATOR")]
async fn a_key_is_its_owner_in_either_header(db: PgPool) {
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

#[sqlx::test(migrator = "shared::testing::MIGRATOR")]
async fn a_key_does_not_reach_what_needs_a_session(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    insert_key(&app, &ada, "").await;
    sqlx::query(r#"update "user" set role = 'admin'"#)
        .execute(&app.state.db)
        .await
        .unwrap();

    with_key(&app)
        .delete("/me")
        .await
        .expect_error(403, &["API keys cannot be used here"]);
    let me = with_key(&app).get("/me").await.expect(200).json();
    assert_eq!(me["isStaff"], false);
    with_key(&app).get("/figures").await.expect(403);
    ada.get("/figures").await.expect(200);
}

#[sqlx::test(migrator = "shared::testing::MIGRATOR")]
async fn scopes_are_enforced_by_method(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    insert_key(&app, &ada, r#"permissions = '{"api":["read"]}'"#).await;
    with_key(&app).get("/me").await.expect(200);
    with_key(&app)
        .post("/notes", json!({"text": "hi"}))
        .await
        .expect_error(403, &["API key lacks the write scope"]);

    sqlx::query(r#"update apikey set permissions = '{"metrics":["read"]}'"#)
        .execute(&app.state.db)
        .await
        .unwrap();
    with_key(&app)
        .get("/me")
        .await
        .expect_error(403, &["API key lacks the read scope"]);
    with_key(&app).get("/figures").await.expect(403);
    sqlx::query(r#"update "user" set role = 'admin'"#)
        .execute(&app.state.db)
        .await
        .unwrap();
    with_key(&app).get("/figures").await.expect(200);
}

#[sqlx::test(migrator = "shared::testing::MIGRATOR")]
async fn a_refused_key_is_refused_everywhere(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    insert_key(&app, &ada, "enabled = false").await;
    for path in ["/me", "/open", "/free"] {
        with_key(&app)
            .get(path)
            .await
            .expect_error(401, &["API Key is disabled"]);
        app.anyone()
            .header("x-api-key", "short")
            .get(path)
            .await
            .expect_error(401, &["Invalid API key."]);
        app.anyone()
            .header("x-api-key", &KEY.replace("ogu", "ugo"))
            .get(path)
            .await
            .expect_error(401, &["Invalid API key."]);
    }

    sqlx::query(r#"update apikey set enabled = true, "expiresAt" = now() at time zone 'utc' - interval '1 second'"#)
        .execute(&app.state.db)
        .await
        .unwrap();
    with_key(&app)
        .get("/me")
        .await
        .expect_error(401, &["API Key has expired"]);
    assert_eq!(keys(&app).await, 0);
}

#[sqlx::test(migrator = "shared::testing::MIGRATOR")]
async fn the_key_of_an_inactive_owner_is_refused_or_anonymous(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    insert_key(&app, &ada, "").await;
    sqlx::query(r#"update "user" set "isActive" = false"#)
        .execute(&app.state.db)
        .await
        .unwrap();
    with_key(&app)
        .get("/me")
        .await
        .expect_error(403, &["Account is deactivated"]);
    assert_eq!(
        with_key(&app).get("/open").await.expect(200).json()["viewer"],
        json!(null)
    );

    sqlx::query(r#"delete from "user""#)
        .execute(&app.state.db)
        .await
        .unwrap();
    with_key(&app)
        .get("/me")
        .await
        .expect_error(401, &["The reference id from the API key is invalid."]);
}

#[sqlx::test(migrator = "shared::testing::MIGRATOR")]
async fn ten_remaining_uses_are_ten_under_parallel_requests(db: PgPool) {
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
    // The first request that finds no use left deletes the key: after that it is unknown.
    assert!(
        statuses
            .iter()
            .all(|status| matches!(status, 200 | 401 | 429)),
        "{statuses:?}"
    );
    assert_eq!(keys(&app).await, 0);
}

#[sqlx::test(migrator = "shared::testing::MIGRATOR")]
async fn a_keys_own_limit_holds_under_parallel_requests(db: PgPool) {
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
        let answer = answer.expect_error(429, &["Rate limit exceeded."]);
        assert!((1..=60).contains(&answer.header("retry-after").parse::<u64>().unwrap()));
    }
}

#[sqlx::test(migrator = "shared::testing::MIGRATOR")]
async fn a_refill_comes_due(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    insert_key(
        &app,
        &ada,
        r#"remaining = 0, "refillAmount" = 2, "refillInterval" = 3600000"#,
    )
    .await;
    with_key(&app)
        .get("/me")
        .await
        .expect_error(429, &["API Key has reached its usage limit"]);
    assert_eq!(keys(&app).await, 1);

    sqlx::query(
        r#"update apikey set "lastRefillAt" = now() at time zone 'utc' - interval '2 hours'"#,
    )
    .execute(&app.state.db)
    .await
    .unwrap();
    with_key(&app).get("/me").await.expect(200);
    with_key(&app).get("/me").await.expect(200);
    with_key(&app).get("/me").await.expect(429);
}

#[sqlx::test(migrator = "shared::testing::MIGRATOR")]
async fn a_key_without_limits_is_touched_once_a_minute(db: PgPool) {
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
}
