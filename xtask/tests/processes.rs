//! Limits and bans hold across several processes, each with its own connections.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::{collections::HashMap, net::Ipv4Addr, path::PathBuf, process::Stdio, time::Duration};

use provider::Provider;
use reqwest::{Client, RequestBuilder};
use serde_json::json;
use shared::{api_key::hash, http::Api};
use sqlx::PgPool;
use testing::{App, Caller};
use testkit::ports::free_port;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    sync::OnceCell,
    task::JoinSet,
    time::{sleep, timeout},
};
use xtask::bundle;

const KEY: &str = "cc_abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl";

/// A function that serves plain HTTP. Dropping it kills the process.
struct Process {
    _child: Child,
    client: Client,
    url: String,
}

impl Process {
    async fn start(function: &str, db: &PgPool) -> Self {
        static BINARIES: OnceCell<HashMap<String, PathBuf>> = OnceCell::const_new();
        let binaries = BINARIES
            .get_or_init(|| async { bundle::build().await.unwrap() })
            .await;
        let provider = Provider::start().await.unwrap();
        let port = free_port().unwrap();
        let child = Command::new(&binaries[function])
            .env_clear()
            .envs(provider.settings())
            .envs([
                // The same secret as in `testing`, which signs the cookies.
                (
                    "BETTER_AUTH_SECRET",
                    "reference-secret-for-tests-0123456789abcdef",
                ),
                ("BETTER_AUTH_URL", "http://localhost:3001"),
                ("DATABASE_URL", &testkit::database::address(db)),
                ("DATABASE_MAX_CONNECTIONS", "5"),
                ("NODE_ENV", "test"),
                ("PORT", &port.to_string()),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let listening = async {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, port))
                .await
                .is_err()
            {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(30), listening).await.unwrap();
        Self {
            _child: child,
            client: Client::builder().no_proxy().build().unwrap(),
            url: format!("http://127.0.0.1:{port}"),
        }
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.url))
    }

    fn post(&self, path: &str, body: &serde_json::Value) -> RequestBuilder {
        let request = self.client.post(format!("{}{path}", self.url));
        request.header("origin", "http://localhost:3000").json(body)
    }
}

/// Creates a user with a session, whose cookie the processes accept.
async fn user(db: &PgPool, name: &str) -> Caller {
    let app = App::new(Api::new("people", "People", []), db.clone());
    app.user(name).await
}

/// Inserts an API key of Ada with these limits.
async fn insert_key(db: &PgPool, remaining: Option<i32>, max: Option<i32>) {
    let ada = user(db, "ada").await;
    sqlx::query(
        r#"insert into apikey (
               id, "referenceId", key, remaining, "rateLimitEnabled", "rateLimitMax", "rateLimitTimeWindow", "updatedAt"
           )
           values ('key', $1, $2, $3, $4, $5, 3600000, now() at time zone 'utc')"#,
    )
    .bind(&ada.id)
    .bind(hash(KEY))
    .bind(remaining)
    .bind(max.is_some())
    .bind(max)
    .execute(db)
    .await
    .unwrap();
}

/// Sends requests with the key concurrently, to both processes in turn. Returns their statuses.
async fn storm(processes: [&Process; 2], requests: usize) -> Vec<u16> {
    let mut storm = JoinSet::new();
    for index in 0..requests {
        let request = processes[index % 2].get("/users/profile");
        let request = request.header("x-api-key", KEY);
        storm.spawn(async move { request.send().await.unwrap().status().as_u16() });
    }
    storm.join_all().await
}

fn count(statuses: &[u16], status: u16) -> usize {
    statuses.iter().filter(|found| **found == status).count()
}

#[testkit::test]
async fn ten_remaining_uses_are_ten_across_processes(db: PgPool) {
    insert_key(&db, Some(10), None).await;
    let (one, other) = (
        Process::start("users", &db).await,
        Process::start("users", &db).await,
    );

    let statuses = storm([&one, &other], 50).await;

    assert_eq!(count(&statuses, 200), 10, "{statuses:?}");
    // The first request without a remaining use deletes the key. It is unknown to later requests.
    assert_eq!(
        count(&statuses, 429) + count(&statuses, 401),
        40,
        "{statuses:?}"
    );
    let left: i64 = sqlx::query_scalar("select count(*) from apikey")
        .fetch_one(&db)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[testkit::test]
async fn a_keys_limit_holds_across_processes(db: PgPool) {
    insert_key(&db, None, Some(10)).await;
    let (one, other) = (
        Process::start("users", &db).await,
        Process::start("users", &db).await,
    );

    let statuses = storm([&one, &other], 50).await;

    assert_eq!(count(&statuses, 200), 10, "{statuses:?}");
    assert_eq!(count(&statuses, 429), 40, "{statuses:?}");
    let counted: i32 = sqlx::query_scalar(r#"select "requestCount" from apikey"#)
        .fetch_one(&db)
        .await
        .unwrap();
    assert_eq!(counted, 10);
}

#[testkit::test]
async fn a_ban_ends_sessions_in_every_process_at_the_next_request(db: PgPool) {
    let (admin, bob) = (user(&db, "admin").await, user(&db, "bob").await);
    sqlx::query(r#"update "user" set role = 'admin' where id = $1"#)
        .bind(&admin.id)
        .execute(&db)
        .await
        .unwrap();
    let auth = Process::start("auth", &db).await;
    let (one, other) = (
        Process::start("users", &db).await,
        Process::start("users", &db).await,
    );
    let profile = async |process: &Process| {
        let request = process.get("/users/profile");
        let request = request.header("cookie", bob.cookie().unwrap());
        request.send().await.unwrap().status().as_u16()
    };
    for process in [&one, &other] {
        assert_eq!(profile(process).await, 200);
    }

    let ban = auth
        .post("/api/auth/admin/ban-user", &json!({ "userId": bob.id }))
        .header("cookie", admin.cookie().unwrap());
    assert_eq!(ban.send().await.unwrap().status(), 200);

    for process in [&one, &other] {
        assert_eq!(profile(process).await, 401);
    }
    let session = auth.get("/api/auth/get-session");
    let session = session.header("cookie", bob.cookie().unwrap());
    let session = session.send().await.unwrap().text().await.unwrap();
    assert_eq!(session, "null");
}

#[testkit::test]
async fn a_quota_holds_across_processes(db: PgPool) {
    let ada = user(&db, "ada").await;
    let (one, other) = (
        Process::start("users", &db).await,
        Process::start("users", &db).await,
    );
    let mut storm = JoinSet::new();
    for index in 0..80 {
        let process = [&one, &other][index % 2];
        let request = process
            .client
            .put(format!("{}/users/profile", process.url))
            .header("cookie", ada.cookie().unwrap())
            .json(&json!({}));
        storm.spawn(async move { request.send().await.unwrap().status().as_u16() });
    }

    let statuses = storm.join_all().await;

    // The default quota for writes is 60 per minute.
    assert_eq!(count(&statuses, 200), 60, "{statuses:?}");
    assert_eq!(count(&statuses, 429), 20, "{statuses:?}");
}
