//! `GET /users/{userId}` and `GET /users/by-github/{githubUsername}`

use serde_json::{Value, json};
use shared::db::measured;
use sqlx::PgPool;

use crate::{HIDDEN, SHOWN, app, follow, sql, without_nulls};

#[testkit::test]
async fn public_fields_are_visible_to_everyone(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    sql(
        &db,
        r#"update "user" set image = 'https://i.example/1', avatar = 'https://a.example', bio = 'b',
               website = 'https://ada.dev', location = 'London', company = 'Engines', skills = '{Rust}',
               "projectsCount" = 2, "followersCount" = 3, "followingCount" = 4, "isPro" = true,
               "createdAt" = '2025-01-15 10:30:00.07'
           where id = $1"#,
        &[&ada.id],
    )
    .await;
    let expected = json!({
        "id": ada.id, "name": "ada", "image": "https://i.example/1", "avatar": "https://a.example",
        "bio": "b", "website": "https://ada.dev", "location": "London", "company": "Engines",
        "skills": ["Rust"], "githubUsername": "ada", "projectsCount": 2, "followersCount": 3,
        "followingCount": 4, "isPro": true, "createdAt": "2025-01-15T10:30:00.070Z",
        "isFollowing": false, "followsMe": false,
    });

    for path in [
        format!("/users/{}", ada.id),
        "/users/by-github/ADA".to_owned(),
    ] {
        for caller in [app.anyone(), ada.clone(), app.user("bob").await] {
            let (answer, usage) = measured(caller.get(&path)).await;
            let user = without_nulls(answer.expect(200).json());
            assert_eq!(user, expected);
            assert_eq!(usage.statements, 2);
        }
    }
}

#[testkit::test]
async fn missing_values_are_null_or_empty(db: PgPool) {
    let app = app(&db);
    app.insert_user("nobody", "Nobody").await;
    sql(
        &db,
        r#"update "user" set skills = null, "githubUsername" = null where id = $1"#,
        &["nobody"],
    )
    .await;

    let user = app.anyone().get("/users/nobody").await.expect(200).json();

    for field in [
        "image",
        "avatar",
        "bio",
        "website",
        "location",
        "company",
        "githubUsername",
    ] {
        assert_eq!(user.get(field), Some(&Value::Null), "{field}");
    }
    assert_eq!(user["skills"], json!([]));
}

#[testkit::test]
async fn flags_show_follows_in_both_directions(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    let bob = app.user("bob").await;
    follow(&db, &ada.id, &bob.id).await;

    let seen = ada.get(&format!("/users/{}", bob.id)).await.json();
    assert_eq!(
        (&seen["isFollowing"], &seen["followsMe"]),
        (&json!(true), &json!(false))
    );
    let seen = bob.get(&format!("/users/{}", ada.id)).await.json();
    assert_eq!(
        (&seen["isFollowing"], &seen["followsMe"]),
        (&json!(false), &json!(true))
    );
    let seen = app.anyone().get(&format!("/users/{}", bob.id)).await.json();
    assert_eq!(
        (&seen["isFollowing"], &seen["followsMe"]),
        (&json!(false), &json!(false))
    );
}

#[testkit::test]
async fn deactivated_and_banned_users_are_not_found(db: PgPool) {
    let app = app(&db);
    app.insert_user("ghost", "Ghost").await;

    for (hide, show) in HIDDEN.iter().zip(SHOWN) {
        sql(&db, hide, &["ghost"]).await;
        for path in [
            "/users/ghost",
            "/users/by-github/ghost",
            "/users/ghost/contributions",
        ] {
            app.anyone()
                .get(path)
                .await
                .expect_error(404, &["User not found"]);
        }
        sql(&db, show, &["ghost"]).await;
        app.anyone().get("/users/ghost").await.expect(200);
    }
}

#[testkit::test]
async fn unknown_ids_are_not_found(db: PgPool) {
    let app = app(&db);
    app.insert_user("x", "").await;
    let long = "a".repeat(10_000);

    for id in [
        "unknown",
        "by-github",
        "%00",
        "a%00b",
        "%ff",
        "X",
        "%20",
        "🦀",
        "'",
        "%2e%2e",
        &long,
    ] {
        let id = if id.is_ascii() {
            id.to_owned()
        } else {
            "%F0%9F%A6%80".to_owned()
        };
        for path in [
            format!("/users/{id}"),
            format!("/users/{id}/contributions"),
            format!("/users/by-github/{id}"),
        ] {
            let known =
                path == "/users/by-github/contributions" || path == "/users/by-github/by-github";
            let answer = app.anyone().get(&path).await;
            assert_eq!(answer.status, 404, "{path} {known}");
            assert_eq!(answer.messages(), ["User not found"], "{path}");
        }
    }
}

#[testkit::test]
async fn ids_are_opaque(db: PgPool) {
    let app = app(&db);
    let longest = "i".repeat(255);
    for id in [
        "3f6c0a5e-6f0c-4c3a-9a55-0d6f7c3b1c11",
        "a b",
        "ü%",
        &longest,
    ] {
        app.insert_user(id, "Somebody").await;
    }

    for path in [
        "3f6c0a5e-6f0c-4c3a-9a55-0d6f7c3b1c11",
        "a%20b",
        "%C3%BC%25",
        &longest,
    ] {
        app.anyone()
            .get(&format!("/users/{path}"))
            .await
            .expect(200);
    }
    let longer = format!("/users/{longest}i");
    app.anyone()
        .get(&longer)
        .await
        .expect_error(404, &["User not found"]);
}

#[testkit::test]
async fn a_github_name_belongs_to_the_newest_account(db: PgPool) {
    let app = app(&db);
    for (id, at) in [("old", "2024-01-01"), ("new", "2025-01-01"), ("none", "")] {
        app.insert_user(id, "Octo").await;
        if !at.is_empty() {
            sql(
                &db,
                r#"insert into account (id, "accountId", "providerId", "userId", "createdAt", "updatedAt")
                   values ($1, $1, 'github', $1, $2::timestamp, now())"#,
                &[id, at],
            )
            .await;
        }
    }
    // A newer account at another provider does not change the GitHub name.
    sql(
        &db,
        r#"insert into account (id, "accountId", "providerId", "userId", "createdAt", "updatedAt")
           values ('g', 'g', 'google', 'none', '2026-01-01', now())"#,
        &[],
    )
    .await;

    let found = app
        .anyone()
        .get("/users/by-github/oCTO")
        .await
        .expect(200)
        .json();
    assert_eq!(found["id"], "new");

    // If the newest owner is hidden, the previous one is not found by the name.
    sql(&db, HIDDEN[0], &["new"]).await;
    app.anyone().get("/users/by-github/octo").await.expect(404);
}

#[testkit::test]
async fn an_empty_github_name_is_not_found(db: PgPool) {
    let app = app(&db);
    app.insert_user("x", "").await;

    app.anyone().get("/users/by-github/%00").await.expect(404);
    app.anyone().get("/users/by-github/").await.expect(404);
}
