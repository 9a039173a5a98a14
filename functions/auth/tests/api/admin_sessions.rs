//! Sessions of other users: listed, revoked and impersonated.

use provider::Person;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{Browser, CLEARED, Stage, admin::act, expect_code};

const IMPERSONATE: &str = "/api/auth/admin/impersonate-user";
const STOP: &str = "/api/auth/admin/stop-impersonating";

/// Returns the browser of an admin, and the id of another user.
async fn admin_and_user(stage: &Stage) -> (Browser, String) {
    let ada = stage.provider.register(Person::new("ada"));
    let ada = stage.signed_in(&ada).await;
    stage.execute(r#"update "user" set role = 'admin'"#).await;
    let bob = stage.person("bob").await;
    (ada, bob.id)
}

#[testkit::test]
async fn sessions_are_listed_and_revoked(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.with_role("ada", "admin").await;
    let bob = stage.person("bob").await;
    let second = stage.app.session(&bob.id).await;
    stage
        .execute(&format!(
            r#"insert into session (id, token, "userId", "expiresAt", "updatedAt", "impersonatedBy")
               values ('old', 'expired', '{}', now() - interval '1 day', now(), '{}')"#,
            bob.id, ada.id
        ))
        .await;

    let answer = act(&ada, "list-user-sessions", json!({ "userId": bob.id }))
        .await
        .expect(200);
    let sessions = answer.json()["sessions"].as_array().unwrap().clone();
    assert_eq!(sessions.len(), 3);
    let keys: Vec<&String> = sessions[0].as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 9);
    let old = sessions
        .iter()
        .find(|session| session["id"] == "old")
        .unwrap();
    assert_eq!(
        (&old["token"], &old["impersonatedBy"]),
        (&json!("expired"), &json!(ada.id))
    );

    let own = bob.get("/api/auth/get-session").await.json()["session"]["token"].clone();
    for token in [own, json!("unknown")] {
        let answer = act(
            &ada,
            "revoke-user-session",
            json!({ "sessionToken": token }),
        )
        .await;
        assert_eq!(answer.expect(200).text(), r#"{"success":true}"#);
    }
    bob.get("/api/auth/session").await.expect(401);
    second.get("/api/auth/session").await.expect(200);
    for user in [bob.id.as_str(), "unknown"] {
        let answer = act(&ada, "revoke-user-sessions", json!({ "userId": user })).await;
        assert_eq!(answer.expect(200).text(), r#"{"success":true}"#);
    }
    second.get("/api/auth/session").await.expect(401);
    ada.get("/api/auth/session").await.expect(200);
    let answer = act(&ada, "revoke-user-session", json!({})).await;
    expect_code(
        &answer,
        400,
        "VALIDATION_ERROR",
        "[body.sessionToken] Invalid input: expected string, received undefined",
    );
}

#[testkit::test]
async fn an_admin_impersonates_a_user_and_returns(db: PgPool) {
    let stage = Stage::new(db).await;
    let (mut ada, bob) = admin_and_user(&stage).await;
    let before = ada.session().await;
    let cookies = &stage.app.state.config.cookies;
    let admin_token = before["session"]["token"].as_str().unwrap().to_owned();

    let answer = ada
        .post(IMPERSONATE, json!({ "userId": bob }))
        .await
        .expect(200);

    let body = answer.json();
    assert_eq!(body["user"]["id"], bob);
    assert_eq!(body["session"]["impersonatedBy"], before["user"]["id"]);
    let token = body["session"]["token"].as_str().unwrap();
    let mut expected: Vec<String> = CLEARED.map(str::to_owned).to_vec();
    expected.extend([
        format!(
            "better-auth.admin_session={}; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax",
            cookies.sign(&format!("{admin_token}:"))
        ),
        format!(
            "better-auth.session_token={}; Path=/; HttpOnly; SameSite=Lax",
            cookies.sign(token)
        ),
        format!(
            "better-auth.dont_remember={}; Path=/; HttpOnly; SameSite=Lax",
            cookies.sign("true")
        ),
    ]);
    // A cookie that is cleared has no earlier `Set-Cookie` header with the same name.
    assert_eq!(answer.header_all("set-cookie"), expected);
    let row = stage
        .row(&format!(
            r#"select extract(epoch from "expiresAt" - now() at time zone 'utc')::int as left from session where token = '{token}'"#
        ))
        .await;
    assert!(
        (3590..=3600).contains(&row["left"].as_i64().unwrap()),
        "{row}"
    );
    let session = ada.session().await;
    assert_eq!(session["user"]["id"], bob);
    assert_eq!(session["session"]["impersonatedBy"], before["user"]["id"]);
    // The user does not see the session, an admin does. It has no admin permissions.
    let listed = stage
        .app
        .session(&bob)
        .await
        .get("/api/auth/list-sessions")
        .await
        .expect(200);
    assert!(
        listed
            .json()
            .as_array()
            .unwrap()
            .iter()
            .all(|session| session["token"] != token)
    );
    let refused = ada.post(IMPERSONATE, json!({ "userId": bob })).await;
    expect_code(
        &refused,
        403,
        "YOU_ARE_NOT_ALLOWED_TO_IMPERSONATE_USERS",
        "You are not allowed to impersonate users",
    );

    let answer = ada.post(STOP, json!({})).await.expect(200);

    assert_eq!(answer.json()["session"]["token"], json!(admin_token));
    assert_eq!(answer.json()["user"]["role"], "admin");
    assert_eq!(
        answer.header_all("set-cookie"),
        [
            format!(
                "better-auth.session_token={}; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax",
                cookies.sign(&admin_token)
            ),
            "better-auth.dont_remember=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax".to_owned(),
            "better-auth.admin_session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax".to_owned(),
        ]
    );
    assert_eq!(ada.session().await["user"]["id"], before["user"]["id"]);
    let left = format!("session where token = '{token}'");
    assert_eq!(stage.count(&left).await, 0);
    let again = ada.post(STOP, json!({})).await;
    assert_eq!(
        (again.status.as_u16(), again.json()),
        (
            400,
            json!({ "message": "You are not impersonating anyone" })
        )
    );
}

#[testkit::test]
async fn impersonation_keeps_the_cookie_dont_remember(db: PgPool) {
    let stage = Stage::new(db).await;
    let (mut ada, bob) = admin_and_user(&stage).await;
    let cookies = stage.app.state.config.cookies.clone();
    ada.cookies
        .push(("better-auth.dont_remember".to_owned(), cookies.sign("true")));
    let token = ada.session().await["session"]["token"]
        .as_str()
        .unwrap()
        .to_owned();

    let answer = ada
        .post(IMPERSONATE, json!({ "userId": bob }))
        .await
        .expect(200);
    let kept = format!(
        "better-auth.admin_session={}; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax",
        cookies.sign(&format!("{token}:true"))
    );
    assert!(answer.header_all("set-cookie").contains(&kept));
    let answer = ada.post(STOP, json!({})).await.expect(200);

    assert_eq!(
        answer.header_all("set-cookie"),
        [
            format!(
                "better-auth.session_token={}; Path=/; HttpOnly; SameSite=Lax",
                cookies.sign(&token)
            ),
            format!(
                "better-auth.dont_remember={}; Path=/; HttpOnly; SameSite=Lax",
                cookies.sign("true")
            ),
            "better-auth.admin_session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax".to_owned(),
        ]
    );
}

#[testkit::test]
async fn admins_and_banned_users_are_not_impersonated(db: PgPool) {
    let by_configuration = shared::random::id();
    let stage = Stage::configured(db, &[("ADMIN_USER_IDS", &by_configuration)]).await;
    let (mut ada, bob) = admin_and_user(&stage).await;
    stage.app.insert_user(&by_configuration, "root").await;
    let eve = stage.with_role("eve", "user,admin").await;
    let sessions = stage.count("session").await;

    let own = ada.session().await["user"]["id"].clone();
    for target in [json!(eve.id), json!(by_configuration), own] {
        let answer = ada.post(IMPERSONATE, json!({ "userId": target })).await;
        expect_code(
            &answer,
            403,
            "YOU_CANNOT_IMPERSONATE_ADMINS",
            "You cannot impersonate admins",
        );
        assert_eq!(answer.header("set-cookie"), "");
    }
    stage
        .execute(&format!(
            r#"update "user" set banned = true where id = '{bob}'"#
        ))
        .await;
    let answer = ada
        .post(IMPERSONATE, json!({ "userId": bob }))
        .await
        .expect(403);
    assert_eq!(answer.json()["code"], "BANNED_USER");
    assert_eq!(answer.header("set-cookie"), "");
    assert_eq!(stage.count("session").await, sessions);
}

#[testkit::test]
async fn returning_requires_the_admins_own_session(db: PgPool) {
    let stage = Stage::new(db).await;
    let (mut ada, bob) = admin_and_user(&stage).await;
    let eve = stage.person("eve").await;
    let eves = stage
        .row(&format!(
            r#"select token from session where "userId" = '{}'"#,
            eve.id
        ))
        .await["token"]
        .clone();
    ada.post(IMPERSONATE, json!({ "userId": bob }))
        .await
        .expect(200);
    let cookies = stage.app.state.config.cookies.clone();
    let failed = json!({ "message": "Failed to find admin session" });

    let with_admin_session = |value: Option<String>| {
        let mut browser = ada.clone();
        browser
            .cookies
            .retain(|(name, _)| name != "better-auth.admin_session");
        browser
            .cookies
            .extend(value.map(|value| ("better-auth.admin_session".to_owned(), value)));
        browser
    };
    for value in [
        None,
        Some("unsigned:".to_owned()),
        Some(cookies.sign("unknown:")),
        Some(cookies.sign(&format!("{}:", eves.as_str().unwrap()))),
    ] {
        let answer = with_admin_session(value).post(STOP, json!({})).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()),
            (500, failed.clone()),
            "{answer:?}"
        );
    }
    // The impersonation has not ended.
    assert_eq!(ada.session().await["user"]["id"], bob);
    let admin = stage.row(r#"select "userId" as id from session where "impersonatedBy" is null and "userId" in (select id from "user" where role = 'admin')"#).await;
    stage
        .execute(&format!(
            r#"delete from session where "userId" = {}"#,
            admin["id"].to_string().replace('"', "'")
        ))
        .await;
    let answer = ada.post(STOP, json!({})).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (500, failed));
    let answer = stage.browser().post(STOP, json!({})).await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (401, ""));
    assert_ne!(ada.session().await, Value::Null);
}
