//! Rules for every route outside of Better Auth.

use axum::http::Method;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::bundle::{Bundle, Operation, Somebody};

/// Inserts a user with a project and a comment, and signs the user in.
async fn somebody(db: &PgPool, bundle: &Bundle) -> Somebody {
    sqlx::raw_sql(
        r#"
        insert into "user" (id, name, email, "updatedAt", "githubUsername") values ('u', 'U', 'u@test.example', now(), 'u');
        insert into projects (id, title, "authorId", "updatedAt") values ('p', 'P', 'u', now());
        insert into comments (id, content, "authorId", "projectId", "updatedAt") values ('c', 'C', 'u', 'p', now());
        "#,
    )
    .execute(db)
    .await
    .unwrap();
    bundle.session("u").await
}

const THINGS: [(&str, &str); 4] = [
    ("projectId", "p"),
    ("commentId", "c"),
    ("userId", "u"),
    ("githubUsername", "u"),
];

fn ours(bundle: &Bundle) -> Vec<Operation> {
    let operations = bundle.operations().into_iter();
    operations
        .filter(|operation| operation.function != "auth")
        .collect()
}

#[testkit::test]
async fn bodies_reject_columns_that_are_not_their_fields(db: PgPool) {
    let bundle = Bundle::new(&db);
    let somebody = somebody(&db, &bundle).await;
    let columns: Vec<String> = sqlx::query_scalar(
        "select distinct column_name::text from information_schema.columns
         where table_schema = 'public' and table_name in ('user', 'projects')",
    )
    .fetch_all(&db)
    .await
    .unwrap();
    let mut bodies = 0;
    for operation in ours(&bundle) {
        let (Some(least), Some(known)) = (bundle.least(&operation), bundle.fields(&operation))
        else {
            continue;
        };
        bodies += 1;
        for column in &columns {
            if known.contains(column) {
                continue;
            }
            let mut body = least.clone();
            body[column] = Value::Null;

            let path = operation.filled(&THINGS);
            let answer = bundle
                .send_body(&somebody, &operation, &path, Some(body))
                .await;

            answer.expect_error(400, &[&format!("property {column} should not exist")]);
        }
    }
    assert!(bodies >= 6, "only {bodies} bodies");
}

#[testkit::test]
async fn unknown_and_malformed_ids_are_not_found(db: PgPool) {
    let bundle = Bundle::new(&db);
    let somebody = somebody(&db, &bundle).await;
    let long = "x".repeat(10_000);
    for operation in ours(&bundle) {
        for id in [
            "unknown",
            "%00",
            "a%00b",
            "%ff",
            "%F0%9F%A6%80",
            "'",
            &long[..256],
            &long,
        ] {
            let path = operation.filled(&THINGS.map(|(name, _)| (name, id)));
            if path == operation.path {
                continue;
            }

            let answer = bundle.send(&somebody, &operation, &path).await;

            assert_eq!(answer.status, 404, "{} {id:.20}: {answer:?}", operation.id);
            let message = answer.json()["message"].clone();
            assert!(
                [
                    "User not found",
                    "Project not found",
                    "Comment not found",
                    "File not found"
                ]
                .contains(&message.as_str().unwrap()),
                "{message}"
            );
        }
    }
}

#[testkit::test]
async fn head_and_one_trailing_slash_are_served_like_get(db: PgPool) {
    let bundle = Bundle::new(&db);
    let somebody = somebody(&db, &bundle).await;
    for operation in ours(&bundle) {
        if operation.method != Method::GET {
            continue;
        }
        let path = operation.filled(&THINGS);
        let got = bundle.send(&somebody, &operation, &path).await;
        let head = Operation {
            method: Method::HEAD,
            ..operation.clone()
        };
        let head = bundle.send(&somebody, &head, &path).await;
        let slash = format!("{}/", path.trim_end_matches('/'));
        let slashed = bundle.send(&somebody, &operation, &slash).await;

        let id = &operation.id;
        assert_eq!(head.status, got.status, "{id}");
        assert_eq!(slashed.status, got.status, "{id}");
        assert!(head.body.is_empty(), "{id}");
        for name in ["content-type", "cache-control", "vary", "link"] {
            assert_eq!(head.header(name), got.header(name), "{id} {name}");
            assert_eq!(slashed.header(name), got.header(name), "{id} {name}");
        }
        let is_json = got.header("content-type").starts_with("application/json");
        assert_eq!(
            got.header("etag").starts_with("W/\""),
            got.status == 200 && is_json,
            "{id}"
        );
    }
}

#[testkit::test]
async fn a_nul_is_rejected_in_every_text_of_every_body(db: PgPool) {
    let bundle = Bundle::new(&db);
    let somebody = somebody(&db, &bundle).await;
    for operation in ours(&bundle) {
        let (Some(least), Some(known)) = (bundle.least(&operation), bundle.fields(&operation))
        else {
            continue;
        };
        for field in known {
            let mut body = least.clone();
            body[&field] = json!("a\0b");
            if field == "projectId" {
                // An avatar has no project, so the property is unknown there.
                body["purpose"] = json!("project");
            }

            let path = operation.filled(&THINGS);
            let answer = bundle
                .send_body(&somebody, &operation, &path, Some(body))
                .await;

            let expected = format!("{field} must not contain NUL characters");
            let messages = answer.expect(400).messages();
            assert!(messages.contains(&expected), "{messages:?}");
        }
    }
}
