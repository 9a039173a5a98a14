//! Responses with Redis, without it, and with a Redis that fails. They are the same.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::http::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use testing::{Answer, App, serve_redis};
use tokio::net::TcpListener;

use crate::api;

/// A Redis with the commands that the group uses. Its keys do not expire.
#[derive(Clone, Default)]
pub struct Server(Arc<Mutex<HashMap<String, Vec<u8>>>>);

impl Server {
    pub async fn start(&self) -> String {
        let server = self.clone();
        serve_redis(move |command| server.answer(command)).await
    }

    fn answer(&self, command: &[Vec<u8>]) -> Vec<u8> {
        let word = |index: usize| String::from_utf8_lossy(&command[index]).into_owned();
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match word(0).as_str() {
            "EVAL" => {
                let keys: usize = word(2).parse().unwrap();
                let mut answer = format!("*{}\r\n", 2 * keys);
                for index in 3..3 + keys {
                    let millis = 1000 * word(index + keys).parse::<u64>().unwrap();
                    let count = increment(&mut values, word(index));
                    for number in [count.to_string(), millis.to_string()] {
                        answer.extend([":", &number, "\r\n"]);
                    }
                }
                answer.into_bytes()
            }
            "INCR" => format!(":{}\r\n", increment(&mut values, word(1))).into_bytes(),
            "MGET" => {
                let mut answer = format!("*{}\r\n", command.len() - 1).into_bytes();
                for key in 1..command.len() {
                    match values.get(&word(key)) {
                        None => answer.extend(b"$-1\r\n"),
                        Some(value) => {
                            answer.extend(format!("${}\r\n", value.len()).as_bytes());
                            answer.extend([value.as_slice(), b"\r\n"].concat());
                        }
                    }
                }
                answer
            }
            "SET" => {
                assert_eq!((word(3).as_str(), word(4).as_str()), ("EX", "15"));
                values.insert(word(1), command[2].clone());
                b"+OK\r\n".to_vec()
            }
            _ => b"+OK\r\n".to_vec(),
        }
    }

    pub fn keys(&self, part: &str) -> usize {
        let values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        values.keys().filter(|key| key.contains(part)).count()
    }
}

fn increment(values: &mut HashMap<String, Vec<u8>>, key: String) -> i64 {
    let value = values.entry(key).or_insert_with(|| b"0".to_vec());
    let count = String::from_utf8_lossy(value).parse::<i64>().unwrap() + 1;
    *value = count.to_string().into_bytes();
    count
}

