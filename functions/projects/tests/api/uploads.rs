//! `/uploads` without a storage: validation, quotas and visibility.

use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::PgPool;
use testing::{App, Caller, HIDDEN, Log, SHOWN};
use tracing::Level;

use crate::{app, draft, each, number, project, sql};

const IMAGES: &str = "image/png, image/jpeg, image/webp, image/gif";
const ALL: &str = "image/png, image/jpeg, image/webp, image/gif, application/pdf, text/plain, text/markdown, application/zip";

/// The projects group with a storage at which nothing listens. Creating an upload sends no request.
fn with_storage(db: &PgPool) -> App {
    let variables = [
        ("S3_BUCKET", "cave"),
        ("S3_ENDPOINT", "http://127.0.0.1:1"),
        ("S3_KEY", "key"),
        ("S3_SECRET", "secret"),
    ];
    App::configured(projects::api(), db.clone(), &variables)
}

fn avatar() -> Value {
    json!({ "purpose": "avatar", "filename": "me.png", "contentType": "image/png", "size": 5 })
}

fn of_project(id: &str) -> Value {
    json!({ "purpose": "project", "projectId": id, "filename": "a.pdf", "contentType": "application/pdf", "size": 5 })
}

/// Inserts a file with id, owner, project or an empty text, content type, status, and age in hours.
pub async fn insert(db: &PgPool, file: [&str; 6]) {
    sql(
        db,
        r#"insert into upload (id, "userId", "projectId", purpose, filename, "contentType", size, status, "createdAt", "updatedAt")
           values ($1, $2, nullif($3, ''), case when $3 = '' then 'avatar' else 'project' end, $1, $4, 5, $5,
               now() at time zone 'utc' - interval '1 hour' * $6::int, now() at time zone 'utc')"#,
        &file,
    )
    .await;
}

#[testkit::test]
async fn every_rule_of_a_new_file_is_enforced(db: PgPool) {
    let app = with_storage(&db);
    let ada = app.user("ada").await;
    let id = project(&ada, "A").await;
    let one_of = |words: &str| format!("contentType must be one of the following values: {words}");
    let cases: [(Value, &[&str]); 15] = [
        (
            json!({}),
            &[
                "purpose must be one of the following values: avatar, project",
                "filename must be a string",
                "filename should not be empty",
                "filename must be shorter than or equal to 255 characters",
                &one_of(ALL),
                "size must be an integer number",
            ],
        ),
        (json!({"size": 0}), &["size must not be less than 1"]),
        (
            json!({"size": 10_485_761}),
            &["size must not be greater than 10485760"],
        ),
        (json!({"size": 1.5}), &["size must be an integer number"]),
        (json!({"contentType": "image/svg+xml"}), &[&one_of(ALL)]),
        (json!({"contentType": "text/html"}), &[&one_of(ALL)]),
        (json!({"filename": "  "}), &["filename should not be empty"]),
        (
            json!({"filename": "a".repeat(256)}),
            &["filename must be shorter than or equal to 255 characters"],
        ),
        (
            json!({"filename": "../etc/passwd"}),
            &["filename must not contain slashes, backslashes or control characters"],
        ),
        (
            json!({"filename": "a\u{202e}gnp.exe"}),
            &["filename must not contain slashes, backslashes or control characters"],
        ),
        (
            json!({"projectId": null}),
            &[
                "projectId must be a string",
                "projectId should not be empty",
            ],
        ),
        (
            json!({"purpose": "avatar"}),
            &["property projectId should not exist", &one_of(IMAGES)],
        ),
        (
            json!({"purpose": "avatar", "contentType": "image/gif", "projectId": null}),
            &["property projectId should not exist"],
        ),
        (
            json!({"purpose": "avatar", "contentType": "image/gif"}),
            &["property projectId should not exist"],
        ),
        (
            json!({"status": "ready"}),
            &["property status should not exist"],
        ),
    ];
    for (changes, messages) in cases {
        let mut body = of_project(&id);
        if changes == json!({}) {
            body = json!({});
        }
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        ada.post("/uploads", body).await.expect_error(400, messages);
    }
    for name in [
        "👋".repeat(255),
        " a\"b'; .png ".to_owned(),
        "..".to_owned(),
    ] {
        let mut body = avatar();
        body["filename"] = json!(name);
        let answer = ada.post("/uploads", body).await.expect(201);
        assert_eq!(answer.json()["file"]["filename"], name.trim());
    }
    assert_eq!(number(&db, "select count(*) from upload", &[]).await, 3);
}

