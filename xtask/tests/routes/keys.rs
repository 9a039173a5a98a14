//! Each operation with API keys of all scopes, and with an unknown key.

use axum::http::Method;
use serde_json::json;
use shared::api_key::hash;
use sqlx::PgPool;
use testing::Answer;

use crate::bundle::{Bundle, Operation};

const NO_KEYS: &str = "API keys cannot be used here";
const NO_READING: &str = "API key lacks the read scope";
const NO_WRITING: &str = "API key lacks the write scope";

/// Name and permissions of each key, and whether it may read and write. `None` is a key with the default permissions.
const KEYS: [(&str, Option<&str>, bool, bool); 5] = [
    ("whole", None, true, true),
    (
        "both",
        Some(r#"{"api":["read","write"],"metrics":["read"]}"#),
        true,
        true,
    ),
    ("reader", Some(r#"{"api":["read"]}"#), true, false),
    ("writer", Some(r#"{"api":["write"]}"#), false, true),
    ("metrics", Some(r#"{"metrics":["read"]}"#), false, false),
];

/// Returns the key of this name, which is the name padded to the length of a key.
fn key(name: &str) -> String {
    format!("cc_{name:a<64}")
}

async fn insert_keys(db: &PgPool) {
    sqlx::query(
        r#"insert into "user" (id, name, email, "emailVerified", "updatedAt")
           values ('ada', 'Ada', 'ada@test.example', true, now() at time zone 'utc')"#,
    )
    .execute(db)
    .await
    .unwrap();
    for (name, permissions, ..) in KEYS {
        sqlx::query(
            r#"insert into apikey (id, "referenceId", key, permissions, "rateLimitEnabled", "updatedAt")
               values ($1, 'ada', $2, $3, false, now() at time zone 'utc')"#,
        )
        .bind(name)
        .bind(hash(&key(name)))
        .bind(permissions)
        .execute(db)
        .await
        .unwrap();
    }
}

/// Returns the message with which the contract rejects a key, or `None` if it accepts the key.
fn refusal(operation: &Operation, reads: bool, writes: bool) -> Option<&'static str> {
    let is_get = operation.method == Method::GET;
    if operation.function == "auth" {
        let is_staffs = operation.path.starts_with("/api/auth/admin/");
        return match (is_get, is_staffs) {
            // It shows tokens, for which a key is never fresh enough.
            (true, false) if reads && operation.id == "listSessions" => {
                Some("Session is not fresh")
            }
            (true, false) if reads => None,
            (true, false) => Some(NO_READING),
            _ => Some(NO_KEYS),
        };
    }
    match operation.id.as_str() {
        "deleteProfile" => Some(NO_KEYS),
        // Only an admin's key is accepted, and the owner is no admin.
        "getMetrics" => Some("Forbidden resource"),
        _ if is_get => (!reads).then_some(NO_READING),
        _ => (!writes).then_some(NO_WRITING),
    }
}

#[testkit::test]
async fn a_key_is_accepted_for_its_scopes(db: PgPool) {
    let bundle = Bundle::new(&db);
    insert_keys(&db).await;
    let mut refused = 0;
    for operation in bundle.operations() {
        let path = operation.filled(&[]);
        for (name, _, reads, writes) in KEYS {
            let caller = bundle.anyone().header("x-api-key", &key(name));

            let answer = bundle.send(&caller, &operation, &path).await;

            let case = format!("{} with {name}: {answer:?}", operation.id);
            match refusal(&operation, reads, writes) {
                Some(message) => {
                    refused += 1;
                    assert_eq!(answer.status, 403, "{case}");
                    assert_eq!(answer.json()["message"], message, "{case}");
                }
                None => assert!(!matches!(answer.status.as_u16(), 401 | 403), "{case}"),
            }
        }
    }
    println!("measured: tried {refused} requests that are refused");
    assert!(refused > 100, "only {refused} refusals");
}

#[testkit::test]
async fn an_unknown_key_is_rejected_everywhere(db: PgPool) {
    let bundle = Bundle::new(&db);
    insert_keys(&db).await;
    let expect = |answer: &Answer, operation: &Operation| {
        let case = format!("{}: {answer:?}", operation.id);
        assert_eq!(answer.status, 401, "{case}");
        let expected = if operation.function == "auth" {
            json!({ "message": "Invalid API key.", "code": "INVALID_API_KEY" })
        } else {
            assert_eq!(answer.header("www-authenticate"), "Bearer", "{case}");
            json!({ "statusCode": 401, "message": "Unauthorized" })
        };
        assert_eq!(answer.json(), expected, "{case}");
    };
    for operation in bundle.operations() {
        let path = operation.filled(&[]);
        // It is also rejected beside a valid session.
        for caller in [bundle.anyone(), bundle.session("ada").await] {
            let origin = caller.header("origin", "http://localhost:3000");
            let caller = origin.header("x-api-key", &key("unknown"));
            expect(&bundle.send(&caller, &operation, &path).await, &operation);
        }
        if operation.function != "auth" {
            let bearer = format!("Bearer {}", key("unknown"));
            let caller = bundle.anyone().header("authorization", &bearer);
            expect(&bundle.send(&caller, &operation, &path).await, &operation);
        }
    }
}

#[testkit::test]
async fn an_admins_key_reads_metrics_if_it_has_the_scope(db: PgPool) {
    let bundle = Bundle::new(&db);
    insert_keys(&db).await;
    let status = async |name: &str| {
        let caller = bundle.anyone().header("x-api-key", &key(name));
        let answer = caller.at("health").get("/metrics").await;
        answer.status.as_u16()
    };
    assert_eq!(status("metrics").await, 403);

    sqlx::query(r#"update "user" set role = 'admin'"#)
        .execute(&db)
        .await
        .unwrap();

    for (name, expected) in [
        ("metrics", 200),
        ("both", 200),
        ("whole", 403),
        ("reader", 403),
    ] {
        assert_eq!(status(name).await, expected, "{name}");
    }
}
