//! `/feed`

use serde_json::json;
use sqlx::PgPool;

use crate::{HIDDEN, SHOWN, app, comment, each, project, sql};

#[testkit::test]
async fn the_feed_of_a_user_who_follows_no_users_is_empty(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    project(&db, "own", &ada.id, true).await;
    project(&db, "other", &bob.id, true).await;

    assert_eq!(ada.get("/feed").await.expect(200).json(), json!([]));
}

#[testkit::test]
async fn the_feed_has_public_projects_of_followed_users(db: PgPool) {
    let app = app(&db);
    let (ada, bob, eve) = (
        app.user("ada").await,
        app.user("bob").await,
        app.user("eve").await,
    );
    project(&db, "own", &ada.id, true).await;
    project(&db, "bobs", &bob.id, true).await;
    project(&db, "draft", &bob.id, false).await;
    project(&db, "eves", &eve.id, true).await;
    let follow = |id: &str| format!("/users/{id}/follow");
    ada.put(&follow(&bob.id), json!({})).await.expect(200);
    // Rows of another program may have users who follow themselves.
    sql(
        &db,
        r#"insert into follows (id, "followerId", "followingId") values ('self', $1, $1)"#,
        &[&ada.id],
    )
    .await;

    let ids = async || {
        let feed = ada.get("/feed").await.expect(200).json();
        each(&feed, "id")
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(ids().await, ["bobs"]);
    ada.put(&follow(&eve.id), json!({})).await.expect(200);
    assert_eq!(ids().await, ["eves", "bobs"]);
    for (hide, show) in HIDDEN.into_iter().zip(SHOWN) {
        sql(&db, hide, &[&eve.id]).await;
        assert_eq!(ids().await, ["bobs"]);
        sql(&db, show, &[&eve.id]).await;
        assert_eq!(ids().await, ["eves", "bobs"]);
    }
    ada.delete(&follow(&bob.id)).await.expect(200);
    assert_eq!(ids().await, ["eves"]);
}

#[testkit::test]
async fn projects_are_returned_as_summaries(db: PgPool) {
    let app = app(&db);
    let (ada, bob, eve) = (
        app.user("ada").await,
        app.user("bob").await,
        app.user("eve").await,
    );
    project(&db, "p", &bob.id, true).await;
    sql(
        &db,
        r#"update projects set description = 'About.', tags = '{rust,cli}', language = 'Rust', content = 'long',
           "viewCount" = 7, "createdAt" = '2025-01-15 10:30', "updatedAt" = '2025-01-16 09:00'"#,
        &[],
    )
    .await;
    ada.put(&format!("/users/{}/follow", bob.id), json!({}))
        .await
        .expect(200);
    ada.put("/projects/p/like", json!({})).await.expect(200);
    comment(&ada, "p", "1").await;
    comment(&eve, "p", "of somebody hidden").await;
    sql(&db, HIDDEN[2], &[&eve.id]).await;

    let feed = ada.get("/feed").await.expect(200).json();

    assert_eq!(
        feed,
        json!([{
            "id": "p", "title": "Project p", "description": "About.", "tags": ["rust", "cli"],
            "language": "Rust", "isPublic": true, "viewCount": 7, "likeCount": 1,
            "commentCount": 1, "createdAt": "2025-01-15T10:30:00.000Z",
            "updatedAt": "2025-01-16T09:00:00.000Z", "authorId": bob.id,
            "author": {
                "id": bob.id, "name": "bob", "image": null, "avatar": null,
                "githubUsername": "bob", "isPro": false, "isFollowing": true
            },
            "isLiked": true
        }])
    );
}

#[testkit::test]
async fn tags_must_all_match_and_one_of_the_languages(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    for (id, tags, language) in [
        ("a", "{rust,cli}", "Rust"),
        ("b", "{rust}", "rust"),
        ("c", "{cli,c++}", "C++"),
    ] {
        project(&db, id, &bob.id, true).await;
        sql(
            &db,
            "update projects set tags = $2::text[], language = $3 where id = $1",
            &[id, tags, language],
        )
        .await;
    }
    project(&db, "d", &bob.id, true).await;
    sql(&db, "update projects set tags = null where id = 'd'", &[]).await;
    ada.put(&format!("/users/{}/follow", bob.id), json!({}))
        .await
        .expect(200);

    for (query, expected) in [
        ("", vec!["d", "c", "b", "a"]),
        ("tag=rust", vec!["b", "a"]),
        ("tag=rust&tag=cli", vec!["a"]),
        ("tag=c%2B%2B", vec!["c"]),
        ("tag=%23Rust", vec!["b", "a"]),
        ("tag=none", vec![]),
        ("language=RUST", vec!["b", "a"]),
        ("language=rust&language=c%2B%2B", vec!["c", "b", "a"]),
        ("language=rust&tag=cli", vec!["a"]),
        ("language=%25", vec![]),
    ] {
        let feed = ada.get(&format!("/feed?{query}")).await.expect(200).json();
        assert_eq!(each(&feed, "id"), expected, "{query}");
    }
}

#[testkit::test]
async fn older_projects_are_found_after_many_projects_of_others(db: PgPool) {
    let app = app(&db);
    let (ada, bob, eve) = (
        app.user("ada").await,
        app.user("bob").await,
        app.user("eve").await,
    );
    sql(
        &db,
        r#"insert into projects (id, title, tags, language, "authorId", "createdAt", "updatedAt")
           select 'e' || n, 'x', '{rust,new}', 'Rust', $1, timestamp '2025-01-01' + n * interval '1 second', now()
           from generate_series(1, 1500) n
           union all
           select 'b' || n, 'x', array['rust', 'old'], case n % 2 when 0 then 'rust' else 'C' end, $2,
               timestamp '2025-01-01' + n * interval '59 seconds', now()
           from generate_series(1, 30) n"#,
        &[&eve.id, &bob.id],
    )
    .await;
    ada.put(&format!("/users/{}/follow", bob.id), json!({}))
        .await
        .expect(200);

    let all: Vec<String> = (1..=30).rev().map(|n| format!("b{n}")).collect();
    let even: Vec<String> = all.iter().step_by(2).cloned().collect();
    for (query, expected) in [
        ("", all.as_slice()),
        ("&tag=rust", &all),
        ("&tag=rust&tag=old", &all),
        ("&tag=new", &[]),
        ("&language=rust", &even),
        ("&language=RUST&tag=old", &even),
        ("&language=c&language=rust", &all),
    ] {
        let path = format!("/feed?limit=4{query}");
        assert_eq!(crate::walk(&ada, &path).await.concat(), expected, "{query}");
    }
}
