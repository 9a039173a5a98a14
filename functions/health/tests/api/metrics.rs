//! Access to `/metrics`.

use serde_json::json;
use sqlx::PgPool;
use testing::sql;

use crate::app;

#[testkit::test]
async fn a_credential_is_required(db: PgPool) {
    let answer = app(db, &[("METRICS_TOKEN", "scrape-me")])
        .anyone()
        .get("/metrics")
        .await
        .expect(401);

    assert_eq!(
        answer.json(),
        json!({"statusCode": 401, "message": "Unauthorized"})
    );
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[testkit::test]
async fn another_token_is_rejected(db: PgPool) {
    for variables in [&[("METRICS_TOKEN", "scrape-me")][..], &[]] {
        let app = app(db.clone(), variables);
        for token in ["scrape-m", "scrape-me-not", ""] {
            app.anyone()
                .header("authorization", &format!("Bearer {token}"))
                .get("/metrics")
                .await
                .expect(401);
        }
    }
}

#[testkit::test]
async fn a_user_is_rejected_and_an_admin_accepted(db: PgPool) {
    let app = app(db.clone(), &[]);
    let ada = app.user("ada").await;
    ada.get("/metrics").await.expect(403);

    sqlx::query(r#"update "user" set role = 'admin' where id = $1"#)
        .bind(&ada.id)
        .execute(&db)
        .await
        .unwrap();

    let answer = ada.get("/metrics").await.expect(200);
    assert_eq!(
        answer.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("ratelimit"), "");
}

#[testkit::test]
async fn only_an_admins_key_with_the_scope_is_accepted(db: PgPool) {
    let app = app(db.clone(), &[]);
    let ada = app.user("ada").await;
    let key = format!("cc_{}", "k".repeat(64));
    sql(
        &db,
        r#"
        insert into apikey (id, key, "referenceId", "updatedAt", "rateLimitTimeWindow", "rateLimitMax")
        values ('key', $1, $2, now(), 60000, 600)
        "#,
        &[&shared::api_key::hash(&key), &ada.id],
    )
    .await;

    for (role, permissions, expected) in [
        ("user", r#"{"metrics":["read"]}"#, 403),
        ("moderator", r#"{"metrics":["read"]}"#, 403),
        ("admin", r#"{"metrics":["read"]}"#, 200),
        ("admin", r#"{"api":["read","write"]}"#, 403),
    ] {
        sql(&db, r#"update "user" set role = $1"#, &[role]).await;
        sql(&db, "update apikey set permissions = $1", &[permissions]).await;

        let by_header = app.anyone().header("x-api-key", &key);
        by_header.get("/metrics").await.expect(expected);
        let by_bearer = app
            .anyone()
            .header("authorization", &format!("Bearer {key}"));
        by_bearer.get("/metrics").await.expect(expected);
    }
}

#[testkit::test]
async fn an_admin_by_configuration_is_accepted(db: PgPool) {
    let ada = app(db.clone(), &[]).user("ada").await;
    let app = app(db, &[("ADMIN_USER_IDS", &ada.id)]);

    let cookie = ada.cookie().unwrap();
    let answer = app.anyone().header("cookie", cookie).get("/metrics").await;

    answer.expect(200);
}
