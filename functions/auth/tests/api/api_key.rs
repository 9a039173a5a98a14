//! `/api/auth/api-key/*`: a user creates keys.

use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::api_key::hash;
use sqlx::PgPool;
use testing::{Answer, Caller};

use crate::{Stage, expect_code};

pub const KEYS: &str = "/api/auth/api-key";

pub async fn post(caller: &Caller, action: &str, body: Value) -> Answer {
    caller.post(&format!("{KEYS}/{action}"), body).await
}

pub async fn create(caller: &Caller, body: Value) -> Value {
    post(caller, "create", body).await.expect(200).json()
}

#[testkit::test]
async fn a_key_is_returned_only_when_it_is_created(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.person("ada").await;

    let mut made = create(
        &ada,
        json!({ "name": "CI", "expiresIn": 172_800, "metadata": { "a": 1 } }),
    )
    .await;

    let key = made.as_object_mut().unwrap().remove("key").unwrap();
    let key = key.as_str().unwrap();
    assert_eq!(key.len(), 3 + 64);
    assert!(
        key.strip_prefix("cc_")
            .unwrap()
            .bytes()
            .all(|b| b.is_ascii_alphabetic())
    );
    let row = stage
        .row(r#"select *, extract(epoch from "expiresAt" - "createdAt")::int as life from apikey"#)
        .await;
    assert_eq!(row["key"], hash(key));
    assert!((172_795..=172_805).contains(&row["life"].as_i64().unwrap()));
    let expected = json!({
        "configId": "default", "name": "CI", "start": &key[..6], "referenceId": ada.id, "prefix": "cc_",
        "refillInterval": null, "refillAmount": null, "lastRefillAt": null, "enabled": true,
        "rateLimitEnabled": true, "rateLimitTimeWindow": 60_000, "rateLimitMax": 600, "requestCount": 0,
        "remaining": null, "lastRequest": null, "expiresAt": made["expiresAt"], "createdAt": made["createdAt"],
        "updatedAt": made["updatedAt"], "permissions": null, "metadata": { "a": 1 }, "id": row["id"]
    });
    assert_eq!(made, expected);
    for time in ["expiresAt", "createdAt", "updatedAt"] {
        let text = made[time].as_str().unwrap();
        assert!(text.len() == 24 && text.ends_with('Z'), "{text}");
    }
    let shown = ada
        .get(&format!("{KEYS}/get?id={}", made["id"].as_str().unwrap()))
        .await;
    assert_eq!(shown.expect(200).json(), made);
    let listed = ada.get(&format!("{KEYS}/list")).await.expect(200).json();
    assert_eq!(listed, json!({ "apiKeys": [made], "total": 1 }));
}

#[testkit::test]
async fn responses_about_keys_are_not_cached(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.person("ada").await;

    for answer in [
        post(&ada, "create", json!({})).await.expect(200),
        ada.get(&format!("{KEYS}/list")).await.expect(200),
        ada.get(&format!("{KEYS}/get?id=x")).await.expect(404),
        stage
            .app
            .anyone()
            .get(&format!("{KEYS}/list"))
            .await
            .expect(401),
    ] {
        assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
    }
    let other = ada.get("/api/auth/list-accounts").await.expect(200);
    assert_eq!(other.header("cache-control"), "");
}

#[testkit::test]
async fn every_field_of_a_new_key_is_optional(db: PgPool) {
    let stage = Stage::configured(
        db,
        &[
            ("API_KEY_RATE_LIMIT_MAX", "5"),
            ("API_KEY_RATE_LIMIT_WINDOW", "1000"),
        ],
    )
    .await;
    let ada = stage.person("ada").await;

    for body in [
        json!({}),
        json!({ "expiresIn": null, "remaining": null, "metadata": null, "configId": "default", "nonsense": 1 }),
    ] {
        let made = create(&ada, body).await;
        assert_eq!(
            (&made["name"], &made["expiresAt"], &made["metadata"]),
            (&Value::Null, &Value::Null, &Value::Null)
        );
        assert_eq!(
            (&made["rateLimitMax"], &made["rateLimitTimeWindow"]),
            (&json!(5), &json!(1000))
        );
    }
    let made = create(&ada, json!({ "name": "", "prefix": "my-app_" })).await;
    assert_eq!(
        (&made["name"], &made["prefix"], &made["start"]),
        (&json!(""), &json!("my-app_"), &json!("my-app"))
    );
    assert_eq!(made["key"].as_str().unwrap().len(), 7 + 64);
    for seconds in [86_400, 31_536_000] {
        create(&ada, json!({ "expiresIn": seconds })).await;
    }
    create(
        &ada,
        json!({ "name": "x".repeat(32), "prefix": "p".repeat(32) }),
    )
    .await;
}

#[testkit::test]
async fn fields_for_servers_and_invalid_fields_are_rejected(db: PgPool) {
    const SERVER: &str =
        "The property you're trying to set can only be set from the server auth instance only.";
    let stage = Stage::new(db).await;
    let ada = stage.person("ada").await;

    for (name, value) in [
        ("remaining", json!(1)),
        ("refillAmount", json!(1)),
        ("refillInterval", json!(1)),
        ("rateLimitMax", json!(1)),
        ("rateLimitTimeWindow", json!(1)),
        ("rateLimitEnabled", json!(false)),
        ("permissions", json!({ "api": ["read"] })),
    ] {
        let mut body = json!({ "keyId": "x" });
        body[name] = value;
        for action in ["create", "update"] {
            let answer = post(&ada, action, body.clone()).await;
            expect_code(&answer, 400, "SERVER_ONLY_PROPERTY", SERVER);
        }
    }
    for (body, code, message) in [
        (
            json!({ "expiresIn": 86_399 }),
            "EXPIRES_IN_IS_TOO_SMALL",
            "The expiresIn is smaller than the predefined minimum value.",
        ),
        (
            json!({ "expiresIn": 31_536_001 }),
            "EXPIRES_IN_IS_TOO_LARGE",
            "The expiresIn is larger than the predefined maximum value.",
        ),
        (
            json!({ "expiresIn": 1e300 }),
            "EXPIRES_IN_IS_TOO_LARGE",
            "The expiresIn is larger than the predefined maximum value.",
        ),
        (
            json!({ "expiresIn": 0 }),
            "VALIDATION_ERROR",
            "[body.expiresIn] Too small: expected number to be >=1",
        ),
        (
            json!({ "expiresIn": "1" }),
            "VALIDATION_ERROR",
            "[body.expiresIn] Invalid input: expected number, received string",
        ),
        (
            json!({ "prefix": "p".repeat(33) }),
            "INVALID_PREFIX_LENGTH",
            "The prefix length is either too large or too small.",
        ),
        (
            json!({ "prefix": "a b" }),
            "VALIDATION_ERROR",
            "[body.prefix] Invalid prefix format, must be alphanumeric and contain only underscores and hyphens.",
        ),
        (
            json!({ "prefix": "" }),
            "VALIDATION_ERROR",
            "[body.prefix] Invalid prefix format, must be alphanumeric and contain only underscores and hyphens.",
        ),
        (
            json!({ "name": "x".repeat(33) }),
            "INVALID_NAME_LENGTH",
            "The name length is either too large or too small.",
        ),
        (
            json!({ "metadata": "x" }),
            "INVALID_METADATA_TYPE",
            "metadata must be an object or undefined",
        ),
        (
            json!({ "metadata": { "scopes": ["admin"] } }),
            "VALIDATION_ERROR",
            "[body.metadata.scopes] Invalid input: expected some of \"read\"|\"write\"|\"metrics\"",
        ),
    ] {
        expect_code(&post(&ada, "create", body).await, 400, code, message);
    }
    // Clients cannot create keys for a user id, not even their own (CVE-2025-61928).
    for (caller, body) in [
        (&ada, json!({ "userId": ada.id })),
        (&ada, json!({ "userId": null })),
        (&stage.app.anyone(), json!({ "userId": ada.id })),
        (&stage.app.anyone(), json!({})),
    ] {
        let answer = post(caller, "create", body).await;
        expect_code(
            &answer,
            401,
            "UNAUTHORIZED_SESSION",
            "Unauthorized or invalid session",
        );
    }
    assert_eq!(stage.count("apikey").await, 0);
}

#[testkit::test]
async fn scopes_become_permissions(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.person("ada").await;

    for (scopes, permissions) in [
        (json!(["read"]), json!({ "api": ["read"] })),
        (
            json!(["read", "write"]),
            json!({ "api": ["read", "write"] }),
        ),
        (json!(["metrics"]), json!({ "metrics": ["read"] })),
    ] {
        let made = create(&ada, json!({ "metadata": { "scopes": scopes } })).await;
        assert_eq!(made["permissions"], permissions);
        // The owner can change the metadata, but not the permissions.
        let body =
            json!({ "keyId": made["id"], "metadata": { "scopes": ["read", "write", "metrics"] } });
        let updated = post(&ada, "update", body).await.expect(200).json();
        assert_eq!(updated["permissions"], permissions);
    }
}

#[testkit::test]
async fn a_user_has_at_most_20_keys(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.person("ada").await;
    let bob = stage.person("bob").await;
    for _ in 0..15 {
        create(&ada, json!({})).await;
    }

    let answers = join_all((0..20).map(|_| post(&ada, "create", json!({})))).await;

    let made = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(made, 5);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        expect_code(
            answer,
            400,
            "TOO_MANY_API_KEYS",
            "You can have at most 20 API keys",
        );
    }
    assert_eq!(stage.count("apikey").await, 20);
    create(&bob, json!({})).await;
    // Disabled keys count, expired ones do not.
    stage.execute("update apikey set enabled = false").await;
    post(&ada, "create", json!({})).await.expect(400);
    stage
        .execute(&format!(
            r#"update apikey set "expiresAt" = now() at time zone 'utc' - interval '1 second'
               where id = (select id from apikey where "referenceId" = '{}' limit 1)"#,
            ada.id
        ))
        .await;
    create(&ada, json!({})).await;
}

