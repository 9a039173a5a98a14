//! Invalid bodies, invalid queries, and unknown ids.

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{app, comment, number, project};

const PATH: &str = "/projects/p/comments";

#[testkit::test]
async fn a_comment_must_have_content_within_its_limits(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    project(&db, "p", &ada.id, true).await;
    let edit = format!("/comments/{}", comment(&ada, "p", "x").await);

    let text = "content must be a string";
    let empty = "content should not be empty";
    let long = "content must be shorter than or equal to 5000 characters";
    let nul = "content must not contain NUL characters";
    for (content, messages) in [
        (json!(""), vec![empty]),
        (json!(" \t\n\u{a0}\u{3000}"), vec![empty]),
        (json!(null), vec![text, empty, long]),
        (json!(5), vec![text, long]),
        (json!(true), vec![text, long]),
        (json!(["x"]), vec![text, long]),
        (json!({ "x": 1 }), vec![text, long]),
        (json!("x".repeat(5_001)), vec![long]),
        (json!("🦀".repeat(5_001)), vec![long]),
        (json!("a\0b"), vec![nul]),
    ] {
        let answer = ada.post(PATH, json!({ "content": content })).await;
        answer.expect_error(400, &messages);
        let answer = ada.put(&edit, json!({ "content": content })).await;
        answer.expect_error(400, &messages);
    }
    let answer = ada.post(PATH, json!({})).await;
    answer.expect_error(400, &[text, empty, long]);
    // An invalid body is reported before a missing project.
    let answer = ada.post("/projects/none/comments", json!({})).await;
    answer.expect_error(400, &[text, empty, long]);
    for length in [1, 4_999, 5_000] {
        ada.post(PATH, json!({ "content": "é".repeat(length) }))
            .await
            .expect(201);
    }
}

#[testkit::test]
async fn columns_that_are_not_fields_are_rejected(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    project(&db, "p", &ada.id, true).await;
    let edit = format!("/comments/{}", comment(&ada, "p", "x").await);

    for column in [
        "id",
        "authorId",
        "author",
        "projectId",
        "project",
        "createdAt",
        "updatedAt",
        "isEdited",
        "likeCount",
        "userId",
        "role",
        "isPro",
        "isActive",
        "email",
        "emailVerified",
        "__proto__",
        "Content",
        "content ",
    ] {
        let refused = format!("property {column} should not exist");
        let body = json!({ "content": "y", column: "z" });
        let answer = ada.post(PATH, body.clone()).await;
        answer.expect_error(400, &[&refused]);
        let answer = ada.put(&edit, body).await;
        answer.expect_error(400, &[&refused]);
        let answer = ada.put("/notifications/read", json!({ column: "z" })).await;
        answer.expect_error(400, &[&refused]);
    }
    assert_eq!(
        number(
            &db,
            "select count(*) from comments where content = 'x'",
            &[]
        )
        .await,
        1
    );
    assert_eq!(number(&db, "select count(*) from comments", &[]).await, 1);
}

#[testkit::test]
async fn instants_are_iso_8601(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    project(&db, "p", &ada.id, true).await;
    let edit = format!("/comments/{}", comment(&ada, "p", "x").await);

    for value in [
        json!(null),
        json!(5),
        json!(""),
        json!("yesterday"),
        json!("2025-13-01"),
        json!("2025-01-15T25:00:00Z"),
        json!(["2025-01-15"]),
        json!("-9999-01-01"),
        json!("+262142-01-01"),
        json!("0000-00-00"),
    ] {
        let answer = ada.put(&edit, json!({ "expectedUpdatedAt": value })).await;
        answer.expect_error(
            400,
            &["expectedUpdatedAt must be a valid ISO 8601 date string"],
        );
        let answer = ada
            .put("/notifications/read", json!({ "before": value }))
            .await;
        answer.expect_error(400, &["before must be a valid ISO 8601 date string"]);
    }
    for value in ["0001-01-01", "9999-12-31T23:59:59.999Z"] {
        let answer = ada.put(&edit, json!({ "expectedUpdatedAt": value })).await;
        answer.expect_error(409, &["Comment was changed by another request"]);
        ada.put("/notifications/read", json!({ "before": value }))
            .await
            .expect(204);
    }
}

#[testkit::test]
async fn bodies_that_are_not_json_objects_are_rejected(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    project(&db, "p", &ada.id, true).await;
    let send = async |content_type: &str, body: &'static str| {
        let request = Request::post(PATH)
            .header("content-type", content_type)
            .body(Body::from(body))
            .unwrap();
        ada.request(request).await
    };

    for body in ["{", "[]", "null", "\"x\"", "{\"content\":\"x\"}x"] {
        let answer = send("application/json", body).await;
        answer.expect_error(400, &["Malformed JSON body"]);
    }
    for content_type in ["text/plain", "application/x-www-form-urlencoded"] {
        let answer = send(content_type, "{\"content\":\"x\"}").await;
        answer.expect_error(415, &["Content-Type must be application/json"]);
    }
    // The last of repeated keys is used.
    let answer = send("application/json", r#"{"content":5,"content":"last"}"#).await;
    assert_eq!(answer.expect(201).json()["content"], "last");
}

