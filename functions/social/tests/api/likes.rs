//! `/projects/{projectId}/like` and `/likes`

use serde_json::json;
use sqlx::PgPool;

use crate::{DRIFT, HIDDEN, SHOWN, app, each, number, project, sql};

#[testkit::test]
async fn a_repeated_like_or_unlike_changes_nothing(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    project(&db, "p", &ada.id, true).await;
    let like = async || {
        bob.put("/projects/p/like", json!({}))
            .await
            .expect(200)
            .json()
    };
    let unlike = async || bob.delete("/projects/p/like").await.expect(200).json();

    assert_eq!(unlike().await, json!({ "isLiked": false, "likeCount": 0 }));
    assert_eq!(like().await, json!({ "isLiked": true, "likeCount": 1 }));
    assert_eq!(like().await, json!({ "isLiked": true, "likeCount": 1 }));
    // A user may like their own project.
    let own = ada.put("/projects/p/like", json!({})).await.expect(200);
    assert_eq!(own.json(), json!({ "isLiked": true, "likeCount": 2 }));
    assert_eq!(unlike().await, json!({ "isLiked": false, "likeCount": 1 }));
    assert_eq!(unlike().await, json!({ "isLiked": false, "likeCount": 1 }));
    assert_eq!(number(&db, DRIFT, &[]).await, 0);
}

#[testkit::test]
async fn a_like_does_not_change_the_project(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    project(&db, "p", &ada.id, true).await;
    sql(
        &db,
        r#"update projects set "updatedAt" = '2025-01-01'"#,
        &[],
    )
    .await;

    ada.put("/projects/p/like", json!({})).await.expect(200);
    ada.delete("/projects/p/like").await.expect(200);

    let unchanged = r#"select count(*) from projects where "updatedAt" = '2025-01-01'"#;
    assert_eq!(number(&db, unchanged, &[]).await, 1);
}

#[testkit::test]
async fn a_private_project_is_visible_to_its_author_alone(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    project(&db, "draft", &ada.id, false).await;

    ada.put("/projects/draft/like", json!({})).await.expect(200);
    let likers = ada.get("/projects/draft/likes").await.expect(200).json();
    assert_eq!(each(&likers, "id"), [&ada.id]);
    for role in ["user", "moderator", "admin"] {
        let other = app.user("other").await;
        crate::promote(&db, &other, role).await;
        let answer = other.put("/projects/draft/like", json!({})).await;
        answer.expect_error(404, &["Project not found"]);
        let answer = other.delete("/projects/draft/like").await;
        answer.expect_error(404, &["Project not found"]);
        let answer = other.get("/projects/draft/likes").await;
        answer.expect_error(404, &["Project not found"]);
    }
    let answer = app.anyone().get("/projects/draft/likes").await;
    answer.expect_error(404, &["Project not found"]);
    assert_eq!(number(&db, "select count(*) from likes", &[]).await, 1);
}

#[testkit::test]
async fn projects_of_hidden_authors_are_not_found(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    project(&db, "p", &ada.id, true).await;
    bob.put("/projects/p/like", json!({})).await.expect(200);

    for (hide, show) in HIDDEN.into_iter().zip(SHOWN) {
        sql(&db, hide, &[&ada.id]).await;
        let not_found = ["Project not found"];
        bob.put("/projects/p/like", json!({}))
            .await
            .expect_error(404, &not_found);
        bob.delete("/projects/p/like")
            .await
            .expect_error(404, &not_found);
        bob.get("/projects/p/likes")
            .await
            .expect_error(404, &not_found);
        sql(&db, show, &[&ada.id]).await;
        bob.get("/projects/p/likes").await.expect(200);
    }
}

#[testkit::test]
async fn users_who_liked_are_listed_newest_first_without_hidden_ones(db: PgPool) {
    let app = app(&db);
    let (ada, bob, eve) = (
        app.user("ada").await,
        app.user("bob").await,
        app.user("eve").await,
    );
    project(&db, "p", &ada.id, true).await;
    for caller in [&ada, &bob, &eve] {
        caller.put("/projects/p/like", json!({})).await.expect(200);
    }
    sql(
        &db,
        r#"update likes set "createdAt" = case "userId" when $1 then timestamp '2025-01-03'
               when $2 then '2025-01-02' else '2025-01-01' end"#,
        &[&ada.id, &eve.id],
    )
    .await;
    let path = format!("/users/{}/follow", bob.id);
    ada.put(&path, json!({})).await.expect(200);

    let list = ada.get("/projects/p/likes").await.expect(200).json();
    assert_eq!(each(&list, "id"), [&ada.id, &eve.id, &bob.id]);
    assert_eq!(list[2]["isFollowing"], true);
    assert_eq!(list[2]["followsMe"], false);
    assert_eq!(list[1]["isFollowing"], false);
    let list = bob.get("/projects/p/likes").await.expect(200).json();
    assert_eq!(list[0]["followsMe"], true);

    for (hide, show) in HIDDEN.into_iter().zip(SHOWN) {
        sql(&db, hide, &[&eve.id]).await;
        let list = app
            .anyone()
            .get("/projects/p/likes")
            .await
            .expect(200)
            .json();
        assert_eq!(each(&list, "id"), [&ada.id, &bob.id]);
        sql(&db, show, &[&eve.id]).await;
        let list = app
            .anyone()
            .get("/projects/p/likes")
            .await
            .expect(200)
            .json();
        assert_eq!(each(&list, "id"), [&ada.id, &eve.id, &bob.id]);
    }
}

#[testkit::test]
async fn users_are_returned_with_their_public_fields(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    project(&db, "p", &ada.id, true).await;
    sql(
        &db,
        r#"update "user" set bio = 'Builds.', skills = null, "createdAt" = '2025-01-15 10:30:00.5' where id = $1"#,
        &[&ada.id],
    )
    .await;
    ada.put("/projects/p/like", json!({})).await.expect(200);

    let list = app
        .anyone()
        .get("/projects/p/likes")
        .await
        .expect(200)
        .json();

    assert_eq!(
        list,
        json!([{
            "id": ada.id, "name": "ada", "image": null, "avatar": null, "bio": "Builds.",
            "website": null, "location": null, "company": null, "skills": [],
            "githubUsername": "ada", "projectsCount": 1, "followersCount": 0,
            "followingCount": 0, "isPro": false, "createdAt": "2025-01-15T10:30:00.500Z",
            "isFollowing": false, "followsMe": false
        }])
    );
}

#[testkit::test]
async fn a_project_without_likes_has_an_empty_list(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    project(&db, "p", &ada.id, true).await;

    let answer = app.anyone().get("/projects/p/likes").await.expect(200);

    assert_eq!(answer.json(), json!([]));
}
