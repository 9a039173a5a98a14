//! Erasure: after a deletion, no column of any table contains a trace of the deleted object.

use axum::http::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};
use testing::{Caller, number, sql};

use crate::bundle::{Bundle, Somebody};

/// Returns the columns with text or JSON, of all tables, that contain a text.
async fn traces(db: &PgPool, text: &str) -> Vec<String> {
    let columns: Vec<(String, String)> = sqlx::query_as(
        "select table_name::text, column_name::text
         from information_schema.columns
         join information_schema.tables using (table_schema, table_name)
         where table_schema = 'public' and table_type = 'BASE TABLE'
             and data_type in ('text', 'character varying', 'character', 'json', 'jsonb', 'xml', 'name', 'ARRAY', 'USER-DEFINED')",
    )
    .fetch_all(db)
    .await
    .unwrap();
    assert!(columns.len() > 50, "only {} columns", columns.len());
    let mut found = Vec::new();
    for (table, column) in columns {
        // This table has the keys of objects that the scheduled job deletes. They contain ids of files, which this test makes
        // from the owner's id.
        if table == "objectRemoval" {
            continue;
        }
        let query =
            format!(r#"select count(*) from "{table}" where strpos("{column}"::text, $1) > 0"#);
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(query))
            .bind(text)
            .fetch_one(db)
            .await
            .unwrap();
        if rows > 0 {
            found.push(format!("{table}.{column}"));
        }
    }
    found
}

async fn post(caller: &Caller, key: &'static str, path: &str, body: Value) -> Value {
    let caller = caller.clone().header("idempotency-key", key);
    caller.post(path, body).await.expect(201).json()
}

/// Returns a user with a session, whose requests come from the frontend.
async fn visitor(bundle: &Bundle, id: &str) -> Somebody {
    let somebody = bundle.session(id).await;
    somebody.header("origin", "http://localhost:3000")
}

/// Stores everything that a user can leave behind. Returns the id of a project of theirs.
async fn leave_traces(db: &PgPool, bundle: &Bundle, id: &str, other: &str) -> String {
    let person = visitor(bundle, id).await;
    let (users, projects, social) = (
        person.at("users"),
        person.at("projects"),
        person.at("social"),
    );
    let auth = person.at("auth");
    let profile = json!({"bio": format!("I am {id}"), "location": id, "skills": [id]});
    users.put("/users/profile", profile).await.expect(200);
    let body = json!({
        "title": format!("by {id}"), "description": id, "content": id, "tags": [&id[..8]], "language": id,
    });
    let project = post(projects, "one", "/projects", body).await;
    let project = project["id"].as_str().unwrap().to_owned();
    let others = number(db, "select count(*) from projects where id = 'others'", &[]).await;
    assert_eq!(others, 1);
    let comment = json!({"content": format!("{id} was here")});
    for project in [project.as_str(), "others"] {
        let path = format!("/projects/{project}/comments");
        let key = if project == "others" { "two" } else { "three" };
        post(social, key, &path, comment.clone()).await;
        let path = format!("/projects/{project}/like");
        social.put(&path, json!({})).await.expect(200);
        let path = format!("/projects/{project}/views");
        projects.post(&path, json!({})).await.expect(204);
    }
    let follow = format!("/users/{other}/follow");
    social.put(&follow, json!({})).await.expect(200);
    social
        .put("/notifications/read", json!({}))
        .await
        .expect(204);
    social.get("/feed").await.expect(200);
    let key = json!({"name": id[..8], "metadata": {"of": id}});
    auth.post("/api/auth/api-key/create", key).await.expect(200);
    let impersonate = json!({"userId": other});
    auth.post("/api/auth/admin/impersonate-user", impersonate)
        .await
        .expect(200);
    // The rows of a flow that has not ended, and rows of other versions of Better Auth.
    for (identifier, value) in [
        (
            "auth-state:x",
            r#"{"link": {"userId": "ID", "email": "ID@test.example", "sessionId": "s"}}"#,
        ),
        ("reset-password:x", "ID"),
        ("email-verification-otp-ID@test.example", "1:0"),
        ("change-email:ID@test.example", "{}"),
    ] {
        sql(
            db,
            r#"insert into verification (id, identifier, value, "expiresAt", "updatedAt")
               values (gen_random_uuid()::text, replace($1, 'ID', $3), replace($2, 'ID', $3), now() + interval '1 hour', now())"#,
            &[identifier, value, id],
        )
        .await;
    }
    sql(
        db,
        r#"insert into upload (id, "userId", "projectId", purpose, filename, "contentType", size, "updatedAt")
           values ($1, $1, $2, 'project', $1 || '.png', 'image/png', 1, now())"#,
        &[id, &project],
    )
    .await;
    sql(
        db,
        r#"insert into account (id, "accountId", "providerId", "userId", "updatedAt") values ($1, $1, 'github', $1, now())"#,
        &[id],
    )
    .await;
    project
}

