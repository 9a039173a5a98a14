//! `PUT /users/profile`

use axum::{body::Body, http::Request};
use serde_json::{Value, json};
use shared::db::measured;
use sqlx::PgPool;
use testing::Caller;

use crate::{app, project, sql};

async fn put(caller: &Caller, body: Value) -> Value {
    caller.put("/users/profile", body).await.expect(200).json()
}

#[testkit::test]
async fn fields_are_changed_and_the_account_is_returned_unwrapped(db: PgPool) {
    let ada = app(&db).user("ada").await;
    project(&db, "p", &ada.id, false).await;

    let (answer, usage) = measured(ada.put(
        "/users/profile",
        json!({
            "name": "  Ada Lovelace ", "bio": " <b>notes</b>\n", "website": "ada.dev/x",
            "location": " London ", "company": "Engines", "skills": [" Rust ", "rust", "C", "RUST", "c"],
        }),
    ))
    .await;

    let user = answer.expect(200).json();
    assert_eq!(user["name"], "Ada Lovelace");
    assert_eq!(user["bio"], " <b>notes</b>\n");
    assert_eq!(user["website"], "https://ada.dev/x");
    assert_eq!(user["location"], "London");
    assert_eq!(user["company"], "Engines");
    assert_eq!(user["skills"], json!(["Rust", "C"]));
    assert_eq!(user["privateProjectsCount"], 1);
    assert_eq!(ada.get("/users/profile").await.json()["user"], user);
    assert_eq!(usage.statements, 2);
}

#[testkit::test]
async fn absent_fields_are_kept_and_null_or_empty_ones_cleared(db: PgPool) {
    let ada = app(&db).user("ada").await;
    let full = json!({
        "bio": "b", "website": "https://w.example", "location": "l", "company": "c", "skills": ["s"],
    });
    let before = put(&ada, full.clone()).await;

    assert_eq!(put(&ada, json!({})).await, before);
    assert_eq!(
        ada.send(axum::http::Method::PUT, "/users/profile", None)
            .await
            .expect(200)
            .json(),
        before
    );

    for empty in [
        json!({"bio": null, "website": null, "location": null, "company": null, "avatar": null}),
        json!({"website": "", "location": " ", "company": ""}),
    ] {
        put(&ada, full.clone()).await;
        let after = put(&ada, empty.clone()).await;
        for (field, _) in empty.as_object().unwrap() {
            assert_eq!(after[field], Value::Null, "{field} after {empty}");
        }
        assert_eq!(after["skills"], json!(["s"]));
    }
    assert_eq!(put(&ada, json!({"skills": []})).await["skills"], json!([]));
    assert_eq!(put(&ada, json!({"bio": ""})).await["bio"], "");
}

#[testkit::test]
async fn updated_at_moves_forward_with_real_changes_only(db: PgPool) {
    let ada = app(&db).user("ada").await;
    let first = put(&ada, json!({"bio": "a", "skills": ["x"]})).await;

    let same = put(
        &ada,
        json!({"bio": "a", "name": "ada", "skills": ["x"], "avatar": null}),
    )
    .await;
    assert_eq!(same["updatedAt"], first["updatedAt"]);

    // `updatedAt` also moves forward if the clock is behind.
    sql(
        &db,
        r#"update "user" set "updatedAt" = '2999-12-31 23:59:59.999' where id = $1"#,
        &[&ada.id],
    )
    .await;
    let after = put(&ada, json!({"bio": "b"})).await;
    assert_eq!(after["updatedAt"], "3000-01-01T00:00:00.000Z");
}

#[testkit::test]
async fn control_characters_in_names_are_rejected(db: PgPool) {
    let ada = app(&db).user("ada").await;
    for name in ["a\u{7}b", "a\nb", "a\u{85}b", "a\u{202e}b", "a\u{2066}b"] {
        let answer = ada.put("/users/profile", json!({ "name": name })).await;
        answer.expect_error(400, &["name must not contain control characters"]);
    }
    let answer = ada.put("/users/profile", json!({ "name": "हिन्दी" })).await;
    assert_eq!(answer.expect(200).json()["name"], "हिन्दी");
}

#[testkit::test]
async fn every_failing_rule_is_reported_and_nothing_is_written(db: PgPool) {
    let ada = app(&db).user("ada").await;
    let before = ada.get("/users/profile").await.json();

    let answer = ada
        .put(
            "/users/profile",
            json!({
                "name": " ", "bio": 5, "website": "ftp://x.example", "location": ["x"],
                "company": "c".repeat(256), "skills": ["", 7, "s".repeat(51)], "avatar": 1, "isPro": true,
            }),
        )
        .await;

    answer.expect_error(
        400,
        &[
            "name should not be empty",
            "bio must be a string",
            "bio must be shorter than or equal to 500 characters",
            "website must be a URL address",
            "location must be a string",
            "location must be shorter than or equal to 255 characters",
            "company must be shorter than or equal to 255 characters",
            "each value in skills should not be empty",
            "each value in skills must be a string",
            "each value in skills must be shorter than or equal to 50 characters",
            "avatar must be a string",
            "property isPro should not exist",
        ],
    );
    let answer = ada
        .put(
            "/users/profile",
            json!({"bio": "hi", "isPro": true, "followersCount": 9999, "email": "x@y.z"}),
        )
        .await;
    answer.expect_error(
        400,
        &[
            "property isPro should not exist",
            "property followersCount should not exist",
            "property email should not exist",
        ],
    );
    assert_eq!(ada.get("/users/profile").await.json(), before);
}

