//! `GET /users/profile`

use serde_json::json;
use shared::db::measured;
use sqlx::PgPool;

use crate::{app, project, sql, without_nulls};

#[testkit::test]
async fn the_caller_sees_their_whole_account(db: PgPool) {
    let ada = app(&db).user("ada").await;
    project(&db, "p1", &ada.id, true).await;
    project(&db, "p2", &ada.id, false).await;
    project(&db, "p3", &ada.id, false).await;
    sql(
        &db,
        r#"update "user" set email = 'ada@test.example', image = 'https://i.example/1', bio = 'Ünï "🦀"',
               website = 'https://ada.dev', location = 'London', company = 'Engines',
               skills = '{Rust,"C, D"}', provider = 'GOOGLE', "providerId" = '7', "followersCount" = 3,
               "followingCount" = 4, "isPro" = true, role = 'moderator',
               "createdAt" = '2025-01-15 10:30:00', "updatedAt" = '2025-01-20 08:00:00.5'
           where id = $1"#,
        &[&ada.id],
    )
    .await;

    let answer = ada.get("/users/profile").await.expect(200).json();

    assert_eq!(answer["user"].get("avatar"), Some(&json!(null)));
    assert_eq!(
        without_nulls(answer["user"].clone()),
        json!({
            "id": ada.id, "name": "ada", "email": "ada@test.example", "emailVerified": true,
            "image": "https://i.example/1",
            "createdAt": "2025-01-15T10:30:00.000Z", "updatedAt": "2025-01-20T08:00:00.500Z",
            "bio": "Ünï \"🦀\"", "website": "https://ada.dev", "location": "London",
            "company": "Engines", "skills": ["Rust", "C, D"],
            "provider": "GOOGLE", "providerId": "7", "githubUsername": "ada",
            "projectsCount": 1, "followersCount": 3, "followingCount": 4,
            "isActive": true, "isPro": true, "role": "moderator", "privateProjectsCount": 2,
        })
    );
    assert_eq!(answer.as_object().unwrap().len(), 1);
}

#[testkit::test]
async fn nulls_in_older_rows_are_returned_as_defaults(db: PgPool) {
    let ada = app(&db).user("ada").await;
    sql(
        &db,
        r#"update "user" set skills = null, role = null, banned = null where id = $1"#,
        &[&ada.id],
    )
    .await;

    let user = &ada.get("/users/profile").await.expect(200).json()["user"];

    assert_eq!(user["skills"], json!([]));
    assert_eq!(user["role"], "user");
}

#[testkit::test]
async fn a_profile_costs_one_round_trip(db: PgPool) {
    let ada = app(&db).user("ada").await;

    let (answer, usage) = measured(ada.get("/users/profile")).await;

    answer.expect(200);
    assert_eq!(usage.statements, 1);
}
