//! The specification of the users group, over HTTP and a real database.

mod contributions;
mod deletion;
mod directory;
mod facets;
mod paging;
mod plans;
mod profile;
mod races;
mod routes;
mod search;
mod suggestions;
mod update;

use serde_json::Value;
use shared::testing::App;
use sqlx::PgPool;

/// A group over a fresh database.
pub fn app(db: &PgPool) -> App {
    App::new(users::api(), db.clone())
}

/// Runs a statement of the test's own, with texts for its parameters.
pub async fn sql(db: &PgPool, statement: &'static str, arguments: &[&str]) {
    let mut query = sqlx::query(statement);
    for argument in arguments {
        query = query.bind(*argument);
    }
    query.execute(db).await.expect("the statement runs");
}

/// One number that a statement selects.
pub async fn number(db: &PgPool, statement: &'static str, arguments: &[&str]) -> i64 {
    let mut query = sqlx::query_scalar(statement);
    for argument in arguments {
        query = query.bind(*argument);
    }
    query.fetch_one(db).await.expect("a number is selected")
}

/// Inserts a project and counts it.
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

/// Inserts a follow and counts it.
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

/// Inserts a like and counts it.
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

/// Makes somebody invisible, in both ways that there are.
pub const HIDDEN: [&str; 3] = [
    r#"update "user" set "isActive" = false where id = $1"#,
    r#"update "user" set banned = true where id = $1"#,
    r#"update "user" set banned = true, "banExpires" = now() at time zone 'utc' + interval '1 hour' where id = $1"#,
];

/// Lifts what [`HIDDEN`] does, the last one by letting the ban run out.
pub const SHOWN: [&str; 3] = [
    r#"update "user" set "isActive" = true where id = $1"#,
    r#"update "user" set banned = false where id = $1"#,
    r#"update "user" set banned = true, "banExpires" = now() at time zone 'utc' - interval '1 second' where id = $1"#,
];

/// A field of each element of a list.
pub fn each<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    list.as_array()
        .expect("a list")
        .iter()
        .map(|item| item[field].as_str().expect("a text"))
        .collect()
}
