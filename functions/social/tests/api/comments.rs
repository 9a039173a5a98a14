//! `/projects/{projectId}/comments` and `/comments/{commentId}`

use serde_json::{Value, json};
use shared::time::Timestamp;
use sqlx::PgPool;

use crate::{HIDDEN, SHOWN, app, comment, each, number, project, promote, sql};

const PATH: &str = "/projects/p/comments";

#[testkit::test]
async fn a_comment_is_created_and_read(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    project(&db, "p", &ada.id, true).await;
    ada.put(&format!("/users/{}/follow", bob.id), json!({}))
        .await
        .expect(200);

    let answer = bob
        .post(PATH, json!({ "content": "Nice." }))
        .await
        .expect(201);

    let made = answer.json();
    let id = made["id"].as_str().unwrap();
    assert_eq!(answer.header("location"), format!("/comments/{id}"));
    assert_eq!(
        made,
        json!({
            "id": id, "content": "Nice.", "createdAt": made["createdAt"],
            "updatedAt": made["createdAt"], "isEdited": false, "authorId": bob.id,
            "author": {
                "id": bob.id, "name": "bob", "image": null, "avatar": null,
                "githubUsername": "bob", "isPro": false, "isFollowing": false
            },
            "projectId": "p"
        })
    );
    let path = format!("/comments/{id}");
    assert_eq!(app.anyone().get(&path).await.expect(200).json(), made);
    assert_eq!(
        app.anyone().get(PATH).await.expect(200).json(),
        json!([made])
    );
    let seen = ada.get(&path).await.expect(200).json();
    assert_eq!(seen["author"]["isFollowing"], true);
}

#[testkit::test]
async fn content_is_stored_unchanged(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    project(&db, "p", &ada.id, true).await;

    for content in [
        "  indented\n\ttext \r\n\n".to_owned(),
        "<script>alert('x')</script> & \"quotes\" \\ %s $1 {}".to_owned(),
        "e\u{301} \u{e9} \u{202e}rtl\u{202c} \u{feff} \u{200b}x 👩‍👩‍👧‍👦 𝔘𝔫𝔦".to_owned(),
        "x".to_owned(),
        "🦀".repeat(5_000),
    ] {
        let answer = ada
            .post(PATH, json!({ "content": content }))
            .await
            .expect(201);
        assert_eq!(answer.json()["content"], content);
        let path = answer.header("location").to_owned();
        assert_eq!(ada.get(&path).await.json()["content"], content);
    }
}

#[testkit::test]
async fn comments_are_listed_oldest_first_or_newest_first(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    project(&db, "p", &ada.id, true).await;
    assert_eq!(ada.get(PATH).await.expect(200).json(), json!([]));
    for content in ["1", "2", "3"] {
        comment(&ada, "p", content).await;
    }
    sql(
        &db,
        r#"update comments set "createdAt" = timestamp '2025-01-01' + content::int * interval '1 day'"#,
        &[],
    )
    .await;

    for (query, expected) in [
        ("", ["1", "2", "3"]),
        ("?sort=oldest", ["1", "2", "3"]),
        ("?sort=newest", ["3", "2", "1"]),
        ("?sort=newest&sort=oldest", ["1", "2", "3"]),
        ("?unknown=1", ["1", "2", "3"]),
    ] {
        let list = ada.get(&format!("{PATH}{query}")).await.expect(200).json();
        assert_eq!(each(&list, "content"), expected, "{query}");
    }
}

#[testkit::test]
async fn comments_of_hidden_people_are_left_out(db: PgPool) {
    let app = app(&db);
    let (ada, eve) = (app.user("ada").await, app.user("eve").await);
    project(&db, "p", &ada.id, true).await;
    let kept = comment(&ada, "p", "kept").await;
    let hidden = comment(&eve, "p", "hidden").await;
    promote(&db, &ada, "admin").await;

    for (hide, show) in HIDDEN.into_iter().zip(SHOWN) {
        sql(&db, hide, &[&eve.id]).await;
        let list = ada.get(PATH).await.expect(200).json();
        assert_eq!(each(&list, "id"), [&kept]);
        let path = format!("/comments/{hidden}");
        ada.get(&path)
            .await
            .expect_error(404, &["Comment not found"]);
        ada.put(&path, json!({ "content": "x" }))
            .await
            .expect_error(404, &["Comment not found"]);
        ada.delete(&path)
            .await
            .expect_error(404, &["Comment not found"]);
        sql(&db, show, &[&eve.id]).await;
        app.anyone().get(&path).await.expect(200);
    }
}

