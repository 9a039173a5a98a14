//! `POST /projects`

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{COLUMNS, app, number, with_column};

const PROJECTS_COUNT: &str = r#"select "projectsCount"::int8 from "user" where id = $1"#;

#[testkit::test]
async fn a_project_is_created_and_returned_whole(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;

    let answer = ada
        .post(
            "/projects",
            json!({
                "title": "  CodeCollab ",
                "description": " Kept as it is ",
                "content": "# Hello\n",
                "tags": ["#Rust", " editor ", "rust", "C++"],
                "language": " Rust ",
            }),
        )
        .await
        .expect(201);

    let project = answer.json();
    let id = project["id"].as_str().unwrap();
    assert_eq!(answer.header("location"), format!("/projects/{id}"));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(
        project,
        json!({
            "id": id,
            "title": "CodeCollab",
            "description": " Kept as it is ",
            "content": "# Hello\n",
            "tags": ["rust", "editor", "c++"],
            "language": "Rust",
            "isPublic": true,
            "viewCount": 0,
            "likeCount": 0,
            "commentCount": 0,
            "createdAt": project["createdAt"],
            "updatedAt": project["createdAt"],
            "authorId": ada.id,
            "author": {
                "id": ada.id,
                "name": "ada",
                "image": null,
                "avatar": null,
                "githubUsername": "ada",
                "isPro": false,
                "isFollowing": false,
            },
            "isLiked": false,
            "files": [],
        })
    );
    assert_eq!(project["createdAt"].as_str().unwrap().len(), 24);
    assert_eq!(
        ada.get(answer.header("location")).await.expect(200).json(),
        project
    );
    assert_eq!(number(&db, PROJECTS_COUNT, &[&ada.id]).await, 1);
}

#[testkit::test]
async fn a_title_is_enough_and_a_draft_is_not_counted(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;

    let project = ada
        .post("/projects", json!({ "title": "A" }))
        .await
        .expect(201)
        .json();
    for field in ["description", "content", "language"] {
        assert_eq!(project[field], Value::Null);
    }
    assert_eq!(project["tags"], json!([]));

    let nulls = json!({ "title": "B", "description": null, "content": null, "language": "", "isPublic": false });
    let draft = ada.post("/projects", nulls).await.expect(201).json();
    assert_eq!(draft["isPublic"], false);
    assert_eq!(draft["language"], Value::Null);
    assert_eq!(number(&db, PROJECTS_COUNT, &[&ada.id]).await, 1);
}

#[testkit::test]
async fn an_anonymous_caller_creates_no_project(db: PgPool) {
    let anyone = app(&db).anyone();

    anyone
        .post("/projects", json!({ "title": 5 }))
        .await
        .expect_error(401, &["Unauthorized"]);
}

#[testkit::test]
async fn every_failing_rule_is_reported(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;

    let wrong = json!({
        "description": 5, "content": [], "tags": [1, "", "a b"], "language": {}, "isPublic": "yes", "likeCount": 9,
    });
    ada.post("/projects", wrong).await.expect_error(
        400,
        &[
            "title must be a string",
            "title should not be empty",
            "title must be shorter than or equal to 200 characters",
            "description must be a string",
            "description must be shorter than or equal to 500 characters",
            "content must be a string",
            "content must be shorter than or equal to 100000 characters",
            "each value in tags must be a string",
            "each value in tags must be shorter than or equal to 30 characters",
            "each value in tags should not be empty",
            "each value in tags must match TAG regular expression",
            "language must be a string",
            "language must be shorter than or equal to 50 characters",
            "isPublic must be a boolean value",
            "property likeCount should not exist",
        ],
    );
    assert_eq!(number(&db, "select count(*) from projects", &[]).await, 0);
}

#[testkit::test]
async fn lengths_are_counted_in_unicode_scalar_values(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    let text = |count: usize| "🦀".repeat(count);
    let letters = |count: usize| "é".repeat(count);

    for (body, message) in [
        (json!({ "title": text(200) }), None),
        (
            json!({ "title": text(201) }),
            Some("title must be shorter than or equal to 200 characters"),
        ),
        (json!({ "title": "a", "description": text(500) }), None),
        (
            json!({ "title": "a", "description": text(501) }),
            Some("description must be shorter than or equal to 500 characters"),
        ),
        (json!({ "title": "a", "content": text(100_000) }), None),
        (
            json!({ "title": "a", "content": text(100_001) }),
            Some("content must be shorter than or equal to 100000 characters"),
        ),
        (json!({ "title": "a", "language": text(50) }), None),
        (
            json!({ "title": "a", "language": text(51) }),
            Some("language must be shorter than or equal to 50 characters"),
        ),
        (
            json!({ "title": "a", "tags": [letters(30), format!(" #{}", "b".repeat(30))] }),
            None,
        ),
        (
            json!({ "title": "a", "tags": [letters(31)] }),
            Some("each value in tags must be shorter than or equal to 30 characters"),
        ),
        (
            json!({ "title": "a", "tags": (0..10).map(|i| i.to_string()).collect::<Vec<_>>() }),
            None,
        ),
        (
            json!({ "title": "a", "tags": (0..11).map(|i| i.to_string()).collect::<Vec<_>>() }),
            Some("tags must contain no more than 10 elements"),
        ),
        (
            json!({ "title": "a", "tags": null }),
            Some("tags must be an array"),
        ),
        (
            json!({ "title": "a", "tags": ["#"] }),
            Some("each value in tags should not be empty"),
        ),
        (
            json!({ "title": "a", "tags": ["##a"] }),
            Some("each value in tags must match TAG regular expression"),
        ),
        (
            json!({ "title": "a\u{85}b" }),
            Some("title must not contain control characters"),
        ),
        (
            json!({ "title": "a\nb" }),
            Some("title must not contain control characters"),
        ),
        (
            json!({ "title": "\u{a0}" }),
            Some("title should not be empty"),
        ),
        (
            json!({ "title": "a", "isPublic": null }),
            Some("isPublic must be a boolean value"),
        ),
        (
            json!({ "title": "a\0b" }),
            Some("title must not contain NUL characters"),
        ),
        (
            json!({ "title": "a", "content": "\0" }),
            Some("content must not contain NUL characters"),
        ),
        (json!({ "title": "a", "tags": ["a\0"] }), None),
    ] {
        let answer = ada.post("/projects", body.clone()).await;
        match message {
            None if body["tags"] == json!(["a\0"]) => {
                answer.expect_error(
                    400,
                    &[
                        "tags must not contain NUL characters",
                        "each value in tags must match TAG regular expression",
                    ],
                );
            }
            None => {
                answer.expect(201);
            }
            Some(message) => {
                answer.expect_error(400, &[message]);
            }
        }
    }
}

#[testkit::test]
async fn columns_that_are_not_fields_are_rejected(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;

    for column in COLUMNS {
        let body = with_column(json!({ "title": "a" }).as_object().unwrap().clone(), column);
        let message = format!("property {column} should not exist");
        ada.post("/projects", body)
            .await
            .expect_error(400, &[&message]);
    }
    assert_eq!(number(&db, "select count(*) from projects", &[]).await, 0);
}

#[testkit::test]
async fn a_body_must_be_a_json_object(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;

    ada.post("/projects", json!([]))
        .await
        .expect_error(400, &["Malformed JSON body"]);
    let form = axum::http::Request::post("/projects")
        .header("content-type", "text/plain")
        .body("{\"title\":\"a\"}".into())
        .unwrap();
    ada.request(form).await.expect(415);
}
