//! The log of sign-ins.

use provider::{Endpoint, Fault, Person, Service};
use serde_json::{Value, json};
use sqlx::PgPool;
use testing::Log;
use tracing::Level;

use crate::{Stage, parameter};

#[testkit::test]
async fn sign_ins_and_their_failures_log_no_secrets(db: PgPool) {
    let log = Log::capture(Level::TRACE);
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let mut secrets: Vec<String> = Vec::new();

    for service in ["github", "google"] {
        let mut browser = stage.browser();
        let url = browser.start(service).await;
        let callback = stage.provider.sign_in(&url, &ada);
        let flow = stage
            .row("select value::jsonb as value from verification")
            .await;
        secrets.push(flow["value"]["codeVerifier"].as_str().unwrap().to_owned());
        secrets.extend(["state", "code"].map(|name| parameter(&callback, name).unwrap()));
        browser.follow(&callback).await;
        browser.follow(&callback).await;
        let session = browser.session().await;
        secrets.push(session["session"]["token"].as_str().unwrap().to_owned());
        secrets.push(
            browser
                .cookie("better-auth.session_token")
                .unwrap()
                .to_owned(),
        );

        let kind = if service == "github" {
            Service::GitHub
        } else {
            Service::Google
        };
        let refresh_token = stage.provider.refresh_token_for(&ada, kind);
        sqlx::query(r#"update account set "refreshToken" = $1 where "providerId" = $2"#)
            .bind(&refresh_token)
            .bind(service)
            .execute(&stage.db)
            .await
            .unwrap();
        secrets.push(refresh_token);
        let selector = json!({ "providerId": service });
        for path in ["refresh-token", "get-access-token"] {
            let answer = browser
                .post(&format!("/api/auth/{path}"), selector.clone())
                .await;
            secrets.extend(texts(
                &answer.expect(200).json(),
                &["accessToken", "refreshToken", "idToken"],
            ));
        }
        browser
            .get(&format!("/api/auth/account-info?providerId={service}"))
            .await
            .expect(200);
    }
    for (endpoint, service, fault) in [
        (
            Endpoint::GitHubToken,
            "github",
            Fault::Error("bad_verification_code"),
        ),
        (
            Endpoint::GitHubToken,
            "github",
            Fault::Body(json!({ "access_token": ["a-secret"] })),
        ),
        (
            Endpoint::GitHubUser,
            "github",
            Fault::Body(json!({ "id": "a-secret".repeat(99) })),
        ),
        (
            Endpoint::GoogleToken,
            "google",
            Fault::Patch(json!({ "id_token": "a-secret" })),
        ),
        (
            Endpoint::GoogleKeys,
            "google",
            Fault::Body(json!({ "keys": "a-secret" })),
        ),
    ] {
        stage.provider.fail(endpoint, fault);
        let mut browser = stage.browser();
        browser.sign_in(&stage.provider, service, &ada).await;
        stage.provider.recover(endpoint);
    }
    let mut browser = stage.browser();
    let url = browser.start("github").await;
    sqlx::query("update verification set value = $1")
        .bind(r#"{"callbackURL":{"a-secret":1},"expiresAt":"a-secret"}"#)
        .execute(&stage.db)
        .await
        .unwrap();
    browser.follow(&stage.provider.sign_in(&url, &ada)).await;

    let log = log.take();
    assert!(log.contains("auth request") && log.contains("the provider rejected a code"));
    secrets.push("a-secret".to_owned());
    secrets.push("ada@example.com".to_owned());
    secrets.extend(
        stage
            .provider
            .settings()
            .iter()
            .filter(|(name, _)| name.ends_with("SECRET"))
            .map(|(_, value)| value.clone()),
    );
    assert!(secrets.len() > 20, "{secrets:?}");
    for secret in secrets {
        let line = log.lines().find(|line| line.contains(&secret));
        assert_eq!(line, None, "{secret}");
    }
}

fn texts(body: &Value, names: &[&str]) -> Vec<String> {
    names
        .iter()
        .filter_map(|name| body[name].as_str())
        .map(str::to_owned)
        .collect()
}
