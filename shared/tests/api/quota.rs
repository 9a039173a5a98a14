//! Rate limits and their headers.

use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::{ConnectOptions as _, PgPool};
use testing::{App, Caller};
use testkit::timing::within;

use crate::{
    api,
    api_key::{insert_key, with_key},
    redis::Server,
};

#[testkit::test]
async fn reads_and_writes_have_their_own_quotas(db: PgPool) {
    let app = App::configured(
        api(),
        db,
        &[
            ("RATE_LIMITS", "real"),
            ("RATE_LIMIT_SAMPLE", "1"),
            ("RATE_LIMIT_READ", "2/60"),
        ],
    );
    let ada = app.user("ada").await;

    let first = ada.get("/me").await.expect(200);
    assert_eq!(first.header("ratelimit-policy"), "\"read\";q=2;w=60");
    assert_eq!(first.header("ratelimit"), "\"read\";r=1;t=60");
    ada.get("/open").await.expect(200);
    let refused = ada.get("/me").await.expect(429);
    assert_eq!(
        refused.json(),
        json!({"statusCode": 429, "message": "Too Many Requests"})
    );
    assert!(refused.header("ratelimit").starts_with("\"read\";r=0;t="));
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds));
    ada.put("/notes", json!({})).await.expect(200);
    app.user("bob").await.get("/me").await.expect(200);
}

