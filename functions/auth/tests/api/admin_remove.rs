//! `remove-user` and `set-user-password`.

use serde_json::json;
use sqlx::PgPool;

use crate::{Stage, admin::act, expect_code};

#[testkit::test]
async fn a_removed_user_leaves_nothing_behind(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.with_role("ada", "admin").await;
    let bob = stage.person("bob").await;
    let eve = stage.person("eve").await;
    for sql in [
        format!(
            r#"insert into projects (id, title, "authorId", "isPublic", "likeCount", "updatedAt") values ('eves', 'P', '{}', true, 1, now()), ('bobs', 'P', '{}', true, 0, now())"#,
            eve.id, bob.id
        ),
        format!(
            r#"insert into likes (id, "userId", "projectId") values ('l', '{}', 'eves')"#,
            bob.id
        ),
        format!(
            r#"insert into comments (id, content, "authorId", "projectId", "updatedAt") values ('c', 'C', '{}', 'eves', now())"#,
            bob.id
        ),
        format!(
            r#"insert into follows (id, "followerId", "followingId") values ('f', '{}', '{}')"#,
            bob.id, eve.id
        ),
        format!(
            r#"update "user" set "followersCount" = 1 where id = '{}'"#,
            eve.id
        ),
        format!(
            r#"insert into apikey (id, key, "referenceId", "updatedAt") values ('k', 'h', '{}', now())"#,
            bob.id
        ),
        format!(
            r#"insert into account (id, "accountId", "providerId", "userId", "updatedAt") values ('a', '1', 'github', '{}', now())"#,
            bob.id
        ),
    ] {
        stage.execute(&sql).await;
    }

    let own = act(&ada, "remove-user", json!({ "userId": ada.id })).await;
    expect_code(
        &own,
        400,
        "YOU_CANNOT_REMOVE_YOURSELF",
        "You cannot remove yourself",
    );
    let answer = act(&ada, "remove-user", json!({ "userId": bob.id })).await;

    assert_eq!(answer.expect(200).text(), r#"{"success":true}"#);
    for (table, left) in [
        (r#""user""#, 2),
        ("session", 2),
        ("account", 0),
        ("apikey", 0),
        ("projects", 1),
        ("likes", 0),
        ("comments", 0),
        ("follows", 0),
    ] {
        assert_eq!(stage.count(table).await, left, "{table}");
    }
    let project = stage.row("select * from projects").await;
    assert_eq!(
        (&project["likeCount"], &project["commentCount"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(stage.user(&eve.id).await["followersCount"], 0);
    bob.get("/api/auth/session").await.expect(401);
    let again = act(&ada, "remove-user", json!({ "userId": bob.id })).await;
    expect_code(&again, 404, "USER_NOT_FOUND", "User not found");
}

#[testkit::test]
async fn a_password_is_set_and_replaced(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.with_role("ada", "admin").await;
    let bob = stage.person("bob").await;
    let set = async |password: &str| {
        act(
            &ada,
            "set-user-password",
            json!({ "userId": bob.id, "newPassword": password }),
        )
        .await
    };

    let answer = set("12345678").await.expect(200);
    assert_eq!(answer.text(), r#"{"status":true}"#);
    let first = stage.row("select * from account").await;
    assert_eq!(
        (&first["providerId"], &first["accountId"]),
        (&json!("credential"), &json!(bob.id))
    );
    // The emoji counts as two characters, as in JavaScript.
    set(&format!("{}🦀", "x".repeat(126))).await.expect(200);
    let second = stage.row("select * from account").await;
    assert_eq!(first["id"], second["id"]);
    assert_ne!(first["password"], second["password"]);

    for (password, code, message) in [
        ("1234567", "PASSWORD_TOO_SHORT", "Password too short"),
        (&"x".repeat(129), "PASSWORD_TOO_LONG", "Password too long"),
        (
            &format!("{}🦀", "x".repeat(127)),
            "PASSWORD_TOO_LONG",
            "Password too long",
        ),
        (
            "",
            "VALIDATION_ERROR",
            "[body.newPassword] newPassword cannot be empty",
        ),
    ] {
        expect_code(&set(password).await, 400, code, message);
    }
    let nobody = act(
        &ada,
        "set-user-password",
        json!({ "userId": "", "newPassword": "12345678" }),
    )
    .await;
    expect_code(
        &nobody,
        400,
        "VALIDATION_ERROR",
        "[body.userId] userId cannot be empty",
    );
    // Password sign-in stays off, and the user's session stays valid.
    bob.get("/api/auth/session").await.expect(200);
}

#[testkit::test]
async fn concurrent_passwords_create_one_account(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.with_role("ada", "admin").await;
    let bob = stage.person("bob").await;
    let body = json!({ "userId": bob.id, "newPassword": "12345678" });

    let answers = futures_util::future::join_all(
        (0..4).map(|_| act(&ada, "set-user-password", body.clone())),
    );

    for answer in answers.await {
        answer.expect(200);
    }
    assert_eq!(stage.count("account").await, 1);
}
