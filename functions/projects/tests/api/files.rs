//! `GET /projects/{projectId}/files`

use serde_json::json;
use sqlx::PgPool;

use crate::{app, draft, each, project, sql};

const UPLOAD: &str = r#"
    insert into upload (id, "userId", "projectId", purpose, filename, "contentType", size, width, status, "createdAt", "updatedAt")
    values ($1, $2, $3, 'project', $1, $4, 5, 7, $5, coalesce(timestamp '2025-01-01' + interval '1 second' * nullif($6, 'now')::int, now() at time zone 'utc'), now())"#;

#[testkit::test]
async fn files_are_listed_oldest_first_and_pending_ones_for_their_owner_only(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let id = project(&ada, "A").await;
    for (file, kind, status, second) in [
        ("b", "image/png", "ready", "2"),
        ("a", "text/plain", "ready", "1"),
        ("c", "image/png", "pending", "now"),
        ("d", "image/webp", "ready", "3"),
    ] {
        sql(&db, UPLOAD, &[file, &ada.id, &id, kind, status, second]).await;
    }
    let path = format!("/projects/{id}/files");

    let files = bob.get(&path).await.expect(200).json();
    assert_eq!(each(&files, "id"), ["a", "b", "d"]);
    assert_eq!(
        files[1],
        json!({
            "id": "b", "purpose": "project", "projectId": id, "filename": "b", "contentType": "image/png",
            "size": 5, "width": 7, "height": null, "status": "ready",
            "url": "http://localhost:3001/uploads/b/content",
            "imageUrl": "http://localhost:3001/images/b",
            "createdAt": "2025-01-01T00:00:02.000Z",
        })
    );
    assert_eq!(files[0]["imageUrl"], json!(null));
    assert_eq!(
        each(&ada.get(&path).await.json(), "id"),
        ["a", "b", "d", "c"]
    );
    assert_eq!(
        each(
            &ada.get(&format!("/projects/{id}")).await.json()["files"],
            "id"
        ),
        ["a", "b", "d", "c"]
    );
    assert_eq!(
        app.anyone().get(&format!("/projects/{id}")).await.json()["files"],
        files
    );

    let page = ada.get(&format!("{path}?limit=2")).await.expect(200);
    assert_eq!(each(&page.json(), "id"), ["a", "b"]);
    let next = page
        .header("link")
        .split(['<', '>'])
        .nth(1)
        .unwrap()
        .to_owned();
    let page = ada.get(&format!("{path}{next}")).await.expect(200);
    assert_eq!(each(&page.json(), "id"), ["d", "c"]);
    assert_eq!(page.header("link"), "");
}

#[testkit::test]
async fn files_of_a_draft_are_listed_for_its_author_only(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let id = draft(&ada, "A").await;
    let path = format!("/projects/{id}/files");

    assert_eq!(ada.get(&path).await.expect(200).json(), json!([]));
    bob.get(&path)
        .await
        .expect_error(404, &["Project not found"]);
    app.anyone()
        .get(&path)
        .await
        .expect_error(404, &["Project not found"]);
    ada.get(&format!("{path}?limit=0"))
        .await
        .expect_error(400, &["limit must not be less than 1"]);
}
