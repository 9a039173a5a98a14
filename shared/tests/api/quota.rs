//! Rate limits and their headers.

use serde_json::json;
use sqlx::PgPool;
use testing::App;

use crate::api;

#[testkit::test]
async fn reads_and_writes_have_their_own_quotas(db: PgPool) {
    let app = App::configured(
        api(),
        db,
        &[("RATE_LIMITS", "real"), ("RATE_LIMIT_READ", "2/60")],
    );
    let ada = app.user("ada").await;

    let first = ada.get("/me").await.expect(200);
    assert_eq!(first.header("ratelimit-policy"), "\"read\";q=2;w=60");
    assert_eq!(first.header("ratelimit"), "\"read\";r=1;t=60");
    ada.get("/open").await.expect(200);
    let refused = ada.get("/me").await.expect(429);
    assert_eq!(
        refused.json(),
        json!({"statusCode": 429, "message": "Too Many Requests"})
    );
    assert!(refused.header("ratelimit").starts_with("\"read\";r=0;t="));
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds));
    ada.put("/notes", json!({})).await.expect(200);
    app.user("bob").await.get("/me").await.expect(200);
}

#[testkit::test]
async fn a_creation_counts_twice_and_pro_doubles_both(db: PgPool) {
    let app = App::configured(
        api(),
        db,
        &[("RATE_LIMITS", "real"), ("RATE_LIMIT_CREATE", "1/3600")],
    );
    let ada = app.user("ada").await;
    let pro = app.user("pro").await;
    sqlx::query(r#"update "user" set "isPro" = true where id = $1"#)
        .bind(&pro.id)
        .execute(&app.state.db)
        .await
        .unwrap();
    let note = json!({"text": "hi"});

    let answer = ada.post("/notes", note.clone()).await.expect(200);
    assert_eq!(
        answer.header("ratelimit-policy"),
        "\"write\";q=60;w=60, \"create\";q=1;w=3600"
    );
    assert!(answer.header("ratelimit").starts_with("\"create\";r=0;t="));
    ada.post("/notes", note.clone()).await.expect(429);
    pro.post("/notes", note.clone()).await.expect(200);
    pro.post("/notes", note.clone()).await.expect(200);
    pro.post("/notes", note).await.expect(429);
}

#[testkit::test]
async fn failed_credentials_are_counted_by_network(db: PgPool) {
    let app = App::configured(
        api(),
        db,
        &[("RATE_LIMITS", "real"), ("RATE_LIMIT_ANON", "2/60")],
    );
    let from = |address: &str| app.anyone().from_address(address);

    from("2001:db8::1").get("/me").await.expect(401);
    from("2001:db8::2")
        .header("x-api-key", "guess")
        .get("/open")
        .await
        .expect(401);
    from("2001:db8::3").get("/open").await.expect(429);
    from("2001:db8:0:1::1").get("/open").await.expect(200);
    from("192.0.2.1").get("/open").await.expect(200);
}

#[testkit::test]
async fn the_sentry_routes_are_counted_by_address_for_everybody(db: PgPool) {
    let app = App::configured(
        api(),
        db,
        &[("RATE_LIMITS", "real"), ("RATE_LIMIT_SENTRY", "1/60")],
    );
    let ada = app.user("ada").await;

    ada.get("/sentry").await.expect(200);
    let answer = app.anyone().get("/sentry").await.expect(429);
    assert_eq!(answer.header("ratelimit-policy"), "\"sentry\";q=1;w=60");
}

#[testkit::test]
async fn a_quota_holds_under_parallel_requests(db: PgPool) {
    let app = App::configured(
        api(),
        db,
        &[("RATE_LIMITS", "real"), ("RATE_LIMIT_WRITE", "10/60")],
    );
    let ada = app.user("ada").await;

    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let ada = ada.clone();
        requests.spawn(async move { ada.put("/notes", json!({})).await.status.as_u16() });
    }
    let statuses = requests.join_all().await;

    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 10);
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 40);
}

#[testkit::test]
async fn a_window_ends(db: PgPool) {
    let app = App::configured(
        api(),
        db,
        &[("RATE_LIMITS", "real"), ("RATE_LIMIT_READ", "1/60")],
    );
    let ada = app.user("ada").await;
    ada.get("/me").await.expect(200);
    ada.get("/me").await.expect(429);

    sqlx::query(r#"update quota set "resetAt" = now() at time zone 'utc' - interval '1 ms'"#)
        .execute(&app.state.db)
        .await
        .unwrap();

    ada.get("/me").await.expect(200);
}