#[testkit::test]
async fn a_new_file_is_pending_and_has_an_address_to_upload_to(db: PgPool) {
    let app = with_storage(&db);
    let ada = app.user("ada").await;
    let id = project(&ada, "A").await;

    let answer = ada.post("/uploads", of_project(&id)).await.expect(201);
    let made = answer.json();
    let file = made["file"]["id"].as_str().unwrap();
    assert_eq!(answer.header("location"), format!("/uploads/{file}"));
    assert_eq!(answer.header("cache-control"), "no-store");
    let expected = json!({
        "id": file, "purpose": "project", "projectId": id, "filename": "a.pdf", "contentType": "application/pdf",
        "size": 5, "width": null, "height": null, "status": "pending",
        "url": format!("http://localhost:3001/uploads/{file}/content"), "imageUrl": null,
        "createdAt": made["file"]["createdAt"],
    });
    assert_eq!(made["file"], expected);
    let upload = &made["upload"];
    assert_eq!(upload["method"], "PUT");
    assert_eq!(
        upload["headers"],
        json!({ "Content-Type": "application/pdf" })
    );
    let url = upload["url"].as_str().unwrap();
    assert!(
        url.starts_with(&format!("http://127.0.0.1:1/cave/pending/{file}?")),
        "{url}"
    );
    assert!(
        url.contains("X-Amz-Expires=600") && url.contains("content-length%3Bcontent-type%3Bhost"),
        "{url}"
    );
    assert!(!url.contains("secret"), "{url}");
    let seconds = number(
        &db,
        "select extract(epoch from $1::timestamp - now() at time zone 'utc')::int8",
        &[upload["expiresAt"].as_str().unwrap().trim_end_matches('Z')],
    )
    .await;
    assert!((590..=600).contains(&seconds), "{seconds}");

    let path = format!("/uploads/{file}");
    assert_eq!(ada.get(&path).await.expect(200).json(), expected);
    for other in [app.user("bob").await, app.anyone()] {
        other
            .get(&path)
            .await
            .expect_error(404, &["File not found"]);
    }
    for path in [format!("{path}/content"), format!("/images/{file}")] {
        ada.get(&path).await.expect_error(404, &["File not found"]);
    }
}

