//! `PUT /projects/{projectId}`

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{COLUMNS, app, create, draft, number, project, sql, with_column};

const PROJECTS_COUNT: &str = r#"select "projectsCount"::int8 from "user" where id = $1"#;

#[testkit::test]
async fn absent_fields_are_kept_and_null_clears(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    let whole = json!({ "title": "A", "description": "d", "content": "c", "tags": ["a"], "language": "Go" });
    let id = create(&ada, whole).await;
    let path = format!("/projects/{id}");

    let changed = ada
        .put(&path, json!({ "title": " B " }))
        .await
        .expect(200)
        .json();
    assert_eq!(changed["title"], "B");
    assert_eq!(changed["description"], "d");
    assert_eq!(changed["tags"], json!(["a"]));

    let nulls = json!({ "description": null, "content": null, "language": null, "tags": [] });
    let cleared = ada.put(&path, nulls).await.expect(200).json();
    for field in ["description", "content", "language"] {
        assert_eq!(cleared[field], Value::Null);
    }
    assert_eq!(cleared["tags"], json!([]));
    assert_eq!(cleared["title"], "B");
    assert_eq!(ada.get(&path).await.json(), cleared);
}

#[testkit::test]
async fn the_time_moves_only_with_a_real_change(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    let id = create(
        &ada,
        json!({ "title": "A", "description": "d", "tags": ["a"] }),
    )
    .await;
    let path = format!("/projects/{id}");
    let mut last = ada.get(&path).await.json()["updatedAt"]
        .as_str()
        .unwrap()
        .to_owned();

    for same in [
        json!({}),
        json!({ "title": "A" }),
        json!({ "title": " A ", "description": "d", "tags": ["#A"], "language": "", "isPublic": true }),
    ] {
        let answer = ada.put(&path, same).await.expect(200).json();
        assert_eq!(answer["updatedAt"], last);
    }
    // The time also moves forward if the clock is behind.
    sql(
        &db,
        r#"update projects set "updatedAt" = "updatedAt" + interval '1 day'"#,
        &[],
    )
    .await;
    for title in ["B", "C", "D"] {
        let answer = ada
            .put(&path, json!({ "title": title }))
            .await
            .expect(200)
            .json();
        let time = answer["updatedAt"].as_str().unwrap().to_owned();
        assert!(time > last);
        assert!(answer["createdAt"].as_str().unwrap() < time.as_str());
        last = time;
    }
    let answer = ada
        .put(&path, json!({ "isPublic": false }))
        .await
        .expect(200)
        .json();
    assert!(answer["updatedAt"].as_str().unwrap() > last.as_str());
}

#[testkit::test]
async fn an_edit_of_an_old_version_is_rejected(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    let id = project(&ada, "0").await;
    let path = format!("/projects/{id}");
    let first = ada.get(&path).await.json()["updatedAt"].clone();

    let body = |title: &str| json!({ "title": title, "expectedUpdatedAt": first });
    let second = ada.put(&path, body("A")).await.expect(200).json()["updatedAt"].clone();
    ada.put(&path, body("B"))
        .await
        .expect_error(409, &["Project was changed by another request"]);
    assert_eq!(ada.get(&path).await.json()["title"], "A");

    ada.put(&path, json!({ "title": "C", "expectedUpdatedAt": second }))
        .await
        .expect(200);
    for wrong in [
        json!(null),
        json!(5),
        json!("yesterday"),
        json!("+100000-01-01"),
        json!(""),
    ] {
        ada.put(&path, json!({ "expectedUpdatedAt": wrong }))
            .await
            .expect_error(
                400,
                &["expectedUpdatedAt must be a valid ISO 8601 date string"],
            );
    }
}

#[testkit::test]
async fn only_the_author_edits(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let (public, private) = (project(&ada, "A").await, draft(&ada, "B").await);
    let refusal = "You can only edit your own projects";

    app.anyone()
        .put(&format!("/projects/{public}"), json!({}))
        .await
        .expect(401);
    bob.put(&format!("/projects/{public}"), json!({ "title": "x" }))
        .await
        .expect_error(403, &[refusal]);
    bob.put(&format!("/projects/{private}"), json!({ "title": "x" }))
        .await
        .expect_error(404, &["Project not found"]);
    for role in ["moderator", "admin"] {
        sql(
            &db,
            r#"update "user" set role = $2 where id = $1"#,
            &[&bob.id, role],
        )
        .await;
        bob.put(&format!("/projects/{public}"), json!({}))
            .await
            .expect_error(403, &[refusal]);
        bob.put(&format!("/projects/{private}"), json!({}))
            .await
            .expect(404);
    }
    // An invalid body is reported first.
    bob.put(&format!("/projects/{private}"), json!({ "title": "" }))
        .await
        .expect_error(400, &["title should not be empty"]);
    assert_eq!(
        ada.get(&format!("/projects/{public}")).await.json()["title"],
        "A"
    );
}

#[testkit::test]
async fn visibility_moves_the_counter_once(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    let id = project(&ada, "A").await;
    let path = format!("/projects/{id}");

    for (is_public, count) in [(true, 1), (false, 0), (false, 0), (true, 1), (true, 1)] {
        ada.put(&path, json!({ "isPublic": is_public }))
            .await
            .expect(200);
        assert_eq!(number(&db, PROJECTS_COUNT, &[&ada.id]).await, count);
    }
    ada.put(
        &path,
        json!({ "isPublic": false, "expectedUpdatedAt": "2020-01-01" }),
    )
    .await
    .expect(409);
    assert_eq!(number(&db, PROJECTS_COUNT, &[&ada.id]).await, 1);
}

#[testkit::test]
async fn updates_have_the_same_rules_and_fields(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    let id = project(&ada, "A").await;
    let path = format!("/projects/{id}");

    ada.put(
        &path,
        json!({ "title": null, "tags": "a", "isPublic": null }),
    )
    .await
    .expect_error(
        400,
        &[
            "title must be a string",
            "title should not be empty",
            "title must be shorter than or equal to 200 characters",
            "tags must be an array",
            "isPublic must be a boolean value",
        ],
    );
    for column in COLUMNS {
        let body = with_column(json!({ "title": "x" }).as_object().unwrap().clone(), column);
        let message = format!("property {column} should not exist");
        ada.put(&path, body).await.expect_error(400, &[&message]);
    }
    assert_eq!(ada.get(&path).await.json()["title"], "A");
}

#[testkit::test]
async fn rows_that_break_todays_rules_stay_readable_and_editable(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    sql(
        &db,
        r#"insert into projects (id, title, description, tags, "authorId", "updatedAt")
           values ('old', repeat('x', 300), repeat('y', 900), null, $1, '2020-01-01 00:00:00')"#,
        &[&ada.id],
    )
    .await;

    let old = ada.get("/projects/old").await.expect(200).json();
    assert_eq!(old["tags"], json!([]));
    let same = ada
        .put("/projects/old", json!({ "tags": [] }))
        .await
        .expect(200)
        .json();
    assert_eq!(same["updatedAt"], "2020-01-01T00:00:00.000Z");
    let changed = ada
        .put("/projects/old", json!({ "language": "C" }))
        .await
        .expect(200)
        .json();
    assert_eq!(changed["title"].as_str().unwrap().len(), 300);
}