/// Inserts another user and an admin, and a project of the former.
async fn others(db: &PgPool) {
    sqlx::raw_sql(
        r#"
        insert into "user" (id, name, email, "updatedAt", role) values
            ('other', 'Other', 'other@test.example', now(), 'user'),
            ('admin', 'Admin', 'admin@test.example', now(), 'admin');
        insert into projects (id, title, "authorId", "updatedAt", tags) values ('others', 'P', 'other', now(), '{kept}');
        "#,
    )
    .execute(db)
    .await
    .unwrap();
}

#[testkit::test]
async fn a_deleted_account_leaves_no_trace(db: PgPool) {
    others(&db).await;
    let bundle = Bundle::new(&db);
    let admin = visitor(&bundle, "admin").await;

    for (index, way) in ["profile", "remove-user", "node"].into_iter().enumerate() {
        let id = format!("{index}f9Zk3vQ7xWm2Lc8Rt5Yb1Nd6Hs4Jg0");
        let email = format!("{id}@test.example");
        sql(
            &db,
            r#"insert into "user" (id, name, email, "updatedAt", role) values ($1, $1, $2, now(), 'admin')"#,
            &[&id, &email],
        )
        .await;
        leave_traces(&db, &bundle, &id, "other").await;
        let before = traces(&db, &id).await;
        assert!(before.len() > 20, "{before:?}");
        let person = visitor(&bundle, &id).await;

        match way {
            "profile" => {
                person
                    .at("users")
                    .delete("/users/profile")
                    .await
                    .expect(204);
            }
            "remove-user" => {
                let body = json!({"userId": id});
                let auth = admin.at("auth");
                auth.post("/api/auth/admin/remove-user", body)
                    .await
                    .expect(200);
            }
            // The Node application executes these statements.
            _ => {
                sql(
                    &db,
                    r#"delete from apikey where "referenceId" = $1"#,
                    &[&id],
                )
                .await;
                sql(&db, r#"delete from "user" where id = $1"#, &[&id]).await;
            }
        }

        for text in [id.as_str(), &email, &id[..8]] {
            assert_eq!(
                traces(&db, text).await,
                Vec::<String>::new(),
                "{way} {text}"
            );
        }
        let kept = number(
            &db,
            r#"select count(*) from "projectFacet" where name = 'kept'"#,
            &[],
        )
        .await;
        assert_eq!(kept, 1);
    }
}

#[testkit::test]
async fn a_deleted_comment_or_project_leaves_no_text(db: PgPool) {
    others(&db).await;
    let bundle = Bundle::new(&db);
    let somebody = visitor(&bundle, "admin").await;
    let (projects, social) = (somebody.at("projects"), somebody.at("social"));
    let other = visitor(&bundle, "other").await;

    let comment = json!({"content": "quixotry in a comment"});
    let comments = "/projects/others/comments";
    let stored = post(social, "c", comments, comment.clone()).await;
    let path = format!("/comments/{}", stored["id"].as_str().unwrap());
    assert!(!traces(&db, "quixotry").await.is_empty());
    social.delete(&path).await.expect(204);
    assert_eq!(traces(&db, "quixotry").await, Vec::<String>::new());
    let again = social.clone().header("idempotency-key", "c");
    let again = again.send(Method::POST, comments, Some(comment)).await;
    again.expect_error(409, &["What the first request made was deleted"]);

    let body = json!({
        "title": "Quixotry", "description": "quixotry", "content": "quixotry", "tags": ["quixotry"], "language": "quixotry",
    });
    for how in ["deleted", "edited"] {
        let key = if how == "deleted" { "d" } else { "e" };
        let project = post(projects, key, "/projects", body.clone()).await;
        let path = format!("/projects/{}", project["id"].as_str().unwrap());
        let comments = format!("{path}/comments");
        post(
            other.at("social"),
            key,
            &comments,
            json!({"content": "quixotry"}),
        )
        .await;
        if how == "edited" {
            let empty = json!({"tags": [], "language": null});
            projects.put(&path, empty).await.expect(200);
            let facets = number(
                &db,
                r#"select count(*) from "projectFacet" where name = 'quixotry'"#,
                &[],
            )
            .await;
            assert_eq!(facets, 0);
        }
        projects.delete(&path).await.expect(204);
        for text in ["quixotry", "Quixotry"] {
            assert_eq!(traces(&db, text).await, Vec::<String>::new(), "{how}");
        }
    }
}
