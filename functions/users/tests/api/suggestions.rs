//! `GET /users?sort=suggested`

use serde_json::json;
use shared::db::measured;
use sqlx::PgPool;
use testing::{App, Caller};

use crate::{HIDDEN, app, each, follow, sql};

async fn crowd(db: &PgPool) -> (App, Caller) {
    let app = app(db);
    for id in ["me", "friend1", "friend2", "a", "b", "c", "d"] {
        app.insert_user(id, id).await;
    }
    let caller = app.session("me").await;
    for (id, skills) in [
        ("me", "{Rust,Go,SQL}"),
        ("friend1", "{Rust}"),
        ("a", "{rust,GO,Perl}"),
        ("b", "{SQL,sql}"),
    ] {
        sql(
            db,
            r#"update "user" set skills = $2::text[] where id = $1"#,
            &[id, skills],
        )
        .await;
    }
    for (follower, following) in [
        ("me", "friend1"),
        ("me", "friend2"),
        ("friend1", "b"),
        ("friend2", "b"),
        ("friend1", "c"),
        ("friend1", "friend2"),
        ("friend1", "me"),
        ("a", "d"),
        ("b", "d"),
        ("d", "me"),
    ] {
        follow(db, follower, following).await;
    }
    (app, caller)
}

#[testkit::test]
async fn suggestions_are_ordered_by_score(db: PgPool) {
    let (_, me) = crowd(&db).await;

    let (answer, usage) = measured(me.get("/users?sort=suggested")).await;
    let answer = answer.expect(200);
    let list = answer.json();

    // Neither the caller nor users whom the caller follows are suggested.
    assert_eq!(each(&list, "id"), ["b", "c", "a", "d"]);
    let counts: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|user| {
            (
                user["mutualCount"].as_i64().unwrap(),
                user["sharedSkillsCount"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(counts, [(2, 1), (1, 0), (0, 2), (0, 0)]);
    assert_eq!(list[3]["followsMe"], true);
    assert_eq!(usage.statements, 2);
    assert_eq!(answer.header("link"), "");
    assert!(!answer.text().contains('@'));
}

#[testkit::test]
async fn equal_scores_are_ordered_by_followers_then_id(db: PgPool) {
    let app = app(&db);
    let me = app.user("me").await;
    for (id, followers) in [("x1", "5"), ("x2", "7"), ("x3", "5"), ("x4", "0")] {
        app.insert_user(id, id).await;
        sql(
            &db,
            r#"update "user" set "followersCount" = $2::int where id = $1"#,
            &[id, followers],
        )
        .await;
    }

    for (limit, expected) in [
        (1, &["x2"][..]),
        (2, &["x2", "x3"]),
        (100, &["x2", "x3", "x1", "x4"]),
    ] {
        let answer = me
            .get(&format!("/users?sort=suggested&limit={limit}"))
            .await;
        assert_eq!(each(&answer.expect(200).json(), "id"), expected);
    }

    // The order is the same among users with a score.
    sql(&db, r#"update "user" set skills = '{Rust}'"#, &[]).await;
    for (limit, expected) in [
        (1, &["x2"][..]),
        (2, &["x2", "x3"]),
        (100, &["x2", "x3", "x1", "x4"]),
    ] {
        let answer = me
            .get(&format!("/users?sort=suggested&limit={limit}"))
            .await;
        let list = answer.expect(200).json();
        assert_eq!(each(&list, "id"), expected);
        assert_eq!(list[0]["sharedSkillsCount"], 1);
    }
}

#[testkit::test]
async fn hidden_people_are_neither_suggested_nor_counted(db: PgPool) {
    for hide in HIDDEN {
        let (_, me) = crowd(&db).await;
        sql(&db, hide, &["c"]).await;
        sql(&db, hide, &["friend2"]).await;

        let list = me.get("/users?sort=suggested").await.expect(200).json();

        assert_eq!(each(&list, "id"), ["b", "a", "d"], "{hide}");
        assert_eq!(list[0]["mutualCount"], 1, "{hide}");
        sql(&db, r#"delete from "user""#, &[]).await;
    }
}

#[testkit::test]
async fn filters_apply_to_suggestions(db: PgPool) {
    let (_, me) = crowd(&db).await;
    sql(
        &db,
        r#"update "user" set location = 'Oslo' where id in ('c', 'd')"#,
        &[],
    )
    .await;

    for (query, expected) in [
        ("skill=go", vec!["a"]),
        ("location=oslo", vec!["c", "d"]),
        ("q=b", vec!["b"]),
        ("q=friend", vec![]),
        ("location=oslo&limit=1", vec!["c"]),
    ] {
        let answer = me
            .get(&format!("/users?sort=suggested&{query}"))
            .await
            .expect(200);
        assert_eq!(each(&answer.json(), "id"), expected, "{query}");
    }
}

#[testkit::test]
async fn a_new_user_is_suggested_the_most_followed_users(db: PgPool) {
    let (app, _) = crowd(&db).await;
    let new = app.user("new").await;

    let list = new
        .get("/users?sort=suggested&limit=2")
        .await
        .expect(200)
        .json();

    assert_eq!(each(&list, "id"), ["me", "friend2"]);
    assert_eq!(list[0]["mutualCount"], json!(0));
}