#[testkit::test]
async fn a_creation_counts_against_two_quotas_which_pro_users_have_doubled(db: PgPool) {
    let app = App::configured(
        api(),
        db,
        &[("RATE_LIMITS", "real"), ("RATE_LIMIT_CREATE", "1/3600")],
    );
    let ada = app.user("ada").await;
    let pro = app.user("pro").await;
    sqlx::query(r#"update "user" set "isPro" = true where id = $1"#)
        .bind(&pro.id)
        .execute(&app.state.db)
        .await
        .unwrap();
    let note = json!({"text": "hi"});

    let answer = ada.post("/notes", note.clone()).await.expect(200);
    assert_eq!(
        answer.header("ratelimit-policy"),
        "\"write\";q=60;w=60, \"create\";q=1;w=3600"
    );
    assert!(answer.header("ratelimit").starts_with("\"create\";r=0;t="));
    ada.post("/notes", note.clone()).await.expect(429);
    pro.post("/notes", note.clone()).await.expect(200);
    pro.post("/notes", note.clone()).await.expect(200);
    pro.post("/notes", note).await.expect(429);
}

#[testkit::test]
async fn failed_credentials_are_counted_by_network(db: PgPool) {
    let app = App::configured(
        api(),
        db,
        &[
            ("RATE_LIMITS", "real"),
            ("RATE_LIMIT_SAMPLE", "1"),
            ("RATE_LIMIT_ANON", "2/60"),
        ],
    );
    let from = |address: &str| app.anyone().from_address(address);

    from("2001:db8::1").get("/me").await.expect(401);
    from("2001:db8::2")
        .header("x-api-key", "guess")
        .get("/open")
        .await
        .expect(401);
    from("2001:db8::3").get("/open").await.expect(429);
    from("2001:db8:0:1::1").get("/open").await.expect(200);
    from("192.0.2.1").get("/open").await.expect(200);

    let expired = app.with_token("nobody", "unknown");
    let expired = expired.from_address("198.51.100.1");
    for status in [401, 401, 429] {
        expired.put("/notes", json!({})).await.expect(status);
    }
}

#[testkit::test]
async fn failed_keys_are_counted_on_routes_without_quota(db: PgPool) {
    let app = App::configured(
        api(),
        db,
        &[("RATE_LIMITS", "real"), ("RATE_LIMIT_ANON", "2/60")],
    );
    let guesser = app.anyone().header("x-api-key", "guess");

    for caller in [app.anyone(), app.with_token("nobody", "unknown")] {
        for _ in 0..3 {
            let answer = caller.get("/figures").await.expect(401);
            assert_eq!(answer.header("ratelimit"), "");
        }
    }
    guesser.get("/free").await.expect(401);
    guesser.get("/figures").await.expect(401);
    guesser.get("/free").await.expect(429);
    guesser.get("/figures").await.expect(429);

    let answer = app.anyone().get("/free").await.expect(200);
    assert_eq!(answer.header("ratelimit"), "");
}

/// A key has the quotas of its owner, whether they are counted in the database or in Redis.
#[testkit::test]
async fn reads_with_a_key_are_counted(db: PgPool) {
    let server = Server::default();
    let address = server.start().await;
    for redis in [&[][..], &[("REDIS_URL", address.as_str())]] {
        let settings = [
            ("RATE_LIMITS", "real"),
            ("RATE_LIMIT_SAMPLE", "1"),
            ("RATE_LIMIT_READ", "3/60"),
        ];
        let app = App::configured(api(), db.clone(), &[&settings[..], redis].concat());
        let ada = app.user("ada").await;
        testing::sql(&db, "delete from apikey", &[]).await;
        insert_key(&app, &ada, "").await;
        let key = with_key(&app);

        let first = key.get("/me").await.expect(200);
        assert_eq!(first.header("ratelimit"), "\"read\";r=2;t=60", "{redis:?}");
        key.get("/account").await.expect(200);
        ada.get("/me").await.expect(200);
        key.get("/me").await.expect(429);
        key.get("/account").await.expect(429);
    }
    assert_eq!(server.keys(":quota:"), 1);
}

#[testkit::test]
async fn writes_with_a_key_are_never_sampled(db: PgPool) {
    let app = App::configured(
        api(),
        db.clone(),
        &[
            ("RATE_LIMITS", "real"),
            ("RATE_LIMIT_SAMPLE", "30000"),
            ("RATE_LIMIT_READ", "1000000/60"),
            ("RATE_LIMIT_WRITE", "2/60"),
        ],
    );
    let ada = app.user("ada").await;
    insert_key(&app, &ada, "").await;
    let key = with_key(&app);

    let first = key.put("/notes", json!({})).await.expect(200);
    assert_eq!(first.header("ratelimit"), "\"write\";r=1;t=60");
    ada.put("/notes", json!({})).await.expect(200);
    key.put("/notes", json!({})).await.expect(429);

    // The key of a Pro user has twice the quota, and three requests are counted.
    let change = r#"update "user" set "isPro" = true where id = $1"#;
    testing::sql(&db, change, &[&ada.id]).await;
    key.put("/notes", json!({})).await.expect(200);
    key.put("/notes", json!({})).await.expect(429);
}

#[testkit::test]
async fn the_proxys_header_is_trusted_only_with_its_secret(db: PgPool) {
    let app = App::configured(
        api(),
        db,
        &[
            ("CLIENT_IP_HEADER", "X-Real-IP"),
            ("TRUSTED_PROXY_SECRET", "s3cret"),
        ],
    );
    let network = async |caller: Caller| {
        let answer = caller.post("/echo/x", json!({})).await.expect(200);
        answer.json()["network"].as_str().unwrap().to_owned()
    };
    let forged = || {
        let caller = app.anyone().from_address("198.51.100.1");
        caller.header("x-real-ip", "192.0.2.7")
    };

    assert_eq!(network(forged()).await, "198.51.100.1");
    let wrong = forged().header("x-origin-secret", "s3cres");
    assert_eq!(network(wrong).await, "198.51.100.1");
    let right = forged().header("x-origin-secret", "s3cret");
    assert_eq!(network(right.clone()).await, "192.0.2.7");
    let twice = right.header("x-origin-secret", "s3cret");
    assert_eq!(network(twice).await, "198.51.100.1");
}

#[testkit::test]
async fn the_sentry_routes_are_counted_by_address_for_every_caller(db: PgPool) {
    let app = App::configured(
        api(),
        db,
        &[("RATE_LIMITS", "real"), ("RATE_LIMIT_SENTRY", "1/60")],
    );
    let ada = app.user("ada").await;

    ada.get("/sentry").await.expect(200);
    let answer = app.anyone().get("/sentry").await.expect(429);
    assert_eq!(answer.header("ratelimit-policy"), "\"sentry\";q=1;w=60");
}

#[testkit::test]
async fn a_quota_holds_under_concurrent_requests(db: PgPool) {
    let app = App::configured(
        api(),
        db,
        &[("RATE_LIMITS", "real"), ("RATE_LIMIT_WRITE", "10/60")],
    );
    let ada = app.user("ada").await;

    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let ada = ada.clone();
        requests.spawn(async move { ada.put("/notes", json!({})).await.status.as_u16() });
    }
    let statuses = requests.join_all().await;

    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 10);
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 40);
}