async fn people(db: &PgPool) {
    sqlx::query(r#"insert into "user" (id, name, email, "updatedAt") values ('new', 'New', 'new@test.example', now())"#)
        .execute(db)
        .await
        .unwrap();
}

fn count(answer: &Answer) -> Value {
    answer.json()["people"].clone()
}

#[testkit::test]
async fn anonymous_responses_are_cached_until_something_is_hidden(db: PgPool) {
    let server = Server::default();
    let app = App::configured(api(), db.clone(), &[("REDIS_URL", &server.start().await)]);
    let ada = app.user("ada").await;
    let first = app.anyone().get("/people?b=2&a=1").await.expect(200);
    assert_eq!(count(&first), 1);

    people(&db).await;

    let again = app.anyone().get("/people?a=1&b=2").await.expect(200);
    assert_eq!(again.json(), first.json());
    for name in ["etag", "cache-control", "content-type", "link", "vary"] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
    let known = app
        .anyone()
        .header("if-none-match", first.header("etag"))
        .get("/people?a=1&b=2")
        .await;
    known.expect(304);
    let head = app
        .anyone()
        .send(Method::HEAD, "/people?a=1&b=2", None)
        .await
        .expect(200);
    assert_eq!(head.header("content-length"), first.body.len().to_string());
    // Callers with a session and requests with another query get the present state.
    assert_eq!(count(&ada.get("/people?a=1&b=2").await.expect(200)), 2);
    assert_eq!(count(&app.anyone().get("/people?a=1").await.expect(200)), 2);

    ada.post("/where", json!({})).await.expect(200);
    let fresh = app.anyone().get("/people?a=1&b=2").await.expect(200);
    assert_eq!(count(&fresh), 2);
}

#[testkit::test]
async fn errors_and_private_responses_are_not_cached(db: PgPool) {
    let server = Server::default();
    let app = App::configured(api(), db, &[("REDIS_URL", &server.start().await)]);

    app.anyone().get("/pages?limit=0").await.expect(400);
    app.anyone().get("/open").await.expect(200);
    app.anyone().get("/where/now").await.expect(200);
    app.user("ada").await.get("/people").await.expect(200);

    assert_eq!(server.keys(":answer:"), 0);
}

#[testkit::test]
async fn a_cached_page_has_its_link(db: PgPool) {
    let server = Server::default();
    let app = App::configured(api(), db, &[("REDIS_URL", &server.start().await)]);

    let first = app.anyone().get("/pages?limit=1").await.expect(200);
    let again = app.anyone().get("/pages?limit=1").await.expect(200);

    assert!(first.header("link").ends_with("rel=\"next\""));
    assert_eq!(again.header("link"), first.header("link"));
    assert_eq!(again.header("etag"), first.header("etag"));
    assert_eq!(server.keys(":answer:"), 1);
}

#[testkit::test]
async fn requests_are_counted_in_redis(db: PgPool) {
    let server = Server::default();
    let app = App::configured(
        api(),
        db.clone(),
        &[
            ("REDIS_URL", &server.start().await),
            ("RATE_LIMITS", "real"),
            ("RATE_LIMIT_SAMPLE", "1"),
            ("RATE_LIMIT_READ", "2/60"),
            ("RATE_LIMIT_ANON", "1/60"),
        ],
    );
    let ada = app.user("ada").await;

    let first = ada.get("/me").await.expect(200);
    assert_eq!(first.header("ratelimit-policy"), "\"read\";q=2;w=60");
    assert_eq!(first.header("ratelimit"), "\"read\";r=1;t=60");
    ada.get("/me").await.expect(200);
    assert_eq!(ada.get("/me").await.expect(429).header("retry-after"), "60");
    app.anyone().get("/me").await.expect(401);
    app.anyone().get("/open").await.expect(429);
    let created = ada.post("/notes", json!({"text": "hi"})).await.expect(200);
    assert_eq!(
        created.header("ratelimit-policy"),
        "\"write\";q=60;w=60, \"create\";q=120;w=3600"
    );
    ada.get("/sentry").await.expect(200);

    assert_eq!(server.keys(":quota:"), 5);
    let rows: i64 = sqlx::query_scalar("select count(*) from quota")
        .fetch_one(&db)
        .await
        .unwrap();
    assert_eq!(rows, 0);
}

#[testkit::test]
async fn a_failing_redis_changes_no_response(db: PgPool) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let silent = format!("redis://127.0.0.1:{port}");
    let app = |url: &str| {
        let settings = [("REDIS_URL", url), ("RATE_LIMIT_READ", "2/60")];
        let settings = [
            settings.as_slice(),
            &[("RATE_LIMITS", "real"), ("RATE_LIMIT_SAMPLE", "1")],
        ]
        .concat();
        App::configured(api(), db.clone(), &settings)
    };
    for url in [
        "redis://127.0.0.1:9",
        &silent,
        "no address",
        "unix:///nowhere",
    ] {
        let app = app(url);
        let ada = app.user("ada").await;

        let first = ada.get("/me").await.expect(200);
        assert_eq!(first.header("ratelimit"), "\"read\";r=1;t=60", "{url}");
        ada.get("/me").await.expect(200);
        ada.get("/me").await.expect(429);
        let open = app.anyone().get("/people").await.expect(200);
        assert_ne!(open.header("ratelimit"), "", "{url}");
        ada.post("/where", json!({})).await.expect(200);
    }
}
