//! Existing keys: listed, updated, deleted.

use axum::http::Method;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    Stage,
    api_key::{KEYS, create, post},
    expect_code,
};

#[testkit::test]
async fn keys_are_listed_in_pages(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.person("ada").await;
    for name in ["b", "c", "a"] {
        create(&ada, json!({ "name": name })).await;
    }
    create(&stage.person("bob").await, json!({ "name": "z" })).await;

    for (query, names, echoed) in [
        ("", "b c a", json!({})),
        ("?limit=2", "b c", json!({ "limit": 2 })),
        ("?limit=2&offset=2", "a", json!({ "limit": 2, "offset": 2 })),
        ("?limit=0", "", json!({ "limit": 0 })),
        ("?sortBy=name", "a b c", json!({})),
        (
            "?sortBy=name&sortDirection=desc&limit=1",
            "c",
            json!({ "limit": 1 }),
        ),
        ("?sortBy=createdAt&sortDirection=desc", "a c b", json!({})),
        ("?sortBy=nonsense", "b c a", json!({})),
        ("?configId=default", "b c a", json!({})),
    ] {
        let mut answer = ada
            .get(&format!("{KEYS}/list{query}"))
            .await
            .expect(200)
            .json();
        let answer = answer.as_object_mut().unwrap();
        let keys = answer.remove("apiKeys").unwrap();
        let found: Vec<&str> = keys
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["name"].as_str().unwrap())
            .collect();
        assert_eq!(found.join(" "), names, "{query}");
        assert_eq!(answer.remove("total"), Some(json!(3)), "{query}");
        assert_eq!(Value::Object(answer.clone()), echoed, "{query}");
    }
    let other = ada
        .get(&format!("{KEYS}/list?configId=other"))
        .await
        .expect(200);
    assert_eq!(other.json(), json!({ "apiKeys": [], "total": 0 }));
    for query in [
        "limit=-1",
        "offset=-1",
        "limit=1.5",
        "limit=x",
        "limit=NaN",
        "sortDirection=up",
    ] {
        let answer = ada.get(&format!("{KEYS}/list?{query}")).await.expect(400);
        assert_eq!(answer.json()["code"], "VALIDATION_ERROR", "{query}");
    }
}

#[testkit::test]
async fn a_key_is_updated(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.person("ada").await;
    let made = create(
        &ada,
        json!({ "name": "CI", "expiresIn": 100_000, "metadata": { "a": 1 } }),
    )
    .await;
    let update = async |changes: Value| {
        let mut body = json!({ "keyId": made["id"] });
        body.as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        post(&ada, "update", body).await
    };

    let key = update(
        json!({ "name": "New", "enabled": false, "metadata": { "b": 2 }, "userId": ada.id }),
    )
    .await
    .expect(200)
    .json();
    assert_eq!(
        (&key["name"], &key["enabled"], &key["metadata"]),
        (&json!("New"), &json!(false), &json!({ "b": 2 }))
    );
    assert_eq!(key["expiresAt"], made["expiresAt"]);
    // It is the time of the last use.
    assert_eq!(key["updatedAt"], made["updatedAt"]);
    assert!(key.get("key").is_none());
    let key = update(json!({ "expiresIn": null, "metadata": null }))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&key["expiresAt"], &key["metadata"], &key["name"]),
        (&Value::Null, &Value::Null, &json!("New"))
    );
    let key = update(json!({ "expiresIn": 200_000 }))
        .await
        .expect(200)
        .json();
    assert!(key["expiresAt"].as_str() > made["expiresAt"].as_str());

    for (changes, code, message) in [
        (json!({}), "NO_VALUES_TO_UPDATE", "No values to update."),
        (
            json!({ "nonsense": 1 }),
            "NO_VALUES_TO_UPDATE",
            "No values to update.",
        ),
        (
            json!({ "name": "" }),
            "INVALID_NAME_LENGTH",
            "The name length is either too large or too small.",
        ),
        (
            json!({ "name": "x".repeat(33) }),
            "INVALID_NAME_LENGTH",
            "The name length is either too large or too small.",
        ),
        (
            json!({ "expiresIn": 86_399 }),
            "EXPIRES_IN_IS_TOO_SMALL",
            "The expiresIn is smaller than the predefined minimum value.",
        ),
        (
            json!({ "metadata": 1 }),
            "INVALID_METADATA_TYPE",
            "metadata must be an object or undefined",
        ),
        (
            json!({ "enabled": 1 }),
            "VALIDATION_ERROR",
            "[body.enabled] Invalid input: expected boolean, received number",
        ),
    ] {
        expect_code(&update(changes).await, 400, code, message);
    }
    let answer = update(json!({ "name": "x", "userId": "somebody" })).await;
    expect_code(
        &answer,
        401,
        "UNAUTHORIZED_SESSION",
        "Unauthorized or invalid session",
    );
    let answer = post(
        &stage.app.anyone(),
        "update",
        json!({ "keyId": made["id"], "userId": ada.id, "name": "x" }),
    )
    .await;
    expect_code(
        &answer,
        401,
        "UNAUTHORIZED_SESSION",
        "Unauthorized or invalid session",
    );
    let answer = post(&ada, "update", json!({ "name": "x" })).await;
    expect_code(
        &answer,
        400,
        "VALIDATION_ERROR",
        "[body.keyId] Invalid input: expected string, received undefined",
    );
}