#[testkit::test]
async fn columns_that_are_not_fields_are_rejected(db: PgPool) {
    let ada = app(&db).user("ada").await;
    let before = ada.get("/users/profile").await.json();

    for column in [
        "id",
        "email",
        "emailVerified",
        "image",
        "createdAt",
        "updatedAt",
        "provider",
        "providerId",
        "githubUsername",
        "projectsCount",
        "followersCount",
        "followingCount",
        "isActive",
        "isPro",
        "role",
        "banned",
        "banReason",
        "banExpires",
        "privateProjectsCount",
        "sessions",
        "accounts",
        "title",
        "description",
        "content",
        "tags",
        "language",
        "isPublic",
        "viewCount",
        "likeCount",
        "authorId",
        "author",
        "comments",
        "likes",
        "projects",
        "followers",
        "following",
        "__proto__",
    ] {
        let answer = ada
            .put("/users/profile", json!({"bio": "x", column: null}))
            .await;
        answer.expect_error(400, &[&format!("property {column} should not exist")]);
    }
    assert_eq!(ada.get("/users/profile").await.json(), before);
}

#[testkit::test]
async fn lengths_are_bounded_in_unicode_scalar_values(db: PgPool) {
    let ada = app(&db).user("ada").await;

    for (field, max) in [
        ("name", 255),
        ("bio", 500),
        ("location", 255),
        ("company", 255),
    ] {
        let text = "🦀".repeat(max);
        assert_eq!(put(&ada, json!({field: text})).await[field], text);
        let answer = ada
            .put("/users/profile", json!({field: "🦀".repeat(max + 1)}))
            .await;
        answer.expect_error(
            400,
            &[&format!(
                "{field} must be shorter than or equal to {max} characters"
            )],
        );
    }
    put(&ada, json!({"name": "x"})).await;

    let website = format!("https://ada.dev/{}", "p".repeat(239));
    assert_eq!(
        put(&ada, json!({"website": website})).await["website"],
        website
    );
    for website in [
        format!("{website}p"),
        format!("ada.dev/{}", "p".repeat(240)),
    ] {
        let answer = ada.put("/users/profile", json!({"website": website})).await;
        answer.expect_error(
            400,
            &["website must be shorter than or equal to 255 characters"],
        );
    }

    let skill = "ü".repeat(50);
    assert_eq!(
        put(&ada, json!({"skills": [skill]})).await["skills"],
        json!([skill])
    );
    let answer = ada
        .put("/users/profile", json!({"skills": [format!("{skill}ü")]}))
        .await;
    answer.expect_error(
        400,
        &["each value in skills must be shorter than or equal to 50 characters"],
    );
    let skills = |n: usize| (0..n).map(|i| format!("skill {i}")).collect::<Vec<_>>();
    assert_eq!(
        put(&ada, json!({"skills": skills(30)})).await["skills"],
        json!(skills(30))
    );
    let answer = ada
        .put("/users/profile", json!({"skills": skills(31)}))
        .await;
    answer.expect_error(400, &["skills must contain no more than 30 elements"]);
}

#[testkit::test]
async fn null_and_other_types_are_rejected(db: PgPool) {
    let ada = app(&db).user("ada").await;

    for value in [json!(null), json!(5), json!({}), json!([])] {
        let answer = ada.put("/users/profile", json!({"name": value})).await;
        let messages = answer.expect(400).messages();
        assert!(
            messages.contains(&"name must be a string".to_owned()),
            "{messages:?}"
        );
    }
    for value in [json!(null), json!("Rust"), json!({"0": "Rust"}), json!(1)] {
        let answer = ada.put("/users/profile", json!({"skills": value})).await;
        answer.expect_error(400, &["skills must be an array"]);
    }
    for body in ["[]", "\"x\"", "null", "{", "{\"bio\":\"\\ud800\"}"] {
        let request = Request::put("/users/profile")
            .header("content-type", "application/json")
            .body(Body::from(body))
            .unwrap();
        let answer = ada.request(request).await;
        answer.expect_error(400, &["Malformed JSON body"]);
    }
}

