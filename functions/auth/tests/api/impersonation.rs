//! The limits of impersonation.

use provider::Person;
use serde_json::{Value, json};
use sqlx::PgPool;
use testing::Caller;

use crate::{Browser, FRONTEND, Stage, admin::act, expect_code};

const SESSION: &str = "/api/auth/get-session";

/// Two admins, and a session in which the first one impersonates a user.
struct ImpersonationScene {
    stage: Stage,
    ada: Caller,
    root: Caller,
    impersonated: Caller,
}

impl ImpersonationScene {
    async fn new(db: PgPool) -> Self {
        let stage = Stage::new(db).await;
        let ada = stage.with_role("ada", "admin").await;
        let root = stage.with_role("root", "admin").await;
        let bob = stage.person("bob").await;
        let impersonated = impersonate(&stage, &ada, &bob).await;
        Self {
            stage,
            ada,
            root,
            impersonated,
        }
    }

    async fn is_over(&self) -> bool {
        let session = self.impersonated.get(SESSION).await.expect(200);
        session.json() == Value::Null
    }
}

/// Impersonates a user, and returns a caller with the session cookie alone.
async fn impersonate(stage: &Stage, admin: &Caller, user: &Caller) -> Caller {
    let answer = act(admin, "impersonate-user", json!({ "userId": user.id })).await;
    let token = answer.expect(200).json()["session"]["token"].clone();
    let caller = stage.app.with_token(&user.id, token.as_str().unwrap());
    caller.header("origin", FRONTEND)
}

#[testkit::test]
async fn an_impersonated_session_is_never_extended(db: PgPool) {
    let scene = ImpersonationScene::new(db).await;

    // The request lacks the cookie `dont_remember`, which only the browser sends.
    let answer = scene.impersonated.get(SESSION).await.expect(200);

    assert_eq!(answer.header("set-cookie"), "");
    let row = scene
        .stage
        .row(
            r#"select "expiresAt" < now() at time zone 'utc' + interval '61 minutes' as short
               from session where "impersonatedBy" is not null"#,
        )
        .await;
    assert_eq!(row["short"], true);
}

#[testkit::test]
async fn impersonation_ends_when_the_admin_signs_out(db: PgPool) {
    let scene = ImpersonationScene::new(db).await;
    scene
        .ada
        .post("/api/auth/sign-out", json!({}))
        .await
        .expect(200);
    assert!(scene.is_over().await);
}

#[testkit::test]
async fn impersonation_ends_with_the_admins_sessions(db: PgPool) {
    let scene = ImpersonationScene::new(db).await;
    let bob = scene.impersonated.id.clone();
    let session = scene.ada.get(SESSION).await.json();
    let own = session["session"]["token"].as_str().unwrap().to_owned();
    for (path, body, by_root) in [
        ("/api/auth/revoke-other-sessions", json!({}), false),
        (
            "/api/auth/admin/revoke-user-sessions",
            json!({ "userId": scene.ada.id }),
            true,
        ),
        (
            "/api/auth/admin/revoke-user-session",
            json!({ "sessionToken": own }),
            true,
        ),
        ("/api/auth/revoke-session", json!({ "token": own }), false),
        ("/api/auth/revoke-sessions", json!({}), false),
    ] {
        // Each request must end both the admin's session and the impersonated one.
        for sql in [
            "delete from session where id in ('own', 'imp')".to_owned(),
            format!(
                r#"insert into session (id, token, "userId", "expiresAt", "createdAt", "updatedAt")
                   values ('own', '{own}', '{}', now() at time zone 'utc' + interval '1 day',
                       now() at time zone 'utc', now())
                   on conflict (token) do nothing"#,
                scene.ada.id
            ),
        ] {
            scene.stage.execute(&sql).await;
        }
        scene
            .stage
            .execute(&format!(
                r#"insert into session (id, token, "userId", "expiresAt", "updatedAt", "impersonatedBy")
                   values ('imp', 'impersonated', '{bob}', now() at time zone 'utc' + interval '1 hour', now(), '{}')"#,
                scene.ada.id
            ))
            .await;
        let caller = if by_root { &scene.root } else { &scene.ada };
        caller.post(path, body).await.expect(200);
        let left = scene
            .stage
            .row(r#"select count(*) from session where "impersonatedBy" is not null"#)
            .await;
        assert_eq!(left["count"], 0, "{path}");
    }
}

#[testkit::test]
async fn impersonation_ends_when_the_admin_is_banned(db: PgPool) {
    let scene = ImpersonationScene::new(db).await;
    let body = json!({ "userId": scene.ada.id });
    act(&scene.root, "ban-user", body).await.expect(200);
    assert!(scene.is_over().await);
}

#[testkit::test]
async fn impersonation_ends_when_the_admin_is_removed(db: PgPool) {
    let scene = ImpersonationScene::new(db).await;
    let body = json!({ "userId": scene.ada.id });
    act(&scene.root, "remove-user", body).await.expect(200);
    assert!(scene.is_over().await);
}

#[testkit::test]
async fn impersonation_ends_when_the_admin_is_demoted(db: PgPool) {
    let scene = ImpersonationScene::new(db).await;
    let body = json!({ "userId": scene.ada.id, "role": ["admin", "moderator"] });
    act(&scene.root, "set-role", body).await.expect(200);
    assert!(!scene.is_over().await);

    let body = json!({ "userId": scene.ada.id, "data": { "role": "user" } });
    act(&scene.root, "update-user", body).await.expect(200);
    assert!(scene.is_over().await);
}

#[testkit::test]
async fn an_impersonated_session_cannot_create_keys_or_links(db: PgPool) {
    let scene = ImpersonationScene::new(db).await;
    let link = json!({ "provider": "github", "callbackURL": "/" });
    for (path, body) in [
        ("/api/auth/api-key/create", json!({ "name": "k" })),
        ("/api/auth/link-social", link),
        (
            "/api/auth/link-social",
            json!({ "provider": "google", "idToken": { "token": "x" } }),
        ),
    ] {
        let answer = scene.impersonated.post(path, body).await;
        let message = "Impersonated sessions cannot be used here";
        expect_code(&answer, 403, "FORBIDDEN", message);
    }
    assert_eq!(scene.stage.count("apikey").await, 0);
    assert_eq!(scene.stage.count("verification").await, 0);
}

#[testkit::test]
async fn an_admin_can_still_return(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let mut ada: Browser = stage.signed_in(&ada).await;
    stage.execute(r#"update "user" set role = 'admin'"#).await;
    let bob = stage.person("bob").await;

    ada.post(
        "/api/auth/admin/impersonate-user",
        json!({ "userId": bob.id }),
    )
    .await
    .expect(200);
    ada.post("/api/auth/admin/stop-impersonating", json!({}))
        .await
        .expect(200);

    assert_eq!(ada.session().await["user"]["name"], "Ada");
}
