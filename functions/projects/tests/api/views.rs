//! `POST /projects/{projectId}/views`

use axum::http::Method;
use serde_json::json;
use sqlx::PgPool;

use crate::{app, draft, number, project, sql};

const VIEWS: &str = r#"select "viewCount"::int8 from projects where id = $1"#;

#[testkit::test]
async fn a_viewer_counts_once_a_day(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let id = project(&ada, "A").await;
    let path = format!("/projects/{id}/views");

    for _ in 0..3 {
        assert!(
            bob.send(Method::POST, &path, None)
                .await
                .expect(204)
                .body
                .is_empty()
        );
    }
    assert_eq!(number(&db, VIEWS, &[&id]).await, 1);
    ada.post(&path, json!({})).await.expect(204);
    assert_eq!(number(&db, VIEWS, &[&id]).await, 1);

    sql(&db, r#"update "projectView" set day = day - 1"#, &[]).await;
    bob.post(&path, json!({})).await.expect(204);
    assert_eq!(number(&db, VIEWS, &[&id]).await, 2);
}

#[testkit::test]
async fn anonymous_viewers_are_distinguished_by_address_and_browser(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    let id = project(&ada, "A").await;
    let path = format!("/projects/{id}/views");
    let firefox = || app.anyone().header("user-agent", "Firefox");

    for (caller, count) in [
        (app.anyone(), 1),
        (app.anyone(), 1),
        (firefox(), 2),
        (firefox().from_address("10.0.0.1"), 3),
        (firefox().from_address("10.0.0.1"), 3),
        (firefox().from_address("2001:db8::1"), 4),
    ] {
        caller.post(&path, json!({})).await.expect(204);
        assert_eq!(number(&db, VIEWS, &[&id]).await, count);
    }
    let kept = r#"select count(*) from "projectView" where viewer like '%10.0.0.1%' or length(viewer) <> 43"#;
    assert_eq!(number(&db, kept, &[]).await, 0);

    // The salt changes each day, so the viewers are new.
    sql(&db, r#"update "viewSalt" set day = day - 1"#, &[]).await;
    app.anyone().post(&path, json!({})).await.expect(204);
    assert_eq!(number(&db, VIEWS, &[&id]).await, 5);
}

#[testkit::test]
async fn a_view_has_no_body_and_needs_a_visible_project(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let id = draft(&ada, "A").await;
    let path = format!("/projects/{id}/views");

    bob.post(&path, json!({}))
        .await
        .expect_error(404, &["Project not found"]);
    app.anyone()
        .post(&path, json!({}))
        .await
        .expect_error(404, &["Project not found"]);
    ada.post(&path, json!({})).await.expect(204);
    ada.post(&path, json!({ "a": 1 }))
        .await
        .expect_error(400, &["property a should not exist"]);
    assert_eq!(number(&db, VIEWS, &[&id]).await, 0);
}
