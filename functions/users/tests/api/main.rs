//! Tests of the users group over HTTP, with a real database.

mod contributions;
mod deletion;
mod directory;
mod facets;
mod folding;
mod kept;
mod paging;
mod plans;
mod profile;
mod races;
mod routes;
mod search;
mod suggestions;
mod update;

use serde_json::Value;
use sqlx::PgPool;
use testing::{App, HIDDEN, SHOWN, each, number, sql};

/// The users group over a fresh database.
pub fn app(db: &PgPool) -> App {
    App::new(users::api(), db.clone())
}

/// Returns the object without the fields that are null, which are those that the test has not filled.
pub fn without_nulls(mut object: Value) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.retain(|_, value| !value.is_null());
    }
    object
}

/// Inserts a project and increments the author's counter.
pub async fn project(db: &PgPool, id: &str, author: &str, is_public: bool) {
    sqlx::query(
        r#"insert into projects (id, title, "authorId", "isPublic", "updatedAt")
           values ($1, 'A project', $2, $3, now() at time zone 'utc')"#,
    )
    .bind(id)
    .bind(author)
    .bind(is_public)
    .execute(db)
    .await
    .expect("a project is inserted");
    if is_public {
        sql(
            db,
            r#"update "user" set "projectsCount" = "projectsCount" + 1 where id = $1"#,
            &[author],
        )
        .await;
    }
}

/// Inserts a follow and increments both counters.
pub async fn follow(db: &PgPool, follower: &str, following: &str) {
    sql(
        db,
        r#"with f as (
               insert into follows (id, "followerId", "followingId")
               values ($1 || ' ' || $2, $1, $2)
           )
           update "user" set
               "followingCount" = "followingCount" + (id = $1)::int,
               "followersCount" = "followersCount" + (id = $2)::int
           where id in ($1, $2)"#,
        &[follower, following],
    )
    .await;
}

/// Inserts a like and increments the project's counter.
pub async fn like(db: &PgPool, user: &str, project: &str) {
    sql(
        db,
        r#"with l as (
               insert into likes (id, "userId", "projectId") values ($1 || ' ' || $2, $1, $2)
           )
           update projects set "likeCount" = "likeCount" + 1 where id = $2"#,
        &[user, project],
    )
    .await;
}
