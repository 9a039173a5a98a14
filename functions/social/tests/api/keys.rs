//! Access with API keys.

use axum::http::Method;
use serde_json::json;
use shared::api_key::hash;
use sqlx::PgPool;
use testing::{App, Caller};

use crate::{app, comment, project, promote, sql};

const KEY: &str = "cc_oguqufGkipgmbZjaxCWoNLHIgQUEByabrQCAhRijgpNjzVftvTARCECDftLrkYhI";

/// Replaces all keys by one of `owner` with these permissions. Returns a caller with the key.
async fn key(app: &App, db: &PgPool, owner: &Caller, permissions: &str) -> Caller {
    sql(db, "delete from apikey", &[]).await;
    sql(
        db,
        r#"insert into apikey (id, "referenceId", key, permissions, "createdAt", "updatedAt", "rateLimitEnabled")
           values ($1, $1, $2, $3, now() at time zone 'utc', now() at time zone 'utc', false)"#,
        &[&owner.id, &hash(KEY), permissions],
    )
    .await;
    app.anyone().header("x-api-key", KEY)
}

/// Each read request of the group.
fn reads(user: &str, comment: &str) -> [String; 8] {
    [
        "/projects/p/comments".to_owned(),
        format!("/comments/{comment}"),
        "/projects/p/likes".to_owned(),
        format!("/users/{user}/followers"),
        format!("/users/{user}/following"),
        "/feed".to_owned(),
        "/notifications".to_owned(),
        "/notifications/count".to_owned(),
    ]
}

/// Each write request, in an order in which each changes something.
fn writes(user: &str, comment: &str) -> Vec<(Method, String)> {
    vec![
        (Method::POST, "/projects/p/comments".to_owned()),
        (Method::PUT, format!("/comments/{comment}")),
        (Method::PUT, "/projects/p/like".to_owned()),
        (Method::DELETE, "/projects/p/like".to_owned()),
        (Method::PUT, format!("/users/{user}/follow")),
        (Method::DELETE, format!("/users/{user}/follow")),
        (Method::PUT, "/notifications/read".to_owned()),
        (Method::DELETE, format!("/comments/{comment}")),
    ]
}

#[testkit::test]
async fn scopes_limit_a_key(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    project(&db, "p", &ada.id, true).await;
    let id = comment(&bob, "p", "x").await;

    for (permissions, may_read, may_write) in [
        (r#"{"api":["read"]}"#, true, false),
        (r#"{"metrics":["read"]}"#, false, false),
        (r#"{"api":["write"]}"#, false, true),
    ] {
        let key = key(&app, &db, &bob, permissions).await;
        for path in reads(&ada.id, &id) {
            let answer = key.get(&path).await;
            if may_read {
                answer.expect(200);
            } else {
                answer.expect_error(403, &["API key lacks the read scope"]);
            }
        }
        for (method, path) in writes(&ada.id, &id) {
            let body = path
                .contains("comments")
                .then(|| json!({ "content": "by key" }));
            let answer = key.send(method, &path, body).await;
            if may_write {
                assert!(answer.status.is_success(), "{path}: {answer:?}");
            } else {
                answer.expect_error(403, &["API key lacks the write scope"]);
            }
        }
    }
}

#[testkit::test]
async fn an_unknown_key_is_rejected_on_public_routes_too(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    project(&db, "p", &ada.id, true).await;
    let id = comment(&ada, "p", "x").await;
    let guess = ada.header("x-api-key", "cc_guess");

    for path in reads(&guess.id, &id) {
        let answer = guess.get(&path).await;
        answer.expect_error(401, &["Unauthorized"]);
    }
    for (method, path) in writes(&guess.id, &id) {
        let answer = guess.send(method, &path, None).await;
        answer.expect_error(401, &["Unauthorized"]);
    }
}

#[testkit::test]
async fn a_key_does_not_carry_the_staff_role(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    project(&db, "p", &ada.id, true).await;

    for role in ["moderator", "admin"] {
        let eve = app.user("eve").await;
        promote(&db, &eve, role).await;
        let key = key(&app, &db, &eve, r#"{"api":["read","write"]}"#).await;
        let theirs = format!("/comments/{}", comment(&bob, "p", "x").await);
        let own = format!("/comments/{}", comment(&eve, "p", "x").await);

        let answer = key.delete(&theirs).await;
        answer.expect_error(403, &["API keys cannot be used here"]);
        bob.get(&theirs).await.expect(200);
        key.delete(&own).await.expect(204);
    }
    // The project's author is not staff.
    let key = key(&app, &db, &ada, r#"{"api":["read","write"]}"#).await;
    let theirs = format!("/comments/{}", comment(&bob, "p", "x").await);
    key.delete(&theirs).await.expect(204);
}
