//! Users that admins create, read and update.

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    Stage,
    admin::{ADMIN, act},
    expect_code,
};

#[testkit::test]
async fn a_user_is_returned_in_better_auths_format(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.with_role("ada", "admin").await;
    let bob = stage.person("bob").await;

    let answer = ada.get(&format!("{ADMIN}/get-user?id={}", bob.id)).await;

    let user = answer.expect(200).json();
    let keys: Vec<&str> = user
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut expected = [
        "name",
        "email",
        "emailVerified",
        "image",
        "createdAt",
        "updatedAt",
        "role",
        "banned",
        "banReason",
        "banExpires",
        "id",
    ];
    expected.sort_unstable();
    assert_eq!(keys, expected);
    assert_eq!(user["email"], format!("bob-{}@test.example", bob.id));
    let answer = ada.get(&format!("{ADMIN}/get-user")).await;
    expect_code(
        &answer,
        400,
        "VALIDATION_ERROR",
        "[query.id] Invalid input: expected string, received undefined",
    );
}

#[testkit::test]
async fn a_user_is_created(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.with_role("ada", "admin").await;

    let answer = act(
        &ada,
        "create-user",
        json!({
            "email": "New@Test.Example", "name": "New", "role": ["user", "moderator"], "password": "pw",
            "data": { "image": "https://i.example", "role": "admin", "isPro": true, "id": "x", "email": "y@z.example", "projectsCount": 9, "nonsense": 1 }
        }),
    )
    .await;

    let user = answer.expect(200).json()["user"].clone();
    assert_eq!(user["email"], "new@test.example");
    assert_eq!(user["role"], "user,moderator");
    assert_eq!(user["emailVerified"], false);
    let row = stage.user(user["id"].as_str().unwrap()).await;
    assert_eq!(
        (&row["image"], &row["isPro"], &row["projectsCount"]),
        (&json!("https://i.example"), &json!(true), &json!(0))
    );
    let account = stage.row("select * from account").await;
    assert_eq!(
        (
            &account["providerId"],
            &account["accountId"],
            &account["userId"]
        ),
        (&json!("credential"), &user["id"], &user["id"])
    );
    let hash = account["password"].as_str().unwrap();
    assert_eq!(hash.len(), 32 + 1 + 128);
    assert!(
        hash.bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b':'))
    );

    let minimal = json!({ "email": "a@b.example", "name": "A" });
    let user = act(&ada, "create-user", minimal.clone())
        .await
        .expect(200)
        .json()["user"]
        .clone();
    assert_eq!(
        (&user["role"], &user["banned"]),
        (&json!("user"), &json!(false))
    );
    assert_eq!(stage.count("account").await, 1);
    let with_role = json!({ "email": "c@b.example", "name": "A", "data": { "role": "admin" } });
    let user = act(&ada, "create-user", with_role).await.expect(200).json()["user"].clone();
    assert_eq!(user["role"], "admin");

    for (change, code, message) in [
        (
            json!({}),
            "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
            "User already exists. Use another email.",
        ),
        (
            json!({ "email": "A@B.example" }),
            "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
            "User already exists. Use another email.",
        ),
        (json!({ "email": "a@b" }), "INVALID_EMAIL", "Invalid email"),
        (
            json!({ "email": "d@b.example", "password": "x".repeat(129) }),
            "PASSWORD_TOO_LONG",
            "Password too long",
        ),
        (
            json!({ "email": "d@b.example", "data": { "role": 1 } }),
            "INVALID_ROLE_TYPE",
            "Invalid role type",
        ),
        (
            json!({ "email": "d@b.example", "role": 1 }),
            "VALIDATION_ERROR",
            "[body.role] Invalid input",
        ),
        (
            json!({ "email": 1 }),
            "VALIDATION_ERROR",
            "[body.email] Invalid input: expected string, received number",
        ),
        (
            json!({ "email": "d@b.example", "data": { "isPro": "yes" } }),
            "VALIDATION_ERROR",
            "[body.data.isPro] Invalid input: expected boolean, received string",
        ),
    ] {
        let mut body = minimal.clone();
        body.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        expect_code(&act(&ada, "create-user", body).await, 400, code, message);
    }
}

