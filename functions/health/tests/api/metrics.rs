//! Who may read `/metrics`.

use serde_json::json;
use sqlx::PgPool;

use crate::app;

#[sqlx::test(migrator = "shared::testing::MIGRATOR")]
async fn nobody_reads_metrics_without_a_credential(db: PgPool) {
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

#[sqlx::test(migrator = "shared::testing::MIGRATOR")]
async fn another_token_is_refused(db: PgPool) {
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

#[sqlx::test(migrator = "shared::testing::MIGRATOR")]
async fn a_user_is_refused_and_an_admin_let_in(db: PgPool) {
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
