//! Linking of accounts: automatic for one verified address, or requested by the user.

use provider::{Endpoint, Fault, Person};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{Browser, Stage, expect_code, expect_redirect};

/// Starts `link-social`, and returns the provider's address.
async fn start(browser: &mut Browser, service: &str) -> String {
    let body = json!({ "provider": service, "callbackURL": "/linked", "errorCallbackURL": "/oops", "newUserCallbackURL": "/n" });
    browser.start_with("link-social", body).await
}

#[testkit::test]
async fn accounts_with_one_verified_address_are_linked(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    stage.signed_in(&ada).await;
    let mut browser = stage.browser();
    let other = stage.provider.register(
        Person::new("ada-at-google")
            .email("ADA@example.com")
            .name("Another"),
    );

    let answer = browser.sign_in(&stage.provider, "google", &other).await;

    expect_redirect(&answer, "/home");
    let user = browser.session().await["user"].clone();
    assert_eq!(
        (&user["name"], &user["email"]),
        (&json!("Ada"), &json!("ada@example.com"))
    );
    assert_eq!(stage.count(r#""user""#).await, 1);
    assert_eq!(stage.count("account").await, 2);
    // A second account with one provider may be linked.
    let third = stage
        .provider
        .register(Person::new("ada-again").email("ada@example.com"));
    let answer = browser.sign_in(&stage.provider, "google", &third).await;
    expect_redirect(&answer, "/home");
    assert_eq!(stage.count("account").await, 3);
}

#[testkit::test]
async fn an_address_must_be_verified_on_both_sides(db: PgPool) {
    let stage = Stage::new(db).await;
    for (login, first, second) in [("a", true, false), ("b", false, true), ("c", false, false)] {
        let person = |verified: bool| {
            let person = Person::new(login);
            stage.provider.register(if verified {
                person
            } else {
                person.unverified()
            })
        };
        stage.signed_in(&person(first)).await;
        let mut browser = stage.browser();
        let answer = browser
            .sign_in(&stage.provider, "google", &person(second))
            .await;
        expect_redirect(&answer, "/oops?error=account_not_linked");
        assert_eq!(browser.session().await, Value::Null);
    }
    assert_eq!(stage.count("account").await, 3);
    assert_eq!(stage.count("session").await, 3);
}

#[testkit::test]
async fn a_user_links_another_account(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let mut browser = stage.signed_in(&ada).await;
    let before = browser.session().await;
    let url = start(&mut browser, "google").await;
    let row = stage
        .row("select value::jsonb as value from verification")
        .await;
    assert_eq!(row["value"]["link"]["userId"], before["user"]["id"]);
    assert_eq!(row["value"]["link"]["email"], "ada@example.com");
    assert!(
        !row["value"]
            .to_string()
            .contains(before["session"]["token"].as_str().unwrap())
    );
    let callback = stage.provider.sign_in(&url, &ada);

    // The callback needs no session cookie.
    browser
        .cookies
        .retain(|(name, _)| name == "better-auth.state");
    let answer = browser.follow(&callback).await;

    expect_redirect(&answer, "/linked");
    assert_eq!(
        answer.header_all("set-cookie"),
        ["better-auth.state=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"]
    );
    assert_eq!(stage.count("session").await, 1);
    let account = stage
        .row(r#"select "userId", scope from account where "providerId" = 'google'"#)
        .await;
    assert_eq!(
        account,
        json!({ "userId": before["user"]["id"], "scope": "email,profile,openid" })
    );
}

#[testkit::test]
async fn linking_again_widens_the_scope(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let mut browser = stage.signed_in(&ada).await;
    stage
        .execute("update account set scope = 'gist,read:user'")
        .await;
    let body = json!({ "provider": "github", "callbackURL": "/linked", "scopes": ["repo"] });
    let url = browser.start_with("link-social", body).await;

    let answer = browser.follow(&stage.provider.sign_in(&url, &ada)).await;

    expect_redirect(&answer, "/linked");
    let row = stage.row("select scope from account").await;
    assert_eq!(row["scope"], "gist,read:user,user:email,repo");
}

#[testkit::test]
async fn invalid_links_are_rejected(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let grace = stage.provider.register(Person::new("grace"));
    let mut browser = stage.signed_in(&ada).await;
    let mut hers = stage.browser();
    hers.sign_in(&stage.provider, "google", &grace).await;
    // Another user's account has the same address.
    stage
        .execute(
            r#"update "user" set email = 'moved@example.com' where email = 'grace@example.com'"#,
        )
        .await;
    let same = stage
        .provider
        .register(grace.clone().email("ada@example.com"));

    for (person, code) in [
        (
            Person::new("x").email("ada@example.com").unverified(),
            "unable_to_link_account",
        ),
        (Person::new("x").without_email(), "unable_to_link_account"),
        (Person::new("x"), "email_does_not_match"),
        (same, "account_already_linked_to_different_user"),
    ] {
        stage.provider.register(person.clone());
        let url = start(&mut browser, "google").await;
        let answer = browser.follow(&stage.provider.sign_in(&url, &person)).await;
        expect_redirect(&answer, &format!("/oops?error={code}"));
    }
    assert_eq!(stage.count("account").await, 2);
}

#[testkit::test]
async fn an_account_without_an_address_is_not_linked(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let mut browser = stage.signed_in(&ada).await;
    let token = stage
        .provider
        .google_id_token(&ada, &json!({ "email": null, "email_verified": true }));
    stage.provider.fail(
        Endpoint::GoogleToken,
        Fault::Patch(json!({ "id_token": token })),
    );

    let url = start(&mut browser, "google").await;
    let answer = browser.follow(&stage.provider.sign_in(&url, &ada)).await;

    expect_redirect(&answer, "/oops?error=email_does_not_match");
    assert_eq!(stage.count("account").await, 1);
}

#[testkit::test]
async fn a_link_ends_with_the_session_that_started_it(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));

    for ending in [
        "delete from session",
        r#"update session set "expiresAt" = now() at time zone 'utc' - interval '1 second'"#,
    ] {
        let mut browser = stage.signed_in(&ada).await;
        let url = start(&mut browser, "google").await;
        let callback = stage.provider.sign_in(&url, &ada);
        stage.execute(ending).await;
        let answer = browser.follow(&callback).await;
        expect_redirect(&answer, "/oops?error=unable_to_link_account");
    }
    assert_eq!(stage.count("account").await, 1);
}

#[testkit::test]
async fn a_link_that_the_node_server_started_is_refused(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let mut browser = stage.signed_in(&ada).await;
    let url = start(&mut browser, "google").await;
    // The Node server's state has the session in encrypted form.
    stage
        .execute(
            r#"update verification set value = replace(value, '"sessionId"', '"encryptedSessionToken"')"#,
        )
        .await;

    let answer = browser.follow(&stage.provider.sign_in(&url, &ada)).await;

    expect_redirect(&answer, "/oops?error=unable_to_link_account");
    assert_eq!(stage.count("account").await, 1);
}

#[testkit::test]
async fn a_link_in_client_data_is_ignored(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let mallory = stage
        .provider
        .register(Person::new("mallory").email("ada@example.com"));
    let mut victim = stage.signed_in(&ada).await;
    let session = victim.session().await;
    stage
        .execute(r#"update "user" set "emailVerified" = false"#)
        .await;
    let mut browser = stage.browser();
    let url = browser
        .start_with(
            "sign-in/social",
            json!({
                "provider": "google", "callbackURL": "/home", "errorCallbackURL": "/oops",
                "additionalData": { "link": {
                    "userId": session["user"]["id"], "email": "ada@example.com", "sessionId": session["session"]["id"],
                } },
            }),
        )
        .await;

    let answer = browser
        .follow(&stage.provider.sign_in(&url, &mallory))
        .await;

    expect_redirect(&answer, "/oops?error=account_not_linked");
    assert_eq!(stage.count("account").await, 1);
}

#[testkit::test]
async fn a_link_starts_like_a_sign_in(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let mut browser = stage.signed_in(&ada).await;

    let answer = browser
        .post(
            "/api/auth/link-social",
            json!({ "provider": "google", "disableRedirect": true }),
        )
        .await
        .expect(200);
    assert_eq!(answer.json()["redirect"], false);
    assert_eq!(answer.header("location"), "");
    assert!(
        answer
            .header("set-cookie")
            .starts_with("better-auth.state=")
    );
    let answer = browser
        .post("/api/auth/link-social", json!({ "provider": "gitlab" }))
        .await;
    expect_code(&answer, 404, "PROVIDER_NOT_FOUND", "Provider not found");
}