#[testkit::test]
async fn a_user_is_updated(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.with_role("ada", "admin").await;
    stage
        .execute(r#"update "user" set email = 'ada@test.example'"#)
        .await;
    let bob = stage.person("bob").await;
    let update = async |data: Value| {
        act(
            &ada,
            "update-user",
            json!({ "userId": bob.id, "data": data }),
        )
        .await
    };

    let answer = update(json!({
        "name": "Bobby", "email": "Bobby@Test.Example", "emailVerified": false, "image": "https://i.example", "role": ["a", "b"],
        "banReason": "why", "banExpires": "2030-01-02T03:04:05.678Z", "isActive": false, "isPro": true,
        "projectsCount": 99, "createdAt": "2000-01-01T00:00:00.000Z", "providerId": "x"
    }))
    .await
    .expect(200)
    .json();

    assert_eq!(answer["name"], "Bobby");
    assert_eq!(answer["email"], "bobby@test.example");
    assert_eq!(answer["role"], "a,b");
    assert_eq!(answer["banExpires"], "2030-01-02T03:04:05.678Z");
    let row = stage.user(&bob.id).await;
    assert_eq!(
        (&row["isActive"], &row["isPro"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(
        (&row["projectsCount"], &row["providerId"]),
        (&json!(0), &Value::Null)
    );
    assert!(row["createdAt"].as_str() > Some("2001"));
    assert!(row["updatedAt"].as_str() > row["createdAt"].as_str());
    // The sessions of deactivated users stay valid under `/api/auth`.
    bob.get("/api/auth/session").await.expect(200);

    let answer =
        update(json!({ "image": null, "banReason": null, "banExpires": null, "isActive": true }))
            .await;
    let answer = answer.expect(200).json();
    assert_eq!(
        (
            &answer["image"],
            &answer["banReason"],
            &answer["banExpires"]
        ),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(answer["name"], "Bobby");
    update(json!({ "email": "bobby@test.example" }))
        .await
        .expect(200);
    update(json!({ "nonsense": 1 })).await.expect(200);

    for (data, code, message) in [
        (json!({}), "NO_DATA_TO_UPDATE", "No data to update"),
        (
            json!({ "password": "x", "id": "y" }),
            "PASSWORD_CANNOT_BE_UPDATED_VIA_UPDATE_USER",
            "Password cannot be updated through update-user. Use the set-user-password endpoint instead",
        ),
        (
            json!({ "id": bob.id }),
            "USER_ID_CANNOT_BE_UPDATED",
            "User id cannot be updated",
        ),
        (
            json!({ "role": 1 }),
            "INVALID_ROLE_TYPE",
            "Invalid role type",
        ),
        (
            json!({ "role": null }),
            "INVALID_ROLE_TYPE",
            "Invalid role type",
        ),
        (
            json!({ "email": "nonsense" }),
            "INVALID_EMAIL",
            "Invalid email",
        ),
        (json!({ "email": null }), "INVALID_EMAIL", "Invalid email"),
        (
            json!({ "email": "Ada@test.example" }),
            "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
            "User already exists. Use another email.",
        ),
        (
            json!({ "isActive": "false" }),
            "VALIDATION_ERROR",
            "[body.data.isActive] Invalid input: expected boolean, received string",
        ),
        (
            json!({ "isPro": null }),
            "VALIDATION_ERROR",
            "[body.data.isPro] Invalid input: expected boolean, received null",
        ),
    ] {
        expect_code(&update(data).await, 400, code, message);
    }
    for data in [
        json!({ "banExpires": "soon" }),
        json!({ "banExpires": "+200000-01-01T00:00:00.000Z" }),
        json!({ "name": "a\0" }),
        json!({ "name": null }),
    ] {
        let answer = update(data).await.expect(400);
        assert_eq!(answer.json()["code"], "VALIDATION_ERROR");
    }
    let answer = act(&ada, "update-user", json!({ "userId": bob.id })).await;
    expect_code(
        &answer,
        400,
        "VALIDATION_ERROR",
        "[body.data] Invalid input: expected record, received undefined",
    );
}

#[testkit::test]
async fn a_ban_in_an_update_ends_sessions(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.with_role("ada", "admin").await;
    let bob = stage.person("bob").await;

    let own = act(
        &ada,
        "update-user",
        json!({ "userId": ada.id, "data": { "banned": true } }),
    )
    .await;
    expect_code(
        &own,
        400,
        "YOU_CANNOT_BAN_YOURSELF",
        "You cannot ban yourself",
    );
    let body = json!({ "userId": bob.id, "data": { "banned": true } });
    let answer = act(&ada, "update-user", body).await.expect(200);

    assert_eq!(answer.json()["banned"], true);
    bob.get("/api/auth/session").await.expect(401);
    ada.get("/api/auth/session").await.expect(200);
}

#[testkit::test]
async fn roles_are_set(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.with_role("ada", "admin").await;
    let bob = stage.person("bob").await;

    for (role, stored) in [
        (json!("moderator"), "moderator"),
        (json!(["user", "anything"]), "user,anything"),
        (json!("admin"), "admin"),
    ] {
        let answer = act(&ada, "set-role", json!({ "userId": bob.id, "role": role })).await;
        assert_eq!(answer.expect(200).json()["user"]["role"], stored);
    }
    // The role applies at once, to an existing session too.
    bob.get(&format!("{ADMIN}/list-users")).await.expect(200);
    for role in [json!(null), json!(1), json!({}), json!([1]), json!("\0")] {
        let answer = act(&ada, "set-role", json!({ "userId": bob.id, "role": role })).await;
        expect_code(
            &answer,
            400,
            "VALIDATION_ERROR",
            "[body.role] Invalid input",
        );
    }
}
