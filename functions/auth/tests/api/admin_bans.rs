//! Bans end sessions, and prevent new ones until they expire.

use provider::Person;
use serde_json::{Value, json};
use sqlx::PgPool;
use testing::blocked;

use crate::{Stage, admin::act, expect_code, expect_redirect};

const BANNED: &str = "/oops?error=BANNED_USER&error_description=You+have+been+banned+from+this+application.+Please+contact+support+if+you+believe+this+is+an+error.";

#[testkit::test]
async fn a_ban_ends_sessions_at_the_next_request(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.with_role("ada", "admin").await;
    let person = stage.provider.register(Person::new("bob"));
    let mut bob = stage.signed_in(&person).await;
    let mut elsewhere = stage.signed_in(&person).await;
    let id = bob.session().await["user"]["id"].clone();

    let answer = act(&ada, "ban-user", json!({ "userId": id }))
        .await
        .expect(200);

    let user = answer.json()["user"].clone();
    assert_eq!(
        (&user["banned"], &user["banReason"], &user["banExpires"]),
        (&json!(true), &json!("No reason"), &Value::Null)
    );
    assert_eq!(bob.session().await, Value::Null);
    assert_eq!(elsewhere.session().await, Value::Null);
    let mut browser = stage.browser();
    let answer = browser.sign_in(&stage.provider, "github", &person).await;
    expect_redirect(&answer, BANNED);
    assert_eq!(browser.session().await, Value::Null);

    let answer = act(&ada, "unban-user", json!({ "userId": id }))
        .await
        .expect(200);
    let user = answer.json()["user"].clone();
    assert_eq!(
        (&user["banned"], &user["banReason"], &user["banExpires"]),
        (&json!(false), &Value::Null, &Value::Null)
    );
    stage.signed_in(&person).await;
}

#[testkit::test]
async fn a_ban_expires(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.with_role("ada", "admin").await;
    let person = stage.provider.register(Person::new("bob"));
    let id = stage.signed_in(&person).await.session().await["user"]["id"].clone();

    let body = json!({ "userId": id, "banReason": "Spam", "banExpiresIn": 3600 });
    let user = act(&ada, "ban-user", body).await.expect(200).json()["user"].clone();
    assert_eq!(user["banReason"], "Spam");
    let left = stage
        .row(r#"select extract(epoch from "banExpires" - now() at time zone 'utc')::int as left from "user" where banned"#)
        .await["left"]
        .as_i64()
        .unwrap();
    assert!((3590..=3600).contains(&left), "{left}");
    let answer = stage
        .browser()
        .sign_in(&stage.provider, "github", &person)
        .await;
    expect_redirect(&answer, BANNED);

    stage
        .execute(r#"update "user" set "banExpires" = now() at time zone 'utc' - interval '1 second' where banned"#)
        .await;
    let user = stage.signed_in(&person).await.session().await["user"].clone();
    assert_eq!(
        (&user["banned"], &user["banReason"], &user["banExpires"]),
        (&json!(false), &Value::Null, &Value::Null)
    );
}

#[testkit::test]
async fn invalid_bans_are_rejected(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.with_role("ada", "admin").await;
    let bob = stage.person("bob").await;

    let answer = act(&ada, "ban-user", json!({ "userId": ada.id })).await;
    expect_code(
        &answer,
        400,
        "YOU_CANNOT_BAN_YOURSELF",
        "You cannot ban yourself",
    );
    for (name, value) in [
        ("banExpiresIn", json!("1")),
        ("banExpiresIn", json!(1e15)),
        ("banExpiresIn", json!(-1e300)),
        ("banReason", json!(1)),
        ("banReason", json!("\0")),
    ] {
        let mut body = json!({ "userId": bob.id });
        body[name] = value;
        let answer = act(&ada, "ban-user", body).await.expect(400);
        assert_eq!(answer.json()["code"], "VALIDATION_ERROR", "{answer:?}");
    }
    bob.get("/api/auth/session").await.expect(200);
    // A missing, null or zero duration bans without an end.
    for body in [
        json!({ "userId": bob.id, "banExpiresIn": 0, "banReason": "" }),
        json!({ "userId": bob.id }),
    ] {
        let user = act(&ada, "ban-user", body).await.expect(200).json()["user"].clone();
        assert_eq!(
            (&user["banReason"], &user["banExpires"]),
            (&json!("No reason"), &Value::Null)
        );
    }
}

#[testkit::test]
async fn a_sign_in_waits_for_a_concurrent_ban(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let person = stage.provider.register(Person::new("bob"));
    let mut bob = stage.signed_in(&person).await;
    let url = bob.start("github").await;
    let callback = stage.provider.sign_in(&url, &person);
    let mut ban = db.begin().await.unwrap();
    sqlx::query(r#"update "user" set banned = true"#)
        .execute(&mut *ban)
        .await
        .unwrap();

    let mut browser = bob.clone();
    let sign_in = tokio::spawn(async move { browser.follow(&callback).await });
    blocked(&db, 1).await;
    assert!(!sign_in.is_finished());
    sqlx::query("delete from session")
        .execute(&mut *ban)
        .await
        .unwrap();
    ban.commit().await.unwrap();

    expect_redirect(&sign_in.await.unwrap(), BANNED);
    assert_eq!(stage.count("session").await, 0);
}
