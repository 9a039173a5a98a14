//! The number of round trips of a sign-in, to the database and to the provider.

use std::time::Duration;

use provider::{Endpoint, Fault, Person};
use sqlx::PgPool;
use tokio::time::sleep;

use crate::{Stage, expect_redirect};

/// Number of statements of a callback, including the statement of the rate limit.
const STATEMENTS: u32 = 4;

#[testkit::test]
async fn a_callback_takes_four_statements(db: PgPool) {
    let stage = Stage::configured(db, &[("AUTH_RATE_LIMIT", "on")]).await;
    let ada = stage.provider.register(Person::new("ada"));

    // The first creates the user, the second finds the account, and the third links a second account by its address.
    for (service, accounts) in [("github", 1), ("github", 1), ("google", 2)] {
        let mut browser = stage.browser();
        let url = browser.start(service).await;
        let callback = stage.provider.sign_in(&url, &ada);
        let (answer, usage) = shared::db::measured(browser.follow(&callback)).await;

        expect_redirect(&answer, "/home");
        assert_eq!(usage.statements, STATEMENTS, "{service}");
        assert_eq!(stage.count("account").await, accounts, "{service}");
        let id = stage.row(r#"select id from "user""#).await["id"].clone();
        assert_eq!(browser.session().await["user"]["id"], id, "{service}");
    }
    assert_eq!(stage.count("session").await, 3);
}

/// After the exchange of the code, GitHub receives both requests at once.
#[testkit::test]
async fn the_profile_and_the_addresses_are_fetched_concurrently(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let mut browser = stage.browser();
    let url = browser.start("github").await;
    let callback = stage.provider.sign_in(&url, &ada);
    let endpoints = [Endpoint::GitHubUser, Endpoint::GitHubEmails];
    for endpoint in endpoints {
        stage
            .provider
            .fail(endpoint, Fault::Slow(Duration::from_secs(3)));
    }
    let received = async {
        while endpoints
            .iter()
            .any(|endpoint| stage.provider.received(*endpoint).is_empty())
        {
            sleep(Duration::from_millis(5)).await;
        }
    };

    tokio::select! {
        () = received => {}
        answer = browser.follow(&callback) => panic!("GitHub responded to one request before the other: {answer:?}"),
    }
    assert_eq!(stage.provider.received(Endpoint::GitHubToken).len(), 1);
}
