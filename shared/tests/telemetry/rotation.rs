//! Addresses in a secret that change while a program runs.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{Router, extract::State, http::StatusCode, response::IntoResponse};
use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::database::{Schema, TestDatabase, address};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    time::sleep,
};

use crate::program::Program;

/// An emulated Secrets Manager with one secret. Without the secret, every request fails.
#[derive(Clone, Default)]
struct Secrets(Arc<Mutex<(Option<Value>, usize)>>);

impl Secrets {
    async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(read).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn set(&self, secret: Option<Value>) {
        self.0.lock().unwrap().0 = secret;
    }

    /// Returns the number of requests since the last call.
    fn take_requests(&self) -> usize {
        std::mem::take(&mut self.0.lock().unwrap().1)
    }
}

async fn read(State(secrets): State<Secrets>) -> axum::response::Response {
    sleep(Duration::from_millis(20)).await;
    let (secret, requests) = &mut *secrets.0.lock().unwrap();
    *requests += 1;
    match secret {
        Some(secret) => json!({ "Name": "app", "SecretString": secret.to_string() })
            .to_string()
            .into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Starts a PostgreSQL server that rejects every password. Returns its address.
async fn rejecting() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            tokio::spawn(async move {
                let length = connection.read_u32().await.unwrap();
                let mut startup = vec![0; usize::try_from(length).unwrap() - 4];
                connection.read_exact(&mut startup).await.unwrap();
                let fields = b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed\0\0";
                let length = u32::try_from(fields.len() + 4).unwrap();
                connection.write_u8(b'E').await.unwrap();
                connection.write_u32(length).await.unwrap();
                connection.write_all(fields).await.unwrap();
            });
        }
    });
    format!("postgres://app:old@127.0.0.1:{port}/app?sslmode=disable")
}

async fn start(secrets: &Secrets) -> Program {
    let url = secrets.serve().await;
    let variables = [
        ("APP_SECRETS_ID", "app"),
        ("AWS_ENDPOINT_URL", url.as_str()),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
    ];
    let program = Program::start("trouble", &variables).await;
    // The program has read the secret at its start. Later requests are counted from here.
    assert!(secrets.take_requests() >= 1);
    program
}

#[testkit::test]
async fn a_rotated_password_is_used_for_the_replicas(db: PgPool) {
    let replica = TestDatabase::create(Schema::Empty).await.unwrap();
    let secret = |replica: &str| json!({ "DATABASE_URL": address(&db), "DATABASE_READ_REPLICA_PRIMARY_URL": replica });
    let secrets = Secrets::default();
    secrets.set(Some(secret(&rejecting().await)));
    let program = start(&secrets).await;

    secrets.set(Some(secret(&replica.address())));
    let answer = program.get("/slow/0").send().await.unwrap();
    assert_eq!(answer.status(), 204);
    assert_eq!(secrets.take_requests(), 1);

    // A replica that failed is not used for ten seconds.
    sleep(Duration::from_millis(10_500)).await;
    let answer = program.get("/slow/0").send().await.unwrap();
    assert_eq!(answer.status(), 204);
    let connections: i64 = sqlx::query_scalar(
        "select count(*) from pg_stat_activity
         where datname = $1 and application_name = 'codecave'",
    )
    .bind(replica.address().rsplit('/').next().unwrap())
    .fetch_one(&db)
    .await
    .unwrap();
    assert_eq!(connections, 1);
    program.stop().await;
    replica.remove().await.unwrap();
}

#[tokio::test]
async fn a_failing_secret_is_not_read_by_every_request() {
    let secrets = Secrets::default();
    secrets.set(Some(json!({ "DATABASE_URL": rejecting().await })));
    let program = start(&secrets).await;
    secrets.set(None);

    let started = Instant::now();
    let answers = join_all((0..20).map(|_| program.get("/slow/0").send())).await;
    for answer in answers {
        assert_eq!(answer.unwrap().status(), 503);
    }
    let together = started.elapsed();
    assert!(together < Duration::from_secs(6), "{together:?}");

    let started = Instant::now();
    for _ in 0..10 {
        let answer = program.get("/slow/0").send().await.unwrap();
        assert_eq!(answer.status(), 503);
    }
    let together = started.elapsed();
    // If each waited for the secret, they would take ten seconds.
    assert!(together < Duration::from_secs(5), "{together:?}");
    // The secret is read once, with the retries of the SDK.
    let requests = secrets.take_requests();
    assert!((1..=3).contains(&requests), "{requests}");
    program.stop().await;
}