#[testkit::test]
async fn a_quota_is_restored_after_its_window(db: PgPool) {
    let app = App::configured(
        api(),
        db,
        &[
            ("RATE_LIMITS", "real"),
            ("RATE_LIMIT_SAMPLE", "1"),
            ("RATE_LIMIT_READ", "1/60"),
        ],
    );
    let ada = app.user("ada").await;
    ada.get("/me").await.expect(200);
    ada.get("/me").await.expect(429);

    sqlx::query(r#"update quota set "resetAt" = now() at time zone 'utc' - interval '1 ms'"#)
        .execute(&app.state.db)
        .await
        .unwrap();

    ada.get("/me").await.expect(200);
}

/// Sends requests until one is rejected. Returns the number of accepted ones, at most `most`.
async fn admitted(caller: &Caller, path: &str, most: u32) -> u32 {
    for admitted in 0..most {
        match caller.get(path).await.status.as_u16() {
            429 => return admitted,
            status => assert_eq!(status, 200),
        }
    }
    most
}

#[testkit::test]
async fn sampled_limits_are_accurate_within_a_fifth(db: PgPool) {
    let app = App::configured(api(), db.clone(), &[("RATE_LIMITS", "real")]);
    let ada = app.user("ada").await;

    let reads = admitted(&ada, "/me", 2000).await;
    let anonymous = admitted(&app.anyone(), "/open", 600).await;

    eprintln!("admitted {reads} of 1200 and {anonymous} of 300");
    assert!(reads.abs_diff(1200) <= 240, "{reads}");
    assert!(anonymous.abs_diff(300) <= 60, "{anonymous}");
}

/// Returns the sum of all counters.
async fn counted(db: &PgPool) -> i64 {
    testing::number(db, "select coalesce(sum(count), 0)::bigint from quota", &[]).await
}

#[testkit::test]
async fn seven_of_eight_reads_do_not_write(db: PgPool) {
    let app = App::configured(api(), db.clone(), &[("RATE_LIMITS", "real")]);
    let ada = app.user("ada").await;
    insert_key(&app, &ada, "").await;

    for (caller, path, quota, statements) in [
        (ada, "/me", 1200, [1, 2]),
        (with_key(&app), "/me", 1200, [1, 2]),
        (app.anyone(), "/open", 300, [1, 1]),
    ] {
        let mut writes = 0;
        let others = if quota == 300 { counted(&db).await } else { 0 };
        for _ in 0..160 {
            let before = counted(&db).await;
            let (answer, usage) = shared::db::measured(caller.get(path)).await;
            let answer = answer.expect(200);
            let added = counted(&db).await - before;
            assert!(added == 0 || added == 8, "{added}");
            assert_eq!(
                usage.statements,
                statements[usize::from(added > 0)],
                "{path}"
            );
            // Of the eight, only the request itself is reported.
            let left = quota - (before - others) - 1;
            let header = answer.header("ratelimit");
            assert!(header.contains(&format!(";r={left};")), "{header}: {left}");
            writes += u32::from(added > 0);
        }
        assert_eq!(writes, 20, "{path}");
    }
}

/// The reported counter includes the request, whether or not the request is written to the database.
#[testkit::test]
async fn a_read_that_is_not_counted_is_reported(db: PgPool) {
    let app = App::configured(
        api(),
        db.clone(),
        &[
            ("RATE_LIMITS", "real"),
            // One read of a hundred million is counted.
            ("RATE_LIMIT_SAMPLE", "100000000"),
            ("RATE_LIMIT_READ", "4000000000/60"),
            ("RATE_LIMIT_ANON", "4000000000/60"),
        ],
    );
    let ada = app.user("ada").await;
    insert_key(&app, &ada, "").await;
    let (key, anyone) = (with_key(&app), app.anyone());
    let left = async |caller: &Caller, path: &str| {
        let answer = caller.get(path).await.expect(200);
        answer.header("ratelimit").to_owned()
    };

    // No counter exists: a whole window is left.
    assert_eq!(left(&ada, "/me").await, "\"read\";r=3999999999;t=60");
    assert_eq!(left(&key, "/me").await, "\"read\";r=3999999999;t=60");
    assert_eq!(left(&anyone, "/open").await, "\"anon\";r=3999999999;t=60");
    assert_eq!(counted(&db).await, 0);

    testing::sql(
        &db,
        r#"insert into quota (key, count, "resetAt")
           values ('read:user:' || $1, 5, now() at time zone 'utc' + interval '30 seconds')"#,
        &[&ada.id],
    )
    .await;
    let expired = app.with_token("nobody", "unknown");
    expired.get("/me").await.expect(401);
    for (caller, path, expected) in [
        (&ada, "/me", "\"read\";r=3999999994;t="),
        (&ada, "/account", "\"read\";r=3999999994;t="),
        (&key, "/me", "\"read\";r=3999999994;t="),
        (&anyone, "/open", "\"anon\";r=3999999998;t="),
    ] {
        let header = left(caller, path).await;
        let seconds = header.strip_prefix(expected);
        let seconds: u64 = seconds.expect(&header).parse().unwrap();
        let longest = if expected.contains("anon") { 60 } else { 30 };
        assert!((longest - 5..=longest).contains(&seconds), "{header}");
    }
    assert_eq!(counted(&db).await, 6);
}

#[testkit::test]
async fn failed_credentials_are_never_sampled(db: PgPool) {
    let mut requests = 0;
    // A Redis that fails is replaced by the database.
    for redis in [&[][..], &[("REDIS_URL", "redis://127.0.0.1:9")]] {
        let settings = [&[("RATE_LIMITS", "real")][..], redis].concat();
        let app = App::configured(api(), db.clone(), &settings);
        let expired = app.with_token("nobody", "unknown");
        let guessed = app.anyone().header("x-api-key", &"guess".repeat(20));

        for _ in 0..10 {
            expired.get("/me").await.expect(401);
            requests += 1;
            assert_eq!(counted(&db).await, requests, "{redis:?}");
            guessed.get("/open").await.expect(401);
            requests += 1;
            assert_eq!(counted(&db).await, requests, "{redis:?}");
        }
    }
}

/// The table of counters is locked, missing, or read-only.
#[testkit::test]
async fn limits_fail_open_for_every_caller(db: PgPool) {
    let address = db.connect_options().to_url_lossy();
    let app = || App::connected(api(), &[("DATABASE_URL", address.as_str())]);
    let ada = app().user("ada").await;
    // Returns the longest time of a request. A time of the first round counts half.
    let attempt = async |what: &str| {
        let app = app();
        let ada = ada.clone().through(&app);
        let mut longest = Duration::ZERO;
        for round in 0..3 {
            for (caller, method, path) in [
                (&ada, "GET", "/me"),
                (&ada, "GET", "/account"),
                (&ada, "PUT", "/notes"),
                (&app.anyone(), "GET", "/people"),
            ] {
                let started = Instant::now();
                let body = (method == "PUT").then(|| json!({}));
                let answer = caller.send(method.parse().unwrap(), path, body).await;
                let answer = answer.expect(200);
                assert_eq!(answer.header("ratelimit"), "", "{what} {path}");
                let share = if round == 0 { 2 } else { 1 };
                longest = longest.max(started.elapsed() / share);
            }
        }
        longest
    };
    let served =
        async |what| within(Duration::from_millis(500), async || attempt(what).await).await;

    let mut lock = db.begin().await.unwrap();
    sqlx::query("lock table quota")
        .execute(&mut *lock)
        .await
        .unwrap();
    served("locked").await;
    lock.rollback().await.unwrap();

    let name = db.connect_options().get_database().unwrap().to_owned();
    let set = async |setting: &str| {
        let statement =
            format!(r#"alter database "{name}" set default_transaction_read_only = {setting}"#);
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
            "begin read write; {statement}; commit"
        )))
        .execute(&db)
        .await
        .unwrap();
    };
    set("on").await;
    served("read-only").await;
    set("off").await;

    sqlx::query("drop table quota").execute(&db).await.unwrap();
    served("missing").await;
}

