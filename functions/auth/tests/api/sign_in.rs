//! `POST /sign-in/social`, until the browser is at the provider.

use serde_json::json;
use sqlx::PgPool;

use crate::{Stage, expect_code, parameter, query_of};

const START: &str = "/api/auth/sign-in/social";

#[testkit::test]
async fn the_address_of_github_is_that_of_better_auth(db: PgPool) {
    let stage = Stage::new(db).await;

    let answer = stage
        .app
        .anyone()
        .post(START, json!({ "provider": "github" }))
        .await
        .expect(200);

    let url = answer.json()["url"].as_str().unwrap().to_owned();
    assert_eq!(answer.json(), json!({ "url": url, "redirect": true }));
    assert_eq!(answer.header("location"), url);
    let state = parameter(&url, "state").unwrap();
    let challenge = parameter(&url, "code_challenge").unwrap();
    assert_eq!(state.len(), 32);
    assert_eq!(
        url,
        format!(
            "{}/github/login/oauth/authorize?response_type=code&client_id=local-github-client&state={state}\
             &scope=read%3Auser+user%3Aemail\
             &redirect_uri=http%3A%2F%2Flocalhost%3A3001%2Fapi%2Fauth%2Fcallback%2Fgithub\
             &code_challenge_method=S256&code_challenge={challenge}",
            stage.provider.url()
        )
    );
    let signed = stage.app.state.config.cookies.sign(&state);
    assert_eq!(
        answer.header_all("set-cookie"),
        [format!(
            "better-auth.state={signed}; Max-Age=300; Path=/; HttpOnly; SameSite=Lax"
        )]
    );
}

#[testkit::test]
async fn the_address_of_google_is_that_of_better_auth(db: PgPool) {
    let stage = Stage::new(db).await;

    let answer = stage
        .app
        .anyone()
        .post(
            START,
            json!({
                "provider": "google", "disableRedirect": true, "loginHint": "ada@example.com",
                "scopes": ["email", "calendar"],
                "additionalParams": { "access_type": "offline", "login_hint": "grace@example.com" },
            }),
        )
        .await
        .expect(200);

    assert_eq!(answer.header("location"), "");
    assert_eq!(answer.json()["redirect"], false);
    let url = answer.json()["url"].as_str().unwrap().to_owned();
    let query = query_of(&url);
    let names: Vec<&str> = query.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "response_type",
            "client_id",
            "state",
            "scope",
            "redirect_uri",
            "login_hint",
            "code_challenge_method",
            "code_challenge",
            "include_granted_scopes",
            "access_type",
        ]
    );
    assert_eq!(
        parameter(&url, "scope").unwrap(),
        "email profile openid email calendar"
    );
    assert_eq!(parameter(&url, "login_hint").unwrap(), "grace@example.com");
    assert_eq!(parameter(&url, "include_granted_scopes").unwrap(), "true");
}

#[testkit::test]
async fn the_state_is_stored_for_ten_minutes(db: PgPool) {
    let stage = Stage::new(db).await;

    let answer = stage
        .app
        .anyone()
        .post(
            START,
            json!({
                "provider": "github", "callbackURL": "/a", "errorCallbackURL": "/b",
                "newUserCallbackURL": "/c", "requestSignUp": true,
            }),
        )
        .await
        .expect(200);

    let state = parameter(answer.header("location"), "state").unwrap();
    let row = stage
        .row(
            r#"select id, identifier, value::jsonb as value,
                  extract(epoch from "expiresAt" - "createdAt")::int as life,
                  "createdAt" = "updatedAt" as same,
                  abs(extract(epoch from "createdAt" - now() at time zone 'utc')) < 60 as utc,
                  (value::jsonb->>'expiresAt')::bigint - (extract(epoch from now()) * 1000)::bigint as left
               from verification"#,
        )
        .await;
    assert_eq!(row["identifier"], format!("auth-state:{state}"));
    assert_eq!(row["id"].as_str().unwrap().len(), 32);
    assert_eq!(row["life"], 600);
    assert_eq!(row["same"], true);
    assert_eq!(row["utc"], true);
    assert!((540_000..=600_000).contains(&row["left"].as_i64().unwrap()));
    let value = row["value"].as_object().unwrap();
    let verifier = value["codeVerifier"].as_str().unwrap();
    assert_eq!(verifier.len(), 128);
    assert_eq!(
        row["value"],
        json!({
            "callbackURL": "/a", "codeVerifier": verifier, "errorURL": "/b", "newUserURL": "/c",
            "expiresAt": value["expiresAt"], "requestSignUp": true, "oauthState": state,
        })
    );
}

#[testkit::test]
async fn absent_fields_are_not_stored(db: PgPool) {
    let stage = Stage::new(db).await;

    let body = json!({ "provider": "github", "errorCallbackURL": "" });
    stage.app.anyone().post(START, body).await.expect(200);

    let row = stage
        .row("select value::jsonb as value from verification")
        .await;
    let names: Vec<&String> = row["value"].as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        ["callbackURL", "codeVerifier", "expiresAt", "oauthState"]
    );
    assert_eq!(row["value"]["callbackURL"], "http://localhost:3001");
}

#[testkit::test]
async fn client_data_does_not_override_fields_of_the_flow(db: PgPool) {
    let stage = Stage::new(db).await;

    let body = json!({
        "provider": "github", "callbackURL": "/a",
        "additionalData": {
            "plan": "pro", "callbackURL": "//evil.example", "codeVerifier": "x", "errorURL": "//evil.example",
            "newUserURL": "//evil.example", "link": { "userId": "u", "email": "e", "sessionId": "s" }, "expiresAt": 1,
            "requestSignUp": true, "oauthState": "x", "idTokenNonce": "x", "serverContext": {},
        },
    });
    stage.app.anyone().post(START, body).await.expect(200);

    let row = stage
        .row("select value::jsonb as value from verification")
        .await;
    let names: Vec<&String> = row["value"].as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "callbackURL",
            "codeVerifier",
            "expiresAt",
            "oauthState",
            "plan"
        ]
    );
    assert_eq!(row["value"]["callbackURL"], "/a");
}

#[testkit::test]
async fn unknown_providers_are_not_found(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let bare = crate::app(db, &[]);

    for (app, provider) in [
        (&stage.app, "gitlab"),
        (&stage.app, ""),
        (&stage.app, "GitHub"),
        (&bare, "github"),
        (&bare, "google"),
    ] {
        let answer = app
            .anyone()
            .post(START, json!({ "provider": provider }))
            .await;
        expect_code(&answer, 404, "PROVIDER_NOT_FOUND", "Provider not found");
        assert_eq!(answer.header("set-cookie"), "");
    }
    assert_eq!(stage.count("verification").await, 0);
}

#[testkit::test]
async fn cookies_are_secure_over_https(db: PgPool) {
    let stage = Stage::configured(db, &[("BETTER_AUTH_URL", "https://api.codecave.tech/")]).await;

    let answer = stage
        .app
        .anyone()
        .header("host", "evil.example")
        .header("x-forwarded-host", "evil.example")
        .post(START, json!({ "provider": "github" }))
        .await
        .expect(200);

    let url = answer.header("location");
    assert_eq!(
        parameter(url, "redirect_uri").unwrap(),
        "https://api.codecave.tech/api/auth/callback/github"
    );
    let signed = stage
        .app
        .state
        .config
        .cookies
        .sign(&parameter(url, "state").unwrap());
    assert_eq!(
        answer.header_all("set-cookie"),
        [format!(
            "__Secure-better-auth.state={signed}; Max-Age=300; Path=/; HttpOnly; Secure; SameSite=Lax"
        )]
    );
}
