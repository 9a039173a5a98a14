//! `GET /projects/{projectId}`

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{HIDDEN, SHOWN, app, comment, create, like, project, sql};

#[testkit::test]
async fn a_public_project_is_visible_to_everyone(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let id = project(&ada, "A").await;
    like(&db, &bob.id, &id).await;
    comment(&db, &bob.id, &id).await;
    sql(
        &db,
        r#"insert into follows (id, "followerId", "followingId") values ('f', $1, $2)"#,
        &[&bob.id, &ada.id],
    )
    .await;

    let seen = app
        .anyone()
        .get(&format!("/projects/{id}"))
        .await
        .expect(200);
    assert_eq!(seen.header("cache-control"), "public, no-cache");
    assert_eq!(seen.json()["isLiked"], false);
    assert_eq!(seen.json()["author"]["isFollowing"], false);
    assert_eq!(seen.json()["likeCount"], 1);
    assert_eq!(seen.json()["commentCount"], 1);
    assert!(seen.json().get("contentHtml").is_none());

    let seen = bob.get(&format!("/projects/{id}/")).await.expect(200);
    assert_eq!(seen.header("cache-control"), "private, no-cache");
    assert_eq!(seen.json()["isLiked"], true);
    assert_eq!(seen.json()["author"]["isFollowing"], true);
    assert!(!seen.text().contains("@test.example"));
}

#[testkit::test]
async fn unknown_ids_are_not_found(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;

    for id in [
        "x",
        "%00",
        "%ff",
        "a%252Fb",
        &"x".repeat(255),
        &"x".repeat(256),
        &"x".repeat(10_000),
    ] {
        let path = format!("/projects/{id}");
        app.anyone()
            .get(&path)
            .await
            .expect_error(404, &["Project not found"]);
        ada.put(&path, json!({}))
            .await
            .expect_error(404, &["Project not found"]);
        ada.delete(&path)
            .await
            .expect_error(404, &["Project not found"]);
        ada.get(&format!("{path}/files"))
            .await
            .expect_error(404, &["Project not found"]);
        ada.post(&format!("{path}/views"), json!({}))
            .await
            .expect_error(404, &["Project not found"]);
    }
}

#[testkit::test]
async fn an_unchanged_project_is_answered_with_304(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let id = project(&ada, "A").await;
    let path = format!("/projects/{id}");
    let first = app.anyone().get(&path).await.expect(200);
    let knowing = app.anyone().header("if-none-match", first.header("etag"));

    let second = knowing.get(&path).await.expect(304);
    assert!(second.body.is_empty());
    assert_eq!(second.header("etag"), first.header("etag"));

    like(&db, &bob.id, &id).await;
    let third = knowing.get(&path).await.expect(200);
    assert_eq!(third.json()["likeCount"], 1);
    assert_eq!(third.json()["updatedAt"], first.json()["updatedAt"]);
}

#[testkit::test]
async fn content_is_also_returned_as_html(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    let id = create(
        &ada,
        json!({ "title": "A", "content": "*a* <script>b</script>" }),
    )
    .await;
    let path = format!("/projects/{id}?include=contentHtml");

    let seen = app.anyone().get(&path).await.expect(200).json();
    assert_eq!(seen["contentHtml"], "<p><em>a</em> b</p>\n");
    assert_eq!(seen["content"], "*a* <script>b</script>");

    ada.put(&format!("/projects/{id}"), json!({ "content": null }))
        .await
        .expect(200);
    let seen = app.anyone().get(&path).await.expect(200).json();
    assert_eq!(seen.get("contentHtml"), Some(&Value::Null));

    app.anyone()
        .get(&format!("/projects/{id}?include=html"))
        .await
        .expect_error(
            400,
            &["include must be one of the following values: contentHtml"],
        );
}

#[testkit::test]
async fn html_that_is_too_large_is_null(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    let head = format!("|{}\n|{}\n", "a|".repeat(1000), "-|".repeat(1000));
    let content = head + &"|b\n".repeat(300);
    let id = create(&ada, json!({ "title": "A", "content": content })).await;

    let seen = ada
        .get(&format!("/projects/{id}?include=contentHtml"))
        .await
        .expect(200);
    assert_eq!(seen.json().get("contentHtml"), Some(&Value::Null));
}

#[testkit::test]
async fn a_hidden_author_hides_the_project(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let id = project(&ada, "A").await;

    for (hide, show) in HIDDEN.into_iter().zip(SHOWN) {
        sql(&db, hide, &[&ada.id]).await;
        for caller in [&app.anyone(), &bob, &ada] {
            caller.get(&format!("/projects/{id}")).await.expect(404);
            caller
                .get(&format!("/projects/{id}/files"))
                .await
                .expect(404);
        }
        sql(&db, show, &[&ada.id]).await;
        bob.get(&format!("/projects/{id}")).await.expect(200);
    }
}

#[testkit::test]
async fn comments_of_hidden_users_do_not_count(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let id = project(&ada, "A").await;
    comment(&db, &ada.id, &id).await;
    comment(&db, &bob.id, &id).await;
    let count = async || {
        let one = ada.get(&format!("/projects/{id}")).await.json()["commentCount"].clone();
        let list = ada.get("/projects").await.json()[0]["commentCount"].clone();
        assert_eq!(one, list);
        one
    };
    assert_eq!(count().await, 2);

    for (hide, show) in HIDDEN.into_iter().zip(SHOWN) {
        sql(&db, hide, &[&bob.id]).await;
        assert_eq!(count().await, 1, "{hide}");
        comment(&db, &bob.id, &id).await;
        assert_eq!(count().await, 1, "{hide}");
        sql(&db, r#"delete from comments where id = (select max(id) from comments where "authorId" = $1)"#, &[&bob.id]).await;
        sql(&db, show, &[&bob.id]).await;
        assert_eq!(count().await, 2, "{show}");
    }
    sql(&db, r#"delete from "user" where id = $1"#, &[&bob.id]).await;
    assert_eq!(count().await, 1);
}
