//! `Idempotency-Key` on `POST /projects`

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::PgPool;
use testing::{Answer, Caller, blocked};

use crate::{app, number, sql};

const PROJECTS: &str = "select count(*) from projects";

async fn post(caller: &Caller, key: &str, body: Value) -> Answer {
    caller
        .clone()
        .header("idempotency-key", key)
        .post("/projects", body)
        .await
}

#[testkit::test]
async fn a_retry_returns_the_first_response(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let body = json!({ "title": "A" });

    let first = post(&ada, "k", body.clone()).await.expect(201);
    assert_eq!(first.header("idempotent-replayed"), "");
    let id = first.json()["id"].as_str().unwrap().to_owned();
    ada.put(&format!("/projects/{id}"), json!({ "title": "B" }))
        .await
        .expect(200);
    let second = post(&ada, "k", body.clone()).await.expect(201);
    assert_eq!(second.header("idempotent-replayed"), "true");
    assert_eq!(second.body, first.body);
    for name in ["location", "content-type", "cache-control"] {
        assert_eq!(second.header(name), first.header(name));
    }
    post(&ada, "k", json!({ "title": "C" }))
        .await
        .expect_error(422, &["Idempotency-Key was used with a different request"]);
    assert_eq!(number(&db, PROJECTS, &[]).await, 1);

    for (caller, key) in [(&ada, "l"), (&bob, "k"), (&ada, "K")] {
        let other = post(caller, key, body.clone()).await.expect(201);
        assert_eq!(other.header("idempotent-replayed"), "");
    }
    assert_eq!(number(&db, PROJECTS, &[]).await, 4);
    ada.post("/projects", body.clone()).await.expect(201);
    ada.post("/projects", body).await.expect(201);
    assert_eq!(number(&db, PROJECTS, &[]).await, 6);
}

#[testkit::test]
async fn a_key_expires_after_a_day(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    post(&ada, "k", json!({ "title": "A" })).await.expect(201);
    post(&bob, "k", json!({ "title": "A" })).await.expect(201);

    let age =
        r#"update "idempotencyKey" set "createdAt" = now() at time zone 'utc' - $1::interval"#;
    sql(&db, age, &["23 hours 59 minutes"]).await;
    post(&ada, "k", json!({ "title": "B" })).await.expect(422);
    sql(&db, age, &["24 hours"]).await;
    let again = post(&ada, "k", json!({ "title": "B" })).await.expect(201);
    assert_eq!(again.json()["title"], "B");
    // Requests do not remove expired keys of other users.
    assert_eq!(
        number(&db, r#"select count(*) from "idempotencyKey""#, &[]).await,
        2
    );
}

#[testkit::test]
async fn a_retry_does_not_create_a_deleted_project_again(db: PgPool) {
    let ada = app(&db).user("ada").await;
    let body = json!({ "title": "A" });
    let project = post(&ada, "k", body.clone()).await.expect(201).json();
    let path = format!("/projects/{}", project["id"].as_str().unwrap());
    ada.delete(&path).await.expect(204);

    let again = post(&ada, "k", body).await;

    again.expect_error(409, &["What the first request made was deleted"]);
    post(&ada, "k", json!({ "title": "B" })).await.expect(422);
    assert_eq!(number(&db, "select count(*) from projects", &[]).await, 0);
}

#[testkit::test]
async fn errors_are_not_stored(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;

    post(&ada, "k", json!({ "title": "" })).await.expect(400);
    app.anyone()
        .header("idempotency-key", "k")
        .post("/projects", json!({}))
        .await
        .expect(401);
    assert_eq!(
        number(&db, r#"select count(*) from "idempotencyKey""#, &[]).await,
        0
    );
    post(&ada, "k", json!({ "title": "A" })).await.expect(201);
}

#[testkit::test]
async fn invalid_keys_are_rejected(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    let refusal = "Idempotency-Key must be 1 to 255 printable ASCII characters";

    for key in [&"k".repeat(255), "~", "a b!\"#$%&'()"] {
        post(&ada, key, json!({ "title": "A" })).await.expect(201);
    }
    for key in [&"k".repeat(256), "", "a\tb", "é"] {
        post(&ada, key, json!({ "title": "A" }))
            .await
            .expect_error(400, &[refusal]);
    }
    let twice = ada
        .clone()
        .header("idempotency-key", "a")
        .header("idempotency-key", "b");
    twice
        .post("/projects", json!({ "title": "A" }))
        .await
        .expect_error(400, &[refusal]);
    assert_eq!(number(&db, PROJECTS, &[]).await, 3);
}

#[testkit::test]
async fn fifty_concurrent_retries_create_one_project(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;

    let retries = (0..50).map(|_| post(&ada, "k", json!({ "title": "A" })));
    let answers = join_all(retries).await;

    let mut ids = Vec::new();
    for answer in answers {
        match answer.status.as_u16() {
            201 => ids.push(answer.json()["id"].clone()),
            _ => {
                answer.expect_error(409, &["Request is still being processed"]);
            }
        }
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(number(&db, PROJECTS, &[]).await, 1);
    let count = r#"select "projectsCount"::int8 from "user" where id = $1"#;
    assert_eq!(number(&db, count, &[&ada.id]).await, 1);
}

#[testkit::test]
async fn a_retry_of_a_running_request_is_a_conflict(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    // The first request waits for a lock on the author's row.
    let mut blocker = db.begin().await.unwrap();
    sqlx::query(r#"select id from "user" where id = $1 for update"#)
        .bind(&ada.id)
        .execute(&mut *blocker)
        .await
        .unwrap();
    let first = tokio::spawn({
        let ada = ada.clone();
        async move { post(&ada, "k", json!({ "title": "A" })).await }
    });
    blocked(&db, 1).await;

    let second = post(&ada, "k", json!({ "title": "A" })).await;

    second.expect_error(409, &["Request is still being processed"]);
    blocker.rollback().await.unwrap();
    let first = first.await.unwrap().expect(201);
    let third = post(&ada, "k", json!({ "title": "A" })).await.expect(201);
    assert_eq!(third.body, first.body);
}

#[testkit::test]
async fn a_cancelled_request_releases_its_key(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    let mut blocker = db.begin().await.unwrap();
    sqlx::query(r#"select id from "user" where id = $1 for update"#)
        .bind(&ada.id)
        .execute(&mut *blocker)
        .await
        .unwrap();

    let body = json!({ "title": "A" });
    let broken = tokio::select! {
        _ = post(&ada, "k", body) => false,
        () = blocked(&db, 1) => true,
    };
    assert!(broken);
    blocker.rollback().await.unwrap();

    // The server ends a forgotten transaction after ten seconds.
    let deadline = Instant::now() + Duration::from_secs(6);
    while Instant::now() < deadline {
        let answer = post(&ada, "k", json!({ "title": "A" })).await;
        if answer.status == 201 {
            assert_eq!(answer.header("idempotent-replayed"), "");
            assert_eq!(number(&db, PROJECTS, &[]).await, 1);
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the key is still claimed");
}