#[testkit::test]
async fn comments_on_invisible_projects_are_not_found(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    project(&db, "p", &ada.id, true).await;
    let theirs = comment(&bob, "p", "by bob").await;
    let own = comment(&ada, "p", "by ada").await;
    promote(&db, &bob, "admin").await;
    let body = || json!({ "content": "x" });

    let hidden = r#"update projects set "isPublic" = false"#;
    for (hide, argument) in [
        (hidden, None),
        (HIDDEN[0], Some(&ada.id)),
        (HIDDEN[1], Some(&ada.id)),
    ] {
        let arguments: Vec<&str> = argument.into_iter().map(String::as_str).collect();
        sql(&db, hide, &arguments).await;
        for caller in [&bob, &app.anyone()] {
            caller
                .get(PATH)
                .await
                .expect_error(404, &["Project not found"]);
            let path = format!("/comments/{theirs}");
            caller
                .get(&path)
                .await
                .expect_error(404, &["Comment not found"]);
        }
        bob.post(PATH, body())
            .await
            .expect_error(404, &["Project not found"]);
        for id in [&theirs, &own] {
            let path = format!("/comments/{id}");
            bob.put(&path, body())
                .await
                .expect_error(404, &["Comment not found"]);
            bob.delete(&path)
                .await
                .expect_error(404, &["Comment not found"]);
        }
        sql(&db, r#"update projects set "isPublic" = true"#, &[]).await;
        sql(&db, SHOWN[0], &[&ada.id]).await;
        sql(&db, SHOWN[1], &[&ada.id]).await;
    }
    // The author of the hidden project still has access.
    sql(&db, hidden, &[]).await;
    ada.post(PATH, body()).await.expect(201);
    assert_eq!(
        ada.get(PATH)
            .await
            .expect(200)
            .json()
            .as_array()
            .unwrap()
            .len(),
        3
    );
    ada.delete(&format!("/comments/{theirs}")).await.expect(204);
}

#[testkit::test]
async fn an_edit_changes_content_and_updated_at(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    project(&db, "p", &ada.id, true).await;
    let path = format!("/comments/{}", comment(&ada, "p", "first").await);
    let before = ada.get(&path).await.json();

    let edited = ada
        .put(&path, json!({ "content": " second " }))
        .await
        .expect(200)
        .json();

    assert_eq!(edited["content"], " second ");
    assert_eq!(edited["isEdited"], true);
    assert_eq!(edited["createdAt"], before["createdAt"]);
    assert!(edited["updatedAt"].as_str() > before["updatedAt"].as_str());
    assert_eq!(ada.get(&path).await.json(), edited);
}

/// A database that Prisma created may store microseconds, which clients do not see.
#[testkit::test]
async fn times_within_one_millisecond_are_not_an_edit(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    project(&db, "p", &ada.id, true).await;
    let path = format!("/comments/{}", comment(&ada, "p", "first").await);
    for statement in [
        r#"alter table comments alter column "createdAt" type timestamp(6), alter column "updatedAt" type timestamp(6)"#,
        r#"update comments set "createdAt" = '2025-01-01 00:00:00.123456', "updatedAt" = '2025-01-01 00:00:00.123789'"#,
    ] {
        sql(&db, statement, &[]).await;
    }

    assert_eq!(ada.get(&path).await.expect(200).json()["isEdited"], false);
    let list = ada.get("/projects/p/comments").await.expect(200).json();
    assert_eq!(list[0]["isEdited"], false);

    let edited = ada.put(&path, json!({ "content": "second" })).await;
    assert_eq!(edited.expect(200).json()["isEdited"], true);
}

#[testkit::test]
async fn only_real_changes_advance_updated_at(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    project(&db, "p", &ada.id, true).await;
    let path = format!("/comments/{}", comment(&ada, "p", "same").await);
    let before = ada.get(&path).await.json();

    for body in [json!({}), json!({ "content": "same" })] {
        let answer = ada.put(&path, body).await.expect(200);
        assert_eq!(answer.json(), before);
    }
    let answer = ada
        .send(axum::http::Method::PUT, &path, None)
        .await
        .expect(200);
    assert_eq!(answer.json(), before);
    // The clock has gone backwards.
    sql(
        &db,
        r#"update comments set "updatedAt" = '2100-01-01'"#,
        &[],
    )
    .await;
    let answer = ada
        .put(&path, json!({ "content": "new" }))
        .await
        .expect(200);
    assert_eq!(answer.json()["updatedAt"], "2100-01-01T00:00:00.001Z");
}

#[testkit::test]
async fn an_edit_of_an_old_version_is_rejected(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    project(&db, "p", &ada.id, true).await;
    let path = format!("/comments/{}", comment(&ada, "p", "first").await);
    let seen = ada.get(&path).await.json()["updatedAt"].clone();
    let edit = |content: &str| json!({ "content": content, "expectedUpdatedAt": seen });

    ada.put(&path, edit("second")).await.expect(200);
    let answer = ada.put(&path, edit("third")).await;

    answer.expect_error(409, &["Comment was changed by another request"]);
    let now = ada.get(&path).await.json();
    assert_eq!(now["content"], "second");
    // The instant may be written with any offset.
    let current: Timestamp = now["updatedAt"].as_str().unwrap().parse().unwrap();
    let written = format!("{}+00:00", current.0.format("%Y-%m-%dT%H:%M:%S%.6f"));
    let body = json!({ "content": "third", "expectedUpdatedAt": written });
    ada.put(&path, body).await.expect(200);
}

#[testkit::test]
async fn only_the_author_edits_a_comment(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    project(&db, "p", &ada.id, true).await;
    let path = format!("/comments/{}", comment(&bob, "p", "by bob").await);

    let message = ["You can only edit your own comments"];
    let body = || json!({ "content": "x", "expectedUpdatedAt": "2020-01-01T00:00:00.000Z" });
    ada.put(&path, body()).await.expect_error(403, &message);
    for role in ["user", "moderator", "admin"] {
        let other = app.user("other").await;
        promote(&db, &other, role).await;
        other.put(&path, body()).await.expect_error(403, &message);
    }
    assert_eq!(bob.get(&path).await.json()["content"], "by bob");
}

#[testkit::test]
async fn the_author_the_projects_author_and_staff_delete_a_comment(db: PgPool) {
    let app = app(&db);
    let (ada, bob, eve) = (
        app.user("ada").await,
        app.user("bob").await,
        app.user("eve").await,
    );
    let (moderator, admin) = (app.user("moderator").await, app.user("admin").await);
    promote(&db, &moderator, "user,moderator").await;
    promote(&db, &admin, "admin").await;
    project(&db, "p", &ada.id, true).await;

    for caller in [&bob, &ada, &moderator, &admin] {
        let path = format!("/comments/{}", comment(&bob, "p", "x").await);
        let answer = eve.delete(&path).await;
        answer.expect_error(403, &["You can only delete your own comments"]);
        caller.delete(&path).await.expect(204);
        caller
            .delete(&path)
            .await
            .expect_error(404, &["Comment not found"]);
        caller.get(&path).await.expect(404);
    }
    assert_eq!(number(&db, "select count(*) from comments", &[]).await, 0);
}

#[testkit::test]
async fn rows_of_the_node_application_are_returned_unchanged(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    project(&db, "p", &ada.id, true).await;
    sql(
        &db,
        r#"insert into comments (id, content, "createdAt", "updatedAt", "authorId", "projectId")
           values ('b5f0c9a2-0000-4000-8000-000000000001', '', '2024-05-05 05:05:05.005', '2024-05-05 05:05:05.006', $1, 'p')"#,
        &[&ada.id],
    )
    .await;

    let list: Value = app.anyone().get(PATH).await.expect(200).json();

    assert_eq!(list[0]["content"], "");
    assert_eq!(list[0]["createdAt"], "2024-05-05T05:05:05.005Z");
    assert_eq!(list[0]["isEdited"], true);
}
