//! Tests of the projects group over HTTP, with a real database.

mod combinations;
mod corpus;
mod create;
mod deep;
mod delete;
mod facets;
mod files;
mod folding;
mod idempotency;
mod images;
mod kept;
mod list;
mod paging;
mod plans;
mod privacy;
mod races;
mod routes;
mod search;
mod show;
mod storage;
mod stored;
mod update;
mod uploads;
mod views;

use serde_json::{Map, Value, json};
use sqlx::PgPool;
use testing::{App, Caller, HIDDEN, SHOWN, each, number, sql};

/// The projects group over a fresh database.
pub fn app(db: &PgPool) -> App {
    App::new(projects::api(), db.clone())
}

/// Creates a project, and returns its id.
pub async fn create(caller: &Caller, body: Value) -> String {
    let answer = caller.post("/projects", body).await.expect(201);
    answer.json()["id"].as_str().expect("an id").to_owned()
}

/// Creates a public project with this title, and returns its id.
pub async fn project(caller: &Caller, title: &str) -> String {
    create(caller, json!({ "title": title })).await
}

/// Creates a draft, and returns its id.
pub async fn draft(caller: &Caller, title: &str) -> String {
    create(caller, json!({ "title": title, "isPublic": false })).await
}

/// Sets the time of creation to so many milliseconds before now.
pub async fn aged(db: &PgPool, id: &str, milliseconds: i64) {
    sql(
        db,
        r#"update projects
           set "createdAt" = now() at time zone 'utc' - interval '1 millisecond' * $2::int8
           where id = $1"#,
        &[id, &milliseconds.to_string()],
    )
    .await;
}

/// Inserts a like and increments the project's counter.
pub async fn like(db: &PgPool, user: &str, project: &str) {
    sql(
        db,
        r#"with l as (
               insert into likes (id, "userId", "projectId", "createdAt")
               values ($1 || ' ' || $2, $1, $2, now() at time zone 'utc')
           )
           update projects set "likeCount" = "likeCount" + 1 where id = $2"#,
        &[user, project],
    )
    .await;
}

/// Inserts a comment.
pub async fn comment(db: &PgPool, user: &str, project: &str) {
    sql(
        db,
        r#"insert into comments (id, content, "authorId", "projectId", "createdAt", "updatedAt")
           values (gen_random_uuid()::text, 'Nice', $1, $2, now() at time zone 'utc', now() at time zone 'utc')"#,
        &[user, project],
    )
    .await;
}

/// Returns the titles of the projects of a list.
pub async fn titles(caller: &Caller, path: &str) -> Vec<String> {
    let list = caller.get(path).await.expect(200).json();
    each(&list, "title")
        .into_iter()
        .map(str::to_owned)
        .collect()
}

/// Columns of the Node application's models that no body may set.
pub const COLUMNS: [&str; 36] = [
    "id",
    "viewCount",
    "likeCount",
    "commentCount",
    "createdAt",
    "updatedAt",
    "authorId",
    "author",
    "comments",
    "likes",
    "files",
    "searchText",
    "name",
    "email",
    "emailVerified",
    "image",
    "avatar",
    "bio",
    "website",
    "location",
    "company",
    "skills",
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
    "sessions",
    "accounts",
];

/// Returns the body with one of [`COLUMNS`] added.
pub fn with_column(mut body: Map<String, Value>, column: &str) -> Value {
    body.insert(column.to_owned(), json!(1));
    Value::Object(body)
}