#[testkit::test]
async fn unknown_ids_are_not_found(db: PgPool) {
    let ada = app(&db).user("ada").await;

    for id in [
        "unknown".to_owned(),
        "%00".to_owned(),
        "%ff".to_owned(),
        "a%00b".to_owned(),
        "'; drop table likes; --".replace(' ', "%20"),
        "%25".to_owned(),
        "x".repeat(255),
        "x".repeat(256),
        "x".repeat(10_000),
        "%F0%9F%A6%80".to_owned(),
    ] {
        for (method, path, noun) in [
            (Method::GET, format!("/projects/{id}/comments"), "Project"),
            (Method::POST, format!("/projects/{id}/comments"), "Project"),
            (Method::GET, format!("/comments/{id}"), "Comment"),
            (Method::PUT, format!("/comments/{id}"), "Comment"),
            (Method::DELETE, format!("/comments/{id}"), "Comment"),
            (Method::PUT, format!("/projects/{id}/like"), "Project"),
            (Method::DELETE, format!("/projects/{id}/like"), "Project"),
            (Method::GET, format!("/projects/{id}/likes"), "Project"),
            (Method::PUT, format!("/users/{id}/follow"), "User"),
            (Method::DELETE, format!("/users/{id}/follow"), "User"),
            (Method::GET, format!("/users/{id}/followers"), "User"),
            (Method::GET, format!("/users/{id}/following"), "User"),
        ] {
            let comment = path.ends_with("comments") || path.starts_with("/comments");
            let body = match method {
                Method::POST | Method::PUT if comment => Some(json!({ "content": "x" })),
                _ => None,
            };
            let answer = ada.send(method, &path, body).await;
            answer.expect_error(404, &[&format!("{noun} not found")]);
        }
    }
}

#[testkit::test]
async fn queries_are_validated(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    project(&db, "p", &ada.id, true).await;
    let lists = [
        "/projects/p/comments".to_owned(),
        "/projects/p/likes".to_owned(),
        format!("/users/{}/followers", ada.id),
        format!("/users/{}/following", ada.id),
        "/feed".to_owned(),
        "/notifications".to_owned(),
    ];

    let integer = "limit must be an integer number";
    for path in &lists {
        for (query, message) in [
            ("limit=0", "limit must not be less than 1"),
            ("limit=-1", "limit must not be less than 1"),
            ("limit=101", "limit must not be greater than 100"),
            ("limit=x", integer),
            ("limit=", integer),
            ("limit=1.5", integer),
            ("limit=99999999999999999999", integer),
            ("cursor=", "cursor must be a valid cursor"),
            ("cursor=x", "cursor must be a valid cursor"),
            ("x=%00", "x must not contain NUL characters"),
        ] {
            let answer = ada.get(&format!("{path}?{query}")).await;
            answer.expect_error(400, &[message]);
        }
        for query in ["limit=1", "limit=100", "limit=0&limit=5", "other=1"] {
            ada.get(&format!("{path}?{query}")).await.expect(200);
        }
    }
    for (path, message) in [
        (
            "/projects/p/comments?sort=best",
            "sort must be one of the following values: oldest, newest",
        ),
        (
            "/notifications?type=share",
            "type must be one of the following values: like, comment, follow",
        ),
        (
            "/notifications?type=",
            "type must be one of the following values: like, comment, follow",
        ),
        ("/notifications?unread=1", "unread must be a boolean value"),
        (
            "/feed?tag=1&tag=2&tag=3&tag=4&tag=5&tag=6&tag=7&tag=8&tag=9&tag=10&tag=11",
            "tag must contain no more than 10 elements",
        ),
    ] {
        ada.get(path).await.expect_error(400, &[message]);
    }
    // All errors are reported at once.
    let answer = ada
        .get("/notifications?type=x&unread=x&limit=x&cursor=x")
        .await;
    assert_eq!(answer.expect(400).messages().len(), 4);
}

#[testkit::test]
async fn other_methods_and_paths_have_no_route(db: PgPool) {
    let ada = app(&db).user("ada").await;

    for (method, path) in [
        (Method::PATCH, "/comments/c"),
        (Method::POST, "/projects/p/like"),
        (Method::GET, "/projects/p/like"),
        (Method::DELETE, "/notifications/read"),
        (Method::GET, "/projects/p"),
        (Method::GET, "/comments"),
    ] {
        let answer = ada.send(method.clone(), path, None).await;
        answer.expect_error(404, &[&format!("Cannot {method} {path}")]);
    }
    let body: Option<Value> = None;
    ada.send(Method::HEAD, "/feed", body).await.expect(200);
}
