//! `Idempotency-Key` of `POST /projects/{projectId}/comments`

use futures_util::future::join_all;
use serde_json::json;
use sqlx::PgPool;

use crate::{app, number, project};

const PATH: &str = "/projects/p/comments";
const COUNT: &str = "select count(*) from comments";

#[testkit::test]
async fn a_repeated_request_creates_one_comment(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await.header("idempotency-key", "k1");
    project(&db, "p", &ada.id, true).await;
    let body = || json!({ "content": "once" });

    let first = ada.post(PATH, body()).await.expect(201);
    let again = ada.post(PATH, body()).await.expect(201);

    assert_eq!(again.json(), first.json());
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(first.header("idempotent-replayed"), "");
    let other = ada.post(PATH, json!({ "content": "twice" })).await;
    other.expect_error(422, &["Idempotency-Key was used with a different request"]);
    assert_eq!(number(&db, COUNT, &[]).await, 1);
}

#[testkit::test]
async fn a_key_belongs_to_one_user_and_project(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await.header("idempotency-key", "k1");
    let bob = app.user("bob").await.header("idempotency-key", "k1");
    project(&db, "p", &ada.id, true).await;
    project(&db, "q", &ada.id, true).await;

    for (caller, path) in [(&ada, PATH), (&bob, PATH), (&ada, "/projects/q/comments")] {
        let answer = caller
            .post(path, json!({ "content": "x" }))
            .await
            .expect(201);
        assert_eq!(answer.header("idempotent-replayed"), "");
    }
    assert_eq!(number(&db, COUNT, &[]).await, 3);
}

#[testkit::test]
async fn an_error_is_not_stored(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await.header("idempotency-key", "k1");

    ada.post(PATH, json!({ "content": "x" })).await.expect(404);
    project(&db, "p", &ada.id, true).await;
    ada.post(PATH, json!({ "content": "y" })).await.expect(201);
}

#[testkit::test]
async fn concurrent_requests_create_one_comment(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await.header("idempotency-key", "k1");
    project(&db, "p", &ada.id, true).await;

    let answers = join_all((0..20).map(|_| ada.post(PATH, json!({ "content": "x" })))).await;

    assert_eq!(number(&db, COUNT, &[]).await, 1);
    for answer in answers {
        match answer.status.as_u16() {
            201 => {}
            409 => assert_eq!(answer.messages(), ["Request is still being processed"]),
            _ => panic!("{answer:?}"),
        }
    }
    let again = ada.post(PATH, json!({ "content": "x" })).await.expect(201);
    assert_eq!(again.header("idempotent-replayed"), "true");
}
