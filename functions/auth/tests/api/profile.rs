//! Columns that the first sign-in fills from the provider's profile, and that later sign-ins keep.

use provider::{Email, Person};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{Stage, expect_redirect};

const PROFILE: &str = r#"
    select name, email, "emailVerified", image, avatar, bio, website, location, company, skills,
        provider::text, "githubUsername"
    from "user""#;

#[testkit::test]
async fn githubs_profile_fills_the_columns(db: PgPool) {
    let stage = Stage::new(db).await;
    let person = stage.provider.register(
        Person::new("ada-l")
            .name("Ada")
            .bio(" Notes ")
            .blog("ada.example.com")
            .location("London")
            .company("@engines"),
    );

    stage.signed_in(&person).await;

    let image = format!("{}/avatars/ada-l.svg", stage.provider.url());
    assert_eq!(
        stage.row(PROFILE).await,
        json!({
            "name": "Ada", "email": "ada-l@example.com", "emailVerified": true, "image": image, "avatar": image,
            "bio": "Notes", "website": "https://ada.example.com", "location": "London", "company": "@engines",
            "skills": [], "provider": "GITHUB", "githubUsername": "ada-l",
        })
    );
}

#[testkit::test]
async fn too_long_and_malformed_values_are_dropped(db: PgPool) {
    let stage = Stage::new(db).await;
    let person = stage.provider.register(
        Person::new("ada")
            .name("")
            .bio(&"x".repeat(501))
            .blog("javascript:alert(1)")
            .location(&"x".repeat(256))
            .company("a\0b"),
    );

    stage.signed_in(&person).await;

    let row = stage.row(PROFILE).await;
    assert_eq!(row["name"], "ada");
    assert_eq!(
        (
            &row["bio"],
            &row["website"],
            &row["location"],
            &row["company"]
        ),
        (&Value::Null, &Value::Null, &Value::Null, &json!("ab"))
    );
}

#[testkit::test]
async fn googles_profile_fills_its_columns(db: PgPool) {
    let stage = Stage::new(db).await;
    let person = stage
        .provider
        .register(Person::new("ada").bio("not Google's").unverified());
    let mut browser = stage.browser();

    let answer = browser.sign_in(&stage.provider, "google", &person).await;

    expect_redirect(&answer, "/home");
    let row = stage.row(PROFILE).await;
    assert_eq!(row["provider"], "GOOGLE");
    assert_eq!(row["emailVerified"], false);
    assert_eq!(
        (&row["bio"], &row["githubUsername"]),
        (&Value::Null, &Value::Null)
    );
    let account = stage
        .row(
            r#"select scope, "idToken" is not null as id, "refreshToken",
               extract(epoch from "accessTokenExpiresAt" - "createdAt")::int between 3500 and 3600 as hour
               from account"#,
        )
        .await;
    assert_eq!(
        account,
        json!({ "scope": "email,profile,openid", "id": true, "refreshToken": null, "hour": true })
    );
}

#[testkit::test]
async fn a_private_address_is_read_from_the_list(db: PgPool) {
    let stage = Stage::new(db).await;

    for (login, emails, expected, verified) in [
        (
            "primary",
            vec![
                Email::new("work@x.example").verified(),
                Email::new("me@x.example").primary().verified(),
            ],
            "me@x.example",
            true,
        ),
        (
            "first",
            vec![
                Email::new("first@x.example"),
                Email::new("second@x.example").verified(),
            ],
            "first@x.example",
            false,
        ),
    ] {
        let person = stage
            .provider
            .register(Person::new(login).hides_email().emails(emails));
        let mut browser = stage.signed_in(&person).await;
        let user = &browser.session().await["user"];
        assert_eq!(user["email"], expected);
        assert_eq!(user["emailVerified"], verified);
    }
}

#[testkit::test]
async fn a_sign_in_without_an_address_is_rejected(db: PgPool) {
    let stage = Stage::new(db).await;
    let nobody = stage.provider.register(Person::new("x").without_email());
    let long = stage
        .provider
        .register(Person::new("y").email(&format!("{}@x.example", "y".repeat(9000))));

    for person in [&nobody, &long] {
        for service in ["github", "google"] {
            let mut browser = stage.browser();
            let answer = browser.sign_in(&stage.provider, service, person).await;
            expect_redirect(&answer, "/oops?error=email_not_found");
        }
    }
    assert_eq!(stage.count(r#""user""#).await, 0);
}

#[testkit::test]
async fn later_sign_ins_update_only_tokens_and_the_user_name(db: PgPool) {
    let stage = Stage::new(db).await;
    let person = stage
        .provider
        .register(Person::new("ada").bio("before").unverified());
    stage.signed_in(&person).await;
    let first = stage.row(r#"select "accessToken" as t from account"#).await;
    stage.execute("update account set scope = 'mine'").await;

    let changed = Person {
        login: "ada-two".to_owned(),
        ..person
            .clone()
            .name("Another")
            .email("other@example.com")
            .bio("after")
    };
    stage.provider.register(changed.clone());
    stage.signed_in(&changed).await;

    let row = stage.row(PROFILE).await;
    assert_eq!(
        (
            &row["name"],
            &row["email"],
            &row["bio"],
            &row["githubUsername"],
            &row["emailVerified"]
        ),
        (
            &json!("Ada"),
            &json!("ada@example.com"),
            &json!("before"),
            &json!("ada-two"),
            &json!(false)
        )
    );
    let account = stage
        .row(r#"select "accessToken" as t, scope from account"#)
        .await;
    assert_ne!(account["t"], first["t"]);
    assert_eq!(account["scope"], "mine");
    assert_eq!(stage.count("account").await, 1);
    assert_eq!(stage.count("session").await, 2);
}

/// A user who signed up with Google signs in with GitHub for the first time.
#[testkit::test]
async fn a_linked_account_sets_the_user_name(db: PgPool) {
    let stage = Stage::new(db).await;
    let person = stage
        .provider
        .register(Person::new("ada-l").bio("GitHub's"));
    let mut browser = stage.browser();
    browser.sign_in(&stage.provider, "google", &person).await;
    let mut before = stage.row(PROFILE).await;
    assert_eq!(before["githubUsername"], Value::Null);

    stage.signed_in(&person).await;

    before["githubUsername"] = "ada-l".into();
    assert_eq!(stage.row(PROFILE).await, before);
    // An account that is linked later and has no user name does not change it.
    let second = stage
        .provider
        .register(Person::new("ada-2").email("ada-l@example.com"));
    browser.sign_in(&stage.provider, "google", &second).await;
    assert_eq!(stage.row(PROFILE).await, before);
    assert_eq!(stage.count("account").await, 3);
}

#[testkit::test]
async fn an_address_that_is_verified_later_becomes_verified(db: PgPool) {
    let stage = Stage::new(db).await;
    let person = stage.provider.register(Person::new("ada").unverified());
    stage.signed_in(&person).await;
    let person = stage.provider.register(Person::new("ada"));

    let mut browser = stage.signed_in(&person).await;

    assert_eq!(browser.session().await["user"]["emailVerified"], true);
}