#[testkit::test]
async fn a_key_is_deleted(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.person("ada").await;
    let made = create(&ada, json!({})).await;

    stage.execute(r#"update "user" set banned = true"#).await;
    let answer = post(&ada, "delete", json!({ "keyId": made["id"] })).await;
    expect_code(&answer, 401, "USER_BANNED", "User is banned");
    stage.execute(r#"update "user" set banned = false"#).await;
    let answer = post(&ada, "delete", json!({ "keyId": made["id"] })).await;

    assert_eq!(answer.expect(200).text(), r#"{"success":true}"#);
    assert_eq!(stage.count("apikey").await, 0);
}

#[testkit::test]
async fn keys_of_other_users_are_not_found(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.person("ada").await;
    let bob = stage.person("bob").await;
    let id = create(&ada, json!({})).await["id"]
        .as_str()
        .unwrap()
        .to_owned();

    for id in [id.as_str(), "unknown"] {
        for answer in [
            bob.get(&format!("{KEYS}/get?id={id}")).await,
            post(&bob, "update", json!({ "keyId": id, "name": "x" })).await,
            // The key is looked up before an empty or invalid update is rejected.
            post(&bob, "update", json!({ "keyId": id })).await,
            post(&bob, "update", json!({ "keyId": id, "name": "" })).await,
            post(&bob, "delete", json!({ "keyId": id })).await,
        ] {
            expect_code(&answer, 404, "KEY_NOT_FOUND", "API Key not found");
        }
    }
    for answer in [
        stage.app.anyone().get(&format!("{KEYS}/get?id={id}")).await,
        stage.app.anyone().get(&format!("{KEYS}/list")).await,
        post(&stage.app.anyone(), "delete", json!({ "keyId": id })).await,
    ] {
        expect_code(&answer, 401, "UNAUTHORIZED", "Unauthorized");
    }
    assert_eq!(stage.count("apikey").await, 1);
}

#[testkit::test]
async fn endpoints_for_servers_have_no_route(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.person("ada").await;

    for action in ["verify", "delete-all-expired-api-keys"] {
        for method in [Method::GET, Method::POST] {
            let answer = ada.send(method, &format!("{KEYS}/{action}"), None).await;
            assert_eq!(
                (answer.status.as_u16(), answer.text().as_str()),
                (404, ""),
                "{action}"
            );
        }
    }
}
