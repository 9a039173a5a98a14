//! `GET /users/{userId}/contributions`

use chrono::{Days, Utc};
use serde_json::json;
use shared::db::measured;
use sqlx::PgPool;

use crate::{app, project, sql};

async fn project_at(db: &PgPool, id: &str, author: &str, is_public: bool, at: &str) {
    project(db, id, author, is_public).await;
    sql(
        db,
        r#"update projects set "createdAt" = $2::timestamp where id = $1"#,
        &[id, at],
    )
    .await;
}

async fn comment_at(db: &PgPool, id: &str, author: &str, project: &str, at: &str) {
    sql(
        db,
        r#"insert into comments (id, content, "authorId", "projectId", "createdAt", "updatedAt")
           values ($1, 'Nice', $2, $3, $4::timestamp, now())"#,
        &[id, author, project, at],
    )
    .await;
}

#[testkit::test]
async fn days_count_public_projects_and_comments_on_them(db: PgPool) {
    let app = app(&db);
    app.insert_user("ada", "Ada").await;
    app.insert_user("bob", "Bob").await;
    project_at(&db, "open", "ada", true, "2024-03-01 00:00:00").await;
    project_at(&db, "draft", "ada", false, "2024-03-01 12:00:00").await;
    project_at(&db, "late", "ada", true, "2024-03-31 23:59:59.999").await;
    project_at(&db, "early", "ada", true, "2024-02-29 23:59:59.999").await;
    project_at(&db, "after", "ada", true, "2024-04-01 00:00:00").await;
    project_at(&db, "theirs", "bob", true, "2024-03-05 00:00:00").await;
    comment_at(&db, "1", "ada", "theirs", "2024-03-05 08:00:00").await;
    comment_at(&db, "2", "ada", "open", "2024-03-05 09:00:00").await;
    comment_at(&db, "3", "ada", "draft", "2024-03-05 10:00:00").await;
    comment_at(&db, "4", "bob", "open", "2024-03-05 11:00:00").await;

    let path = "/users/ada/contributions?from=2024-03-01&to=2024-03-31";
    let (answer, usage) = measured(app.anyone().get(path)).await;

    assert_eq!(
        answer.expect(200).json(),
        json!({"from": "2024-03-01", "to": "2024-03-31", "total": 4, "days": [
            {"date": "2024-03-01", "count": 1},
            {"date": "2024-03-05", "count": 2},
            {"date": "2024-03-31", "count": 1},
        ]})
    );
    assert_eq!(usage.statements, 2);
}

#[testkit::test]
async fn the_last_371_days_are_the_default(db: PgPool) {
    let app = app(&db);
    app.insert_user("ada", "Ada").await;
    let today = Utc::now().date_naive();

    let answer = app
        .anyone()
        .get("/users/ada/contributions")
        .await
        .expect(200)
        .json();
    assert_eq!(
        answer,
        json!({"from": today - Days::new(371), "to": today, "total": 0, "days": []})
    );
    let answer = app
        .anyone()
        .get("/users/ada/contributions?to=2025-01-15")
        .await
        .json();
    assert_eq!(
        (&answer["from"], &answer["to"]),
        (&json!("2024-01-10"), &json!("2025-01-15"))
    );
    let from = today - Days::new(3);
    let path = format!("/users/ada/contributions?from={from}");
    let answer = app.anyone().get(&path).await.expect(200).json();
    assert_eq!(
        (&answer["from"], &answer["to"]),
        (&json!(from), &json!(today))
    );
}

#[testkit::test]
async fn the_range_is_validated(db: PgPool) {
    let app = app(&db);
    app.insert_user("ada", "Ada").await;
    let get = async |query: &str| {
        let path = format!("/users/ada/contributions?{query}");
        app.anyone().get(&path).await
    };

    get("from=2024-01-10&to=2025-01-15").await.expect(200);
    get("from=2025-01-15&to=2025-01-15").await.expect(200);
    get("from=x&from=2025-01-15&to=2025-01-15")
        .await
        .expect(200);
    let oldest = get("to=0000-01-01").await.expect(200).json();
    assert_eq!(oldest["from"], "0000-01-01");
    get("from=9999-12-31&to=9999-12-31").await.expect(200);
    for (query, message) in [
        (
            "from=2024-01-09&to=2025-01-15",
            "to must not be more than 371 days after from",
        ),
        (
            "from=2020-01-01",
            "to must not be more than 371 days after from",
        ),
        (
            "from=2025-01-16&to=2025-01-15",
            "from must not be later than to",
        ),
        ("from=9999-12-31", "from must not be later than to"),
        (
            "from=&to=2025-01-15",
            "from must be a valid ISO 8601 date string",
        ),
        (
            "from=2025-02-29&to=2025-03-01",
            "from must be a valid ISO 8601 date string",
        ),
        (
            "from=2025-1-5&to=2025-01-06",
            "from must be a valid ISO 8601 date string",
        ),
        ("to=yesterday", "to must be a valid ISO 8601 date string"),
        (
            "to=2025-01-15T00:00:00.000Z",
            "to must be a valid ISO 8601 date string",
        ),
        (
            "to=%2B12025-01-1",
            "to must be a valid ISO 8601 date string",
        ),
        ("to=-200-01-01", "to must be a valid ISO 8601 date string"),
    ] {
        get(query).await.expect_error(400, &[message]);
    }
    get("from=x&to=y").await.expect_error(
        400,
        &[
            "from must be a valid ISO 8601 date string",
            "to must be a valid ISO 8601 date string",
        ],
    );
    let answer = get("from=%00").await.expect(400).messages();
    assert!(answer.contains(&"from must not contain NUL characters".to_owned()));
}

#[testkit::test]
async fn unknown_users_are_not_found(db: PgPool) {
    let anyone = app(&db).anyone();

    anyone
        .get("/users/unknown/contributions")
        .await
        .expect_error(404, &["User not found"]);
    anyone
        .get("/users/profile/contributions")
        .await
        .expect_error(404, &["User not found"]);
    anyone
        .get("/users/unknown/contributions?from=x")
        .await
        .expect(400);
}