#[testkit::test]
async fn files_cannot_be_added_to_the_project_of_another_user(db: PgPool) {
    let app = with_storage(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    for id in [
        project(&ada, "A").await,
        draft(&ada, "B").await,
        "unknown".to_owned(),
    ] {
        bob.post("/uploads", of_project(&id))
            .await
            .expect_error(404, &["Project not found"]);
    }
    app.anyone().post("/uploads", avatar()).await.expect(401);
}

#[testkit::test]
async fn quotas_hold_under_concurrent_requests(db: PgPool) {
    let app = with_storage(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    sql(
        &db,
        r#"update "user" set "isPro" = true where id = $1"#,
        &[&bob.id],
    )
    .await;
    let statuses = async |caller: &Caller, body: &Value, count: usize| {
        let answers = join_all((0..count).map(|_| caller.post("/uploads", body.clone()))).await;
        let mut statuses: Vec<u16> = answers
            .iter()
            .map(|answer| answer.status.as_u16())
            .collect();
        statuses.sort_unstable();
        statuses
    };
    let expected = |made: usize, refused: usize| [vec![201; made], vec![409; refused]].concat();

    let id = project(&ada, "A").await;
    assert_eq!(statuses(&ada, &of_project(&id), 8).await, expected(3, 5));
    ada.post("/uploads", of_project(&id))
        .await
        .expect_error(409, &["Project cannot have more files"]);

    // A user may have ten pending files in total, and a project 15 files.
    let id = project(&bob, "B").await;
    assert_eq!(statuses(&bob, &of_project(&id), 12).await, expected(10, 2));
    bob.post("/uploads", avatar())
        .await
        .expect_error(409, &["Too many uploads are pending"]);
    sql(&db, "update upload set status = 'ready'", &[]).await;
    assert_eq!(statuses(&bob, &of_project(&id), 7).await, expected(5, 2));

    sql(&db, "delete from upload", &[]).await;
    assert_eq!(statuses(&ada, &avatar(), 12).await, expected(10, 2));
    sql(&db, "update upload set status = 'ready'", &[]).await;
    ada.post("/uploads", avatar())
        .await
        .expect_error(409, &["You cannot have more avatars"]);
}

#[testkit::test]
async fn a_pending_file_expires_after_24_hours(db: PgPool) {
    let app = with_storage(&db);
    let ada = app.user("ada").await;
    let id = project(&ada, "A").await;
    for (file, age) in [("a", "25"), ("b", "25"), ("c", "23")] {
        insert(&db, [file, &ada.id, &id, "image/png", "pending", age]).await;
    }
    for path in [format!("/projects/{id}/files"), format!("/projects/{id}")] {
        let answer = ada.get(&path).await.expect(200).json();
        let files = answer.get("files").unwrap_or(&answer);
        assert_eq!(each(files, "id"), ["c"], "{path}");
    }
    ada.get("/uploads/a")
        .await
        .expect_error(404, &["File not found"]);
    ada.delete("/uploads/a")
        .await
        .expect_error(404, &["File not found"]);
    ada.send(axum::http::Method::POST, "/uploads/a/complete", None)
        .await
        .expect_error(404, &["File not found"]);
    // An expired file does not count against the quota.
    for _ in 0..2 {
        ada.post("/uploads", of_project(&id)).await.expect(201);
    }
    ada.post("/uploads", of_project(&id)).await.expect(409);
}

#[testkit::test]
async fn without_a_storage_only_metadata_is_served(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    insert(&db, ["f", &ada.id, "", "image/png", "ready", "1"]).await;
    insert(&db, ["p", &ada.id, "", "image/png", "pending", "1"]).await;

    ada.post("/uploads", json!({})).await.expect(400);
    let refused = ada
        .post("/uploads", avatar())
        .await
        .expect_error(503, &["Service Unavailable"]);
    assert_eq!(refused.header("retry-after"), "5");
    for id in ["f", "p"] {
        let path = format!("/uploads/{id}/complete");
        ada.post(&path, json!({}))
            .await
            .expect_error(503, &["Service Unavailable"]);
    }
    for caller in [&ada, &bob, &app.anyone()] {
        assert_eq!(caller.get("/uploads/f").await.expect(200).json()["id"], "f");
        caller
            .get("/uploads/f/content")
            .await
            .expect_error(503, &["Service Unavailable"]);
        caller
            .get("/images/f")
            .await
            .expect_error(503, &["Service Unavailable"]);
    }
    ada.delete("/uploads/f").await.expect(204);
    ada.delete("/uploads/f")
        .await
        .expect_error(404, &["File not found"]);
}

#[testkit::test]
async fn files_are_visible_with_their_project_and_avatars_with_their_owner(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let (open, closed) = (project(&ada, "A").await, draft(&ada, "B").await);
    insert(&db, ["open", &ada.id, &open, "image/png", "ready", "1"]).await;
    insert(&db, ["closed", &ada.id, &closed, "image/png", "ready", "1"]).await;
    insert(&db, ["avatar", &ada.id, "", "image/png", "ready", "1"]).await;
    sql(
        &db,
        r#"update "user" set role = 'admin' where id = $1"#,
        &[&bob.id],
    )
    .await;

    for path in ["/uploads/ID", "/uploads/ID/content", "/images/ID"] {
        for caller in [&bob, &app.anyone()] {
            let status = async |id: &str| {
                let answer = caller.get(&path.replace("ID", id)).await;
                answer.status.as_u16() != 404
            };
            assert!(status("open").await && status("avatar").await && !status("closed").await);
            for (hide, show) in HIDDEN.into_iter().zip(SHOWN) {
                sql(&db, hide, &[&ada.id]).await;
                assert!(
                    !status("open").await && !status("avatar").await,
                    "{path} {hide}"
                );
                sql(&db, show, &[&ada.id]).await;
                assert!(
                    status("open").await && status("avatar").await,
                    "{path} {show}"
                );
            }
            sql(
                &db,
                "update \"user\" set banned = false, \"banExpires\" = null",
                &[],
            )
            .await;
        }
        ada.get(&path.replace("ID", "closed"))
            .await
            .expect(if path == "/uploads/ID" { 200 } else { 503 });
    }
}

#[testkit::test]
async fn only_the_owner_completes_and_only_the_owner_or_staff_deletes(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let (open, closed) = (project(&ada, "A").await, draft(&ada, "B").await);
    insert(&db, ["open", &ada.id, &open, "image/png", "ready", "1"]).await;
    insert(&db, ["closed", &ada.id, &closed, "image/png", "ready", "1"]).await;
    insert(&db, ["avatar", &ada.id, "", "image/png", "ready", "1"]).await;
    insert(&db, ["pending", &ada.id, "", "image/png", "pending", "1"]).await;
    let complete = async |id: &str| {
        bob.post(&format!("/uploads/{id}/complete"), json!({}))
            .await
    };
    let delete = async |id: &str| bob.delete(&format!("/uploads/{id}")).await;
    let yours = &["You can only change your own files"][..];
    let missing = &["File not found"][..];

    for id in ["open", "avatar"] {
        complete(id).await.expect_error(403, yours);
        delete(id).await.expect_error(403, yours);
    }
    for id in ["closed", "pending", "unknown"] {
        complete(id).await.expect_error(404, missing);
        delete(id).await.expect_error(404, missing);
    }

    sql(
        &db,
        r#"update "user" set role = 'moderator' where id = $1"#,
        &[&bob.id],
    )
    .await;
    let log = Log::capture(Level::INFO);
    for id in ["open", "avatar"] {
        complete(id).await.expect_error(403, yours);
        delete(id).await.expect(204);
        let lines = log.take_audit();
        assert!(
            lines.len() == 1 && lines[0].contains("file.delete"),
            "{lines:?}"
        );
    }
    for id in ["closed", "pending"] {
        delete(id).await.expect_error(404, missing);
        ada.delete(&format!("/uploads/{id}")).await.expect(204);
    }
    assert!(log.take_audit().is_empty());
    assert_eq!(number(&db, "select count(*) from upload", &[]).await, 0);
}

#[testkit::test]
async fn deleting_an_avatar_clears_it_in_the_profile(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    for address in ["images/f", "uploads/f/content", "images/other"] {
        insert(&db, ["f", &ada.id, "", "image/png", "ready", "1"]).await;
        let url = format!("http://localhost:3001/{address}");
        sql(
            &db,
            r#"update "user" set avatar = $2 where id = $1"#,
            &[&ada.id, &url],
        )
        .await;

        ada.delete("/uploads/f").await.expect(204);

        let kept = number(
            &db,
            r#"select count(*) from "user" where avatar is not null"#,
            &[],
        )
        .await;
        assert_eq!(kept, i64::from(address == "images/other"), "{address}");
    }
}

#[testkit::test]
async fn every_deletion_of_a_file_records_its_objects(db: PgPool) {
    let app = app(&db);
    let expected = ["files/f", "images/f/64xany-inside.png", "pending/f"];
    for how in ["file", "project", "account"] {
        let ada = app.user("ada").await;
        let id = project(&ada, "A").await;
        insert(&db, ["f", &ada.id, &id, "image/png", "ready", "1"]).await;
        sql(
            &db,
            "insert into picture values ('f', '64xany-inside.png', 5, now() at time zone 'utc')",
            &[],
        )
        .await;
        match how {
            "file" => ada.delete("/uploads/f").await.expect(204).status,
            "project" => {
                ada.delete(&format!("/projects/{id}"))
                    .await
                    .expect(204)
                    .status
            }
            _ => {
                sql(&db, "select delete_account($1)", &[&ada.id]).await;
                axum::http::StatusCode::OK
            }
        };
        let keys: Vec<String> = sqlx::query_scalar(r#"delete from "objectRemoval" returning key"#)
            .fetch_all(&db)
            .await
            .unwrap();
        let mut keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, expected, "{how}");
    }
}
