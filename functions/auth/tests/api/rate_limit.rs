//! Better Auth's rate limits.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::json;
use sqlx::PgPool;
use testing::{Answer, serve_redis};
use testkit::timing::within;

use crate::Stage;

const SIGN_IN: &str = "/api/auth/sign-in/social";

async fn limited(db: PgPool) -> Stage {
    Stage::configured(db, &[("AUTH_RATE_LIMIT", "on")]).await
}

#[track_caller]
fn expect_refusal(answer: &Answer, seconds: &str) {
    assert_eq!(answer.status.as_u16(), 429, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("x-retry-after"), seconds);
    assert_eq!(answer.header("retry-after"), "");
    assert_eq!(
        answer.text(),
        r#"{"message":"Too many requests. Please try again later."}"#
    );
}

#[testkit::test]
async fn the_fourth_sign_in_is_rejected(db: PgPool) {
    let stage = limited(db).await;
    let anyone = stage.app.anyone();

    // Requests count whatever their outcome, method or query.
    anyone
        .post(SIGN_IN, json!({ "provider": "github" }))
        .await
        .expect(200);
    anyone.get(&format!("{SIGN_IN}?x=1")).await.expect(404);
    anyone
        .post(&format!("{SIGN_IN}/"), json!({}))
        .await
        .expect(404);

    let answer = anyone.post(SIGN_IN, json!({ "provider": "github" })).await;
    expect_refusal(&answer, "10");
    assert_eq!(stage.count("verification").await, 1);
    // Each path and each address has a counter of its own.
    anyone
        .post("/api/auth/sign-in/email", json!({}))
        .await
        .expect(400);
    anyone
        .clone()
        .from_address("192.0.2.7")
        .post(SIGN_IN, json!({ "provider": "github" }))
        .await
        .expect(200);
}