#[testkit::test]
async fn creations_count_against_the_applications_quota(db: PgPool) {
    let stage = Stage::configured(
        db,
        &[("RATE_LIMITS", "real"), ("RATE_LIMIT_CREATE", "2/3600")],
    )
    .await;
    let ada = stage.person("ada").await;
    let pro = stage.person("pro").await;
    stage
        .execute(&format!(
            r#"update "user" set "isPro" = true where id = '{}'"#,
            pro.id
        ))
        .await;

    for (caller, quota) in [(ada, 2), (pro, 4)] {
        for _ in 0..quota {
            create(&caller, json!({})).await;
        }
        let answer = post(&caller, "create", json!({})).await.expect(429);
        assert_eq!(
            answer.json()["message"],
            "Too many requests. Please try again later."
        );
        let seconds: u32 = answer.header("x-retry-after").parse().unwrap();
        assert!((3590..=3600).contains(&seconds));
        caller.get(&format!("{KEYS}/list")).await.expect(200);
    }
}

#[testkit::test]
async fn requests_do_not_delete_expired_keys(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.person("ada").await;
    create(&ada, json!({})).await;
    create(&ada, json!({})).await;
    let expire = r#"update apikey set "expiresAt" = now() at time zone 'utc' - interval '1 second'
                    where id = (select id from apikey limit 1)"#;
    stage.execute(expire).await;

    ada.get(&format!("{KEYS}/list")).await.expect(200);
    create(&ada, json!({})).await;

    assert_eq!(stage.count("apikey").await, 3);
}