/// The own limits of a key still hold, and each use is counted once.
#[testkit::test]
async fn the_counters_may_be_locked_or_missing_when_a_key_is_used(db: PgPool) {
    let address = db.connect_options().to_url_lossy();
    let app = || App::connected(api(), &[("DATABASE_URL", address.as_str())]);
    insert_key(&app(), &app().user("ada").await, "remaining = 14").await;
    let served = async |what: &str, remaining: i64| {
        let app = app();
        for path in ["/me", "/people", "/account", "/open"] {
            let started = Instant::now();
            let answer = with_key(&app).get(path).await.expect(200);
            assert_eq!(answer.header("ratelimit"), "", "{what} {path}");
            // The server ends the wait for a lock after four seconds.
            let elapsed = started.elapsed();
            assert!(
                elapsed < Duration::from_secs(3),
                "{what} {path}: {elapsed:?}"
            );
        }
        let answer = with_key(&app).put("/notes", json!({})).await.expect(200);
        assert_eq!(answer.header("ratelimit"), "", "{what}");
        let left = testing::number(&db, "select remaining::bigint from apikey", &[]).await;
        assert_eq!(left, remaining, "{what}");
    };

    let mut lock = db.begin().await.unwrap();
    sqlx::query("lock table quota")
        .execute(&mut *lock)
        .await
        .unwrap();
    served("locked", 9).await;
    lock.rollback().await.unwrap();

    sqlx::query("drop table quota").execute(&db).await.unwrap();
    served("missing", 4).await;

    let app = app();
    for status in [200, 200, 200, 200, 429] {
        with_key(&app).get("/me").await.expect(status);
    }
}