#[testkit::test]
async fn nul_is_rejected(db: PgPool) {
    let ada = app(&db).user("ada").await;

    for (field, value) in [
        ("name", json!("a\0b")),
        ("bio", json!("\0")),
        ("skills", json!(["a\0"])),
        ("avatar", json!("\0")),
    ] {
        let answer = ada.put("/users/profile", json!({field: value})).await;
        answer.expect_error(400, &[&format!("{field} must not contain NUL characters")]);
    }
}

#[testkit::test]
async fn the_last_of_repeated_keys_is_used(db: PgPool) {
    let ada = app(&db).user("ada").await;
    let request = Request::put("/users/profile")
        .header("content-type", "application/json")
        .body(Body::from(r#"{"bio": 5, "bio": "last"}"#))
        .unwrap();

    assert_eq!(ada.request(request).await.expect(200).json()["bio"], "last");
}

#[testkit::test]
async fn text_with_special_characters_is_stored_unchanged(db: PgPool) {
    let ada = app(&db).user("ada").await;
    let odd = r#"'"\ {a,b} null $1 %s <script>alert(1)</script>"#;

    let user = put(
        &ada,
        json!({"name": odd, "bio": odd, "skills": [odd, "null", "{}", "a,b"]}),
    )
    .await;

    assert_eq!(user["name"], odd);
    assert_eq!(user["bio"], odd);
    assert_eq!(user["skills"], json!([odd, "null", "{}", "a,b"]));
}

#[testkit::test]
async fn an_avatar_must_be_a_ready_upload_of_the_caller_or_unchanged(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    let bob = app.user("bob").await;
    project(&db, "p", &ada.id, true).await;
    for (id, user, purpose, status) in [
        ("mine", &ada, "avatar", "ready"),
        ("pending", &ada, "avatar", "pending"),
        ("project", &ada, "project", "ready"),
        ("theirs", &bob, "avatar", "ready"),
    ] {
        sql(
            &db,
            r#"insert into upload (id, "userId", "projectId", purpose, filename, "contentType", size, status, "updatedAt")
               values ($1, $2, case when $3 = 'project' then 'p' end, $3, 'a.png', 'image/png', 1, $4, now())"#,
            &[id, &user.id, purpose, status],
        )
        .await;
    }
    let base = "http://localhost:3001";

    for avatar in [
        format!("{base}/uploads/mine/content"),
        format!("{base}/images/mine"),
    ] {
        assert_eq!(put(&ada, json!({"avatar": avatar})).await["avatar"], avatar);
    }
    for avatar in [
        format!("{base}/uploads/pending/content"),
        format!("{base}/uploads/project/content"),
        format!("{base}/uploads/theirs/content"),
        format!("{base}/images/theirs"),
        format!("{base}/images/unknown"),
        format!("{base}/images/"),
        format!("{base}/images/mine?w=16"),
        format!("{base}/uploads/mine"),
        "https://evil.example/images/mine".to_owned(),
        format!("{base}.evil.example/images/mine"),
        "/images/mine".to_owned(),
        String::new(),
    ] {
        let answer = ada
            .put("/users/profile", json!({"avatar": avatar, "bio": "never"}))
            .await;
        answer.expect_error(400, &["avatar must be one of your uploads"]);
    }
    assert_eq!(
        ada.get("/users/profile").await.json()["user"]["bio"],
        Value::Null
    );

    sql(
        &db,
        r#"update "user" set avatar = 'https://old.example/a.png' where id = $1"#,
        &[&ada.id],
    )
    .await;
    let kept = put(
        &ada,
        json!({"avatar": "https://old.example/a.png", "bio": "b"}),
    )
    .await;
    assert_eq!(kept["bio"], "b");
    assert_eq!(
        put(&ada, json!({"avatar": null})).await["avatar"],
        Value::Null
    );
    let answer = ada
        .put(
            "/users/profile",
            json!({"avatar": "https://old.example/a.png"}),
        )
        .await;
    answer.expect_error(400, &["avatar must be one of your uploads"]);
}

#[testkit::test]
async fn addresses_of_uploads_follow_the_public_address(db: PgPool) {
    let app = testing::App::configured(
        users::api(),
        db.clone(),
        &[("PUBLIC_API_URL", "https://cdn.example/api/")],
    );
    let ada = app.user("ada").await;
    sql(
        &db,
        r#"insert into upload (id, "userId", purpose, filename, "contentType", size, status, "updatedAt")
           values ('mine', $1, 'avatar', 'a.png', 'image/png', 1, 'ready', now())"#,
        &[&ada.id],
    )
    .await;

    put(
        &ada,
        json!({"avatar": "https://cdn.example/api/images/mine"}),
    )
    .await;
    let answer = ada
        .put(
            "/users/profile",
            json!({"avatar": "http://localhost:3001/images/mine"}),
        )
        .await;
    answer.expect_error(400, &["avatar must be one of your uploads"]);
}
