//! The scripts and the cache on real servers: Redis and Valkey, if they are installed.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use shared::{config::RedisConfig, redis::Redis};
use sqlx::PgPool;
use testing::App;
use testkit::redis::RedisServer;
use tokio::time::sleep;

use crate::api;

fn app(db: &PgPool, server: &RedisServer, quota: &str) -> App {
    let variables = [
        ("REDIS_URL", server.url()),
        ("RATE_LIMITS", "real".to_owned()),
        ("RATE_LIMIT_READ", quota.to_owned()),
    ];
    let variables = variables
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    App::configured(api(), db.clone(), &variables)
}

#[testkit::test]
async fn a_quota_is_restored_after_its_window(db: PgPool) {
    for server in RedisServer::start_all().await.unwrap() {
        let ada = app(&db, &server, "2/1").user("ada").await;
        let started = Instant::now();
        let mut statuses = Vec::new();
        // Sends requests until the window's quota is exhausted and the next window has begun.
        while !statuses.ends_with(&[429, 200]) {
            let answer = ada.get("/me").await;
            if answer.status == 429 {
                assert_eq!(answer.header("retry-after"), "1", "{}", server.name());
                sleep(Duration::from_millis(50)).await;
            }
            statuses.push(answer.status.as_u16());
            assert!(started.elapsed() < Duration::from_secs(20), "{statuses:?}");
        }
        assert_eq!(statuses[0], 200);
    }
    let rows: i64 = sqlx::query_scalar("select count(*) from quota")
        .fetch_one(&db)
        .await
        .unwrap();
    assert_eq!(rows, 0);
}

#[testkit::test]
async fn concurrent_requests_are_each_counted(db: PgPool) {
    for server in RedisServer::start_all().await.unwrap() {
        let ada = app(&db, &server, "10/60").user("ada").await;

        let answers = join_all((0..40).map(|_| ada.get("/me"))).await;

        let admitted = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(admitted, 10, "{}", server.name());
        let refused = answers.iter().filter(|answer| answer.status == 429).count();
        assert_eq!(refused, 30, "{}", server.name());
    }
}

#[testkit::test]
async fn a_cached_list_is_invalidated_when_something_is_hidden(db: PgPool) {
    for server in RedisServer::start_all().await.unwrap() {
        let app = app(&db, &server, "100/60");
        let people = async || {
            let answer = app.anyone().get("/people").await.expect(200);
            answer.json()["people"].as_i64().unwrap()
        };
        let ada = app.user("ada").await;
        let before = people().await;
        app.user("bob").await;
        assert_eq!(people().await, before, "{}", server.name());

        ada.post("/where", json!({})).await.expect(200);

        assert_eq!(people().await, before + 1, "{}", server.name());
    }
}

#[tokio::test]
async fn the_window_of_admissions_starts_at_the_last_one() {
    for server in RedisServer::start_all().await.unwrap() {
        let redis = Redis::new(&RedisConfig {
            url: server.url(),
            password: None,
            timeout: Duration::from_secs(5),
        });
        let admit = async |key: &str, requests: u32, seconds: u32| {
            let wait = redis.admit(key, requests, seconds).await;
            wait.unwrap_or_else(|| panic!("{} did not count", server.name()))
        };

        let waits = join_all((0..20).map(|_| admit("together", 3, 60))).await;
        let admitted = waits.iter().filter(|wait| wait.is_zero()).count();
        assert_eq!(admitted, 3, "{waits:?}");
        let longest = waits.iter().max().unwrap();
        assert!(*longest > Duration::from_secs(50) && *longest <= Duration::from_mins(1));

        assert_eq!(admit("alone", 1, 1).await, Duration::ZERO);
        let wait = admit("alone", 1, 1).await;
        assert!(
            !wait.is_zero() && wait <= Duration::from_secs(1),
            "{wait:?}"
        );
        sleep(wait + Duration::from_millis(20)).await;
        assert_eq!(admit("alone", 1, 1).await, Duration::ZERO);
    }
}