#[testkit::test]
async fn the_window_runs_from_the_last_allowed_request(db: PgPool) {
    let stage = limited(db).await;
    let anyone = stage.app.anyone();
    let age = async |seconds: f64| {
        stage
            .execute(&format!(
                r#"update "rateLimit" set "lastRequest" = (extract(epoch from now()) * 1000)::bigint - {}"#,
                seconds * 1000.0
            ))
            .await;
    };
    let send = async || anyone.post(SIGN_IN, json!({ "provider": "github" })).await;

    for _ in 0..3 {
        send().await.expect(200);
    }
    age(6.1).await;
    expect_refusal(&send().await, "4");
    // A rejected request does not move the window.
    age(9.1).await;
    expect_refusal(&send().await, "1");
    age(10.0).await;
    send().await.expect(200);
    let row = stage.row(r#"select count from "rateLimit""#).await;
    assert_eq!(row["count"], 1);
}

#[testkit::test]
async fn counters_have_the_keys_of_better_auth(db: PgPool) {
    let stage = limited(db).await;

    stage
        .app
        .anyone()
        .get("/api/auth/get-session?x=1")
        .await
        .expect(200);

    let row = stage
        .row(
            r#"select key, count, length(id) as id,
               abs("lastRequest" - extract(epoch from now()) * 1000) < 60000 as millis from "rateLimit""#,
        )
        .await;
    assert_eq!(
        row,
        json!({ "key": "127.0.0.1|/get-session", "count": 1, "id": 32, "millis": true })
    );
}

#[testkit::test]
async fn an_ipv6_network_is_one_client(db: PgPool) {
    let stage = limited(db).await;
    let body = json!({ "provider": "github" });
    let send = async |address: &str| {
        let caller = stage.app.anyone().from_address(address);
        caller.post(SIGN_IN, body.clone()).await
    };

    for address in [
        "2001:db8:1:2::1",
        "2001:DB8:1:2:ffff::",
        "2001:db8:1:2:3:4:5:6",
    ] {
        send(address).await.expect(200);
    }
    expect_refusal(&send("2001:db8:1:2::9").await, "10");
    send("2001:db8:1:3::9").await.expect(200);
    for address in ["192.0.2.7", "::ffff:192.0.2.7", "192.0.2.7"] {
        send(address).await.expect(200);
    }
    expect_refusal(&send("::ffff:192.0.2.7").await, "10");
}

#[testkit::test]
async fn the_configured_header_identifies_the_client(db: PgPool) {
    let stage = Stage::configured(
        db,
        &[
            ("AUTH_RATE_LIMIT", "on"),
            ("CLIENT_IP_HEADER", "X-Forwarded-For"),
        ],
    )
    .await;

    for value in ["192.0.2.1", "192.0.2.1, 192.0.2.2", "nonsense"] {
        let caller = stage.app.anyone().header("x-forwarded-for", value);
        caller.get("/api/auth/ok").await.expect(200);
    }

    let row = stage
        .row(r#"select jsonb_object_agg(key, count) as counts from "rateLimit""#)
        .await;
    assert_eq!(
        row["counts"],
        json!({ "192.0.2.1|/ok": 1, "127.0.0.1|/ok": 2 })
    );
}

#[testkit::test]
async fn production_enables_limits_and_clients_without_an_address_share_one(db: PgPool) {
    let stage = Stage::configured(
        db,
        &[
            ("NODE_ENV", "production"),
            ("CLIENT_IP_HEADER", "x-real-ip"),
        ],
    )
    .await;

    stage.app.anyone().get("/api/auth/ok").await.expect(200);

    let row = stage.row(r#"select key from "rateLimit""#).await;
    assert_eq!(row["key"], "no-trusted-ip|/ok");
}

#[testkit::test]
async fn concurrent_requests_do_not_exceed_the_limit(db: PgPool) {
    let stage = limited(db).await;

    let answers = join_all((0..20).map(|_| async {
        let anyone = stage.app.anyone();
        anyone.post(SIGN_IN, json!({ "provider": "github" })).await
    }))
    .await;

    let allowed = answers
        .iter()
        .filter(|answer| answer.status.as_u16() == 200)
        .count();
    assert_eq!(allowed, 3);
}

#[testkit::test]
async fn each_route_has_a_counter(db: PgPool) {
    let stage = limited(db).await;
    let get = async |path: &str| {
        let path = format!("/api/auth/{path}");
        stage.app.anyone().get(&path).await
    };

    for path in ["callback/github", "callback/nobody", "callback/a?x=1"] {
        get(path).await.expect(302);
    }
    let long = "x".repeat(6000);
    for path in [
        "x",
        "sign-in/x",
        "callback/a/b",
        "callback",
        "",
        "a/../ok",
        &long,
    ] {
        get(path).await.expect(404);
    }

    let row = stage
        .row(r#"select jsonb_object_agg(key, count) as counts from "rateLimit""#)
        .await;
    assert_eq!(
        row["counts"],
        json!({ "127.0.0.1|/callback/{provider}": 3, "127.0.0.1|no-route": 7 })
    );
}

#[testkit::test]
async fn unknown_paths_share_one_counter(db: PgPool) {
    let stage = limited(db).await;
    for index in 0..100 {
        let path = format!("/api/auth/{index}");
        stage.app.anyone().get(&path).await.expect(404);
    }

    let answer = stage.app.anyone().get("/api/auth/another").await;

    expect_refusal(&answer, "10");
    assert_eq!(stage.count(r#""rateLimit""#).await, 1);
}

#[testkit::test]
async fn requests_pass_if_the_counters_are_missing(db: PgPool) {
    let stage = limited(db).await;
    stage.execute(r#"drop table "rateLimit""#).await;

    for _ in 0..5 {
        stage
            .app
            .anyone()
            .post(SIGN_IN, json!({ "provider": "github" }))
            .await
            .expect(200);
    }
}

#[testkit::test]
async fn requests_outside_production_are_not_counted(db: PgPool) {
    let stage = Stage::new(db).await;

    stage.app.anyone().get("/api/auth/ok").await.expect(200);

    assert_eq!(stage.count(r#""rateLimit""#).await, 0);
}

#[testkit::test]
async fn redis_counts_requests_if_configured(db: PgPool) {
    // The server allows three requests, and then reports a wait of 6.2 seconds. It accepts every other command.
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let url = serve_redis(move |command| {
        if command[0] != b"EVAL" {
            return b"+OK\r\n".to_vec();
        }
        let mut seen = seen.lock().unwrap();
        seen.push(
            command[3..]
                .iter()
                .map(|word| String::from_utf8_lossy(word).into_owned())
                .collect::<Vec<_>>(),
        );
        if seen.len() > 3 {
            b":6200\r\n".to_vec()
        } else {
            b":0\r\n".to_vec()
        }
    })
    .await;
    let variables = [("AUTH_RATE_LIMIT", "on"), ("REDIS_URL", url.as_str())];
    let stage = Stage::configured(db, &variables).await;
    let sign_in = || async {
        let anyone = stage.app.anyone();
        anyone.post(SIGN_IN, json!({ "provider": "github" })).await
    };

    for _ in 0..3 {
        sign_in().await.expect(200);
    }
    expect_refusal(&sign_in().await, "7");

    assert_eq!(stage.count(r#""rateLimit""#).await, 0);
    let asked = asked.lock().unwrap();
    assert_eq!(
        asked[0],
        ["{codecave}:limit:127.0.0.1|/sign-in/social", "3", "10"]
    );
}

#[testkit::test]
async fn the_database_counts_if_redis_fails(db: PgPool) {
    let url = serve_redis(|_| b"-ERR out of order\r\n".to_vec()).await;
    let variables = [("AUTH_RATE_LIMIT", "on"), ("REDIS_URL", url.as_str())];
    let stage = Stage::configured(db, &variables).await;

    for _ in 0..3 {
        let anyone = stage.app.anyone();
        let answer = anyone.post(SIGN_IN, json!({ "provider": "github" })).await;
        answer.expect(200);
    }
    let anyone = stage.app.anyone();
    let answer = anyone.post(SIGN_IN, json!({ "provider": "github" })).await;

    expect_refusal(&answer, "10");
}

/// The tables are locked first. Then the database is read-only.
#[testkit::test]
async fn requests_pass_if_the_counters_cannot_be_written(db: PgPool) {
    let stage = limited(db.clone()).await;
    let ada = stage.person("ada").await;
    let mut lock = db.begin().await.unwrap();
    sqlx::query(r#"lock table "rateLimit", quota"#)
        .execute(&mut *lock)
        .await
        .unwrap();
    let variables = [("AUTH_RATE_LIMIT", "on"), ("RATE_LIMIT_TIMEOUT", "real")];
    within(Duration::from_millis(600), async || {
        let stage = Stage::configured(db.clone(), &variables).await;
        let ada = ada.clone().through(&stage.app);
        let mut longest = Duration::ZERO;
        for _ in 0..3 {
            let started = Instant::now();
            let answer = ada.get("/api/auth/get-session").await.expect(200);
            assert_eq!(answer.json()["user"]["id"], ada.id.as_str());
            longest = longest.max(started.elapsed());
        }
        longest
    })
    .await;
    lock.rollback().await.unwrap();

    sqlx::query("set default_transaction_read_only = on")
        .execute(&stage.app.state.db)
        .await
        .unwrap();
    ada.get("/api/auth/get-session").await.expect(200);
}
