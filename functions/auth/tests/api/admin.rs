//! `/api/auth/admin/*`: access, and the endpoints in common.

use serde_json::{Value, json};
use shared::random;
use sqlx::PgPool;
use testing::{Answer, Caller};

use crate::{FRONTEND, Stage, expect_code};

pub const ADMIN: &str = "/api/auth/admin";

impl Stage {
    /// Creates a user with a session, whose requests come from the frontend.
    pub async fn person(&self, name: &str) -> Caller {
        self.app.user(name).await.header("origin", FRONTEND)
    }

    /// Creates a user with this role.
    pub async fn with_role(&self, name: &str, role: &str) -> Caller {
        let person = self.person(name).await;
        sqlx::query(r#"update "user" set role = $2 where id = $1"#)
            .bind(&person.id)
            .bind(role)
            .execute(&self.db)
            .await
            .unwrap();
        person
    }

    pub async fn user(&self, id: &str) -> Value {
        self.row(&format!(r#"select * from "user" where id = '{id}'"#))
            .await
    }
}

pub async fn act(caller: &Caller, action: &str, body: Value) -> Answer {
    caller.post(&format!("{ADMIN}/{action}"), body).await
}

/// Every endpoint, with a body, and the code and message that users without the permission get.
fn endpoints(user: &str) -> Vec<(&'static str, Option<Value>, &'static str, &'static str)> {
    let id = json!({ "userId": user });
    vec![
        (
            "list-users",
            None,
            "YOU_ARE_NOT_ALLOWED_TO_LIST_USERS",
            "You are not allowed to list users",
        ),
        (
            "get-user?id=nobody",
            None,
            "YOU_ARE_NOT_ALLOWED_TO_GET_USER",
            "You are not allowed to get user",
        ),
        (
            "create-user",
            Some(json!({ "email": "x@y.example", "name": "X" })),
            "YOU_ARE_NOT_ALLOWED_TO_CREATE_USERS",
            "You are not allowed to create users",
        ),
        (
            "update-user",
            Some(json!({ "userId": user, "data": { "name": "X" } })),
            "YOU_ARE_NOT_ALLOWED_TO_UPDATE_USERS",
            "You are not allowed to update users",
        ),
        (
            "set-role",
            Some(json!({ "userId": user, "role": "user" })),
            "YOU_ARE_NOT_ALLOWED_TO_CHANGE_USERS_ROLE",
            "You are not allowed to change users role",
        ),
        (
            "ban-user",
            Some(id.clone()),
            "YOU_ARE_NOT_ALLOWED_TO_BAN_USERS",
            "You are not allowed to ban users",
        ),
        (
            "unban-user",
            Some(id.clone()),
            "YOU_ARE_NOT_ALLOWED_TO_BAN_USERS",
            "You are not allowed to ban users",
        ),
        (
            "list-user-sessions",
            Some(id.clone()),
            "YOU_ARE_NOT_ALLOWED_TO_LIST_USERS_SESSIONS",
            "You are not allowed to list users sessions",
        ),
        (
            "revoke-user-session",
            Some(json!({ "sessionToken": "x" })),
            "YOU_ARE_NOT_ALLOWED_TO_REVOKE_USERS_SESSIONS",
            "You are not allowed to revoke users sessions",
        ),
        (
            "revoke-user-sessions",
            Some(id.clone()),
            "YOU_ARE_NOT_ALLOWED_TO_REVOKE_USERS_SESSIONS",
            "You are not allowed to revoke users sessions",
        ),
        (
            "impersonate-user",
            Some(id.clone()),
            "YOU_ARE_NOT_ALLOWED_TO_IMPERSONATE_USERS",
            "You are not allowed to impersonate users",
        ),
        (
            "remove-user",
            Some(id.clone()),
            "YOU_ARE_NOT_ALLOWED_TO_DELETE_USERS",
            "You are not allowed to delete users",
        ),
        (
            "set-user-password",
            Some(json!({ "userId": user, "newPassword": "long enough" })),
            "YOU_ARE_NOT_ALLOWED_TO_SET_USERS_PASSWORD",
            "You are not allowed to set users password",
        ),
    ]
}

async fn send(caller: &Caller, endpoint: &str, body: Option<&Value>) -> Answer {
    match body {
        None => caller.get(&format!("{ADMIN}/{endpoint}")).await,
        Some(body) => act(caller, endpoint, body.clone()).await,
    }
}

#[testkit::test]
async fn only_admins_have_access(db: PgPool) {
    let stage = Stage::new(db).await;
    let bob = stage.person("bob").await;
    let anyone = stage.app.anyone();
    let mut others = Vec::new();
    for role in [
        "user",
        "moderator",
        "",
        "Admin",
        "admins",
        "moderator,user",
        " admin",
    ] {
        others.push(stage.with_role("other", role).await);
    }
    stage
        .execute(r#"update "user" set role = null where role = ''"#)
        .await;
    let before = stage.count(r#""user""#).await;

    // Permissions are checked before the user is looked up, so the target makes no difference.
    for target in [bob.id.as_str(), "nobody"] {
        for (endpoint, body, code, message) in endpoints(target) {
            let answer = send(&anyone, endpoint, body.as_ref()).await;
            assert_eq!(answer.status, 401, "{endpoint} {answer:?}");
            assert!(answer.body.is_empty(), "{endpoint} {answer:?}");
            for caller in &others {
                let answer = send(caller, endpoint, body.as_ref()).await;
                expect_code(&answer, 403, code, message);
            }
        }
    }
    assert_eq!(stage.count(r#""user""#).await, before);
    assert_eq!(stage.count("session").await, before);
}

#[testkit::test]
async fn admins_by_role_and_by_configuration_have_access(db: PgPool) {
    let id = random::id();
    let stage = Stage::configured(db, &[("ADMIN_USER_IDS", &id)]).await;
    stage.app.insert_user(&id, "root").await;
    let root = stage.app.session(&id).await.header("origin", FRONTEND);
    let ada = stage.with_role("ada", "admin").await;
    let eve = stage.with_role("eve", "moderator,admin").await;

    for admin in [root, ada, eve] {
        let bob = stage.person("bob").await;
        for (endpoint, body, ..) in endpoints(&bob.id) {
            let endpoint = endpoint.replace("nobody", &admin.id);
            let expected = if endpoint == "set-user-password" {
                404
            } else {
                200
            };
            // `remove-user` has just removed the user.
            let answer = send(&admin, &endpoint, body.as_ref()).await;
            assert_eq!(answer.status.as_u16(), expected, "{endpoint} {answer:?}");
        }
        stage
            .execute(r#"delete from "user" where email = 'x@y.example'"#)
            .await;
    }
}

#[testkit::test]
async fn unknown_users_are_not_found(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.with_role("ada", "admin").await;

    for (endpoint, body, ..) in endpoints("nobody") {
        let answer = send(&ada, endpoint, body.as_ref()).await;
        match endpoint {
            "list-users"
            | "create-user"
            | "list-user-sessions"
            | "revoke-user-session"
            | "revoke-user-sessions" => assert_eq!(answer.status, 200, "{answer:?}"),
            _ => expect_code(&answer, 404, "USER_NOT_FOUND", "User not found"),
        }
    }
    for id in [json!(""), json!([]), json!([null])] {
        let body = json!({ "userId": id, "newPassword": "long enough" });
        let answer = send(&ada, "set-user-password", Some(&body)).await;
        let message = "[body.userId] userId cannot be empty";
        expect_code(&answer, 400, "VALIDATION_ERROR", message);
    }
    // Values of other types are converted to text.
    for body in [json!({ "userId": 1 }), json!({ "userId": null })] {
        let answer = act(&ada, "unban-user", body).await;
        expect_code(&answer, 404, "USER_NOT_FOUND", "User not found");
    }
    let answer = act(&ada, "unban-user", json!({ "userId": "a\0b" })).await;
    assert_eq!(answer.status, 400, "{answer:?}");
}

#[testkit::test]
async fn a_user_id_is_required(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.with_role("ada", "admin").await;
    let missing = "[body.userId] Invalid input: expected nonoptional, received undefined";

    for (endpoint, body, ..) in endpoints("nobody") {
        let Some(mut body) = body.filter(|body| body.get("userId").is_some()) else {
            continue;
        };
        body.as_object_mut().unwrap().remove("userId");
        let answer = act(&ada, endpoint, body).await;
        expect_code(&answer, 400, "VALIDATION_ERROR", missing);
    }
}

#[testkit::test]
async fn requests_of_other_sites_are_rejected(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.with_role("ada", "admin").await;
    let token = stage.row("select token from session").await["token"].clone();
    let evil = stage
        .app
        .with_token(&ada.id, token.as_str().unwrap())
        .header("origin", "https://evil.example");

    let answer = act(&evil, "unban-user", json!({ "userId": ada.id })).await;

    expect_code(&answer, 403, "INVALID_ORIGIN", "Invalid origin");
}

#[testkit::test]
async fn has_permission_reports_the_permissions_of_the_caller(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.with_role("ada", "admin").await;
    let bob = stage.person("bob").await;
    let all = json!([
        "create",
        "list",
        "set-role",
        "ban",
        "impersonate",
        "delete",
        "set-password",
        "set-email",
        "set-phone",
        "get",
        "update"
    ]);

    for (permissions, may) in [
        (json!({ "user": all }), true),
        (
            json!({ "user": ["ban"], "session": ["list", "revoke", "delete"] }),
            true,
        ),
        (json!({ "user": ["ban", "impersonate-admins"] }), false),
        (json!({ "user": ["ban"], "project": ["delete"] }), false),
        (json!({ "user": [] }), false),
        (json!({}), false),
    ] {
        let body = json!({ "permissions": permissions, "userId": ada.id, "role": "admin" });
        let answer = act(&ada, "has-permission", body.clone()).await.expect(200);
        assert_eq!(
            answer.json(),
            json!({ "error": null, "success": may }),
            "{permissions}"
        );
        let answer = act(&bob, "has-permission", body).await.expect(200);
        assert_eq!(answer.json(), json!({ "error": null, "success": false }));
    }
    let answer = act(
        &ada,
        "has-permission",
        json!({ "permission": { "user": ["ban"] } }),
    )
    .await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.json(),
        json!({ "message": "invalid permission check. no permission(s) were passed." })
    );
    for body in [
        json!({}),
        json!({ "permissions": 1 }),
        json!({ "permissions": {}, "permission": {} }),
        json!({ "permissions": { "user": [1] } }),
    ] {
        expect_code(
            &act(&ada, "has-permission", body).await,
            400,
            "VALIDATION_ERROR",
            "[body] Invalid input",
        );
    }
    let answer = act(
        &stage.app.anyone(),
        "has-permission",
        json!({ "permissions": {} }),
    )
    .await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (401, ""));
}
