//! Concurrent requests.

use futures_util::future::join_all;
use provider::Person;
use serde_json::json;
use sqlx::PgPool;
use testing::blocked;

use crate::{Browser, Stage};

const MANY: usize = 20;

#[testkit::test]
async fn a_state_creates_one_session(db: PgPool) {
    let stage = Stage::new(db).await;
    let person = stage.provider.register(Person::new("ada"));
    let mut browser = stage.browser();
    let url = browser.start("github").await;
    let callback = stage.provider.sign_in(&url, &person);

    let answers = join_all((0..MANY).map(|_| {
        let mut browser = browser.clone();
        let callback = &callback;
        async move { browser.follow(callback).await }
    }))
    .await;

    let good = answers
        .iter()
        .filter(|answer| answer.header("location") == "/home")
        .count();
    let mismatches = answers
        .iter()
        .filter(|answer| answer.header("location").ends_with("error=state_mismatch"))
        .count();
    assert_eq!((good, mismatches), (1, MANY - 1));
    assert_eq!(stage.count("session").await, 1);
}

#[testkit::test]
async fn concurrent_first_sign_ins_create_one_user(db: PgPool) {
    let stage = Stage::new(db).await;
    let person = stage.provider.register(Person::new("ada"));
    let mut ready: Vec<(Browser, String)> = Vec::new();
    for index in 0..MANY {
        let mut browser = stage.browser();
        let service = if index % 2 == 0 { "github" } else { "google" };
        let url = browser.start(service).await;
        ready.push((browser, stage.provider.sign_in(&url, &person)));
    }

    let answers = join_all(
        ready
            .iter_mut()
            .map(|(browser, callback)| async { browser.follow(callback).await }),
    )
    .await;

    for answer in &answers {
        assert_eq!(answer.header("location"), "/home", "{answer:?}");
    }
    assert_eq!(stage.count(r#""user""#).await, 1);
    assert_eq!(stage.count("account").await, 2);
    assert_eq!(stage.count("session").await, i64::try_from(MANY).unwrap());
}

#[testkit::test]
async fn concurrent_requests_cannot_unlink_the_last_account(db: PgPool) {
    let stage = Stage::new(db).await;
    let person = stage.provider.register(Person::new("ada"));
    stage.signed_in(&person).await;
    let mut browser = stage.browser();
    browser.sign_in(&stage.provider, "google", &person).await;

    let unlink = |provider: &'static str| {
        let mut browser = browser.clone();
        async move {
            let body = json!({ "providerId": provider });
            browser.post("/api/auth/unlink-account", body).await
        }
    };
    join_all((0..MANY).map(|index| unlink(if index % 2 == 0 { "github" } else { "google" }))).await;

    assert_eq!(stage.count("account").await, 1);
}

#[testkit::test]
async fn concurrent_requests_that_refresh_a_session_all_succeed(db: PgPool) {
    let stage = Stage::new(db).await;
    let person = stage.provider.register(Person::new("ada"));
    let browser = stage.signed_in(&person).await;
    stage
        .execute(r#"update session set "expiresAt" = now() at time zone 'utc' + interval '1 day'"#)
        .await;

    let answers = join_all((0..MANY).map(|_| {
        let mut browser = browser.clone();
        async move { browser.session().await }
    }))
    .await;

    for answer in answers {
        assert_eq!(answer["user"]["name"], "Ada");
    }
}

#[testkit::test]
async fn a_session_that_is_deleted_during_its_refresh_is_signed_out(db: PgPool) {
    let stage = Stage::new(db).await;
    let person = stage.provider.register(Person::new("ada"));
    let mut browser = stage.signed_in(&person).await;
    stage
        .execute(r#"update session set "expiresAt" = now() at time zone 'utc' + interval '1 day'"#)
        .await;
    let mut tx = stage.db.begin().await.unwrap();
    sqlx::query("delete from session")
        .execute(&mut *tx)
        .await
        .unwrap();

    let answer = tokio::join!(browser.get("/api/auth/get-session"), async {
        blocked(&stage.db, 1).await;
        tx.commit().await.unwrap();
    })
    .0;

    crate::expect_code(
        &answer,
        401,
        "FAILED_TO_GET_SESSION",
        "Failed to get session",
    );
    assert_eq!(answer.header_all("set-cookie"), crate::CLEARED);
}
