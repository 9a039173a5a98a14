//! Tests of the social group over HTTP, with a real database.

mod audit;
mod comments;
mod counters;
mod deletion;
mod feed;
mod follows;
mod html;
mod idempotency;
mod keys;
mod likes;
mod notifications;
mod openapi;
mod paging;
mod plans;
mod races;
mod refusals;
mod resources;
mod routes;

use sqlx::PgPool;
use testing::{App, Caller, HIDDEN, SHOWN, each, number, sql};

/// The social group over a fresh database.
pub fn app(db: &PgPool) -> App {
    App::new(social::api(), db.clone())
}

/// Inserts a project and increments the author's counter.
pub async fn project(db: &PgPool, id: &str, author: &str, is_public: bool) {
    sqlx::query(
        r#"with made as (
               insert into projects (id, title, "authorId", "isPublic", "updatedAt")
               values ($1, 'Project ' || $1, $2, $3, now() at time zone 'utc')
           )
           update "user" set "projectsCount" = "projectsCount" + $3::int where id = $2"#,
    )
    .bind(id)
    .bind(author)
    .bind(is_public)
    .execute(db)
    .await
    .expect("a project is inserted");
}

/// Creates a comment, and returns its id.
pub async fn comment(caller: &Caller, project: &str, content: &str) -> String {
    let answer = caller
        .post(
            &format!("/projects/{project}/comments"),
            serde_json::json!({ "content": content }),
        )
        .await
        .expect(201);
    answer.json()["id"].as_str().expect("an id").to_owned()
}

/// Gives a user a staff role.
pub async fn promote(db: &PgPool, user: &Caller, role: &str) {
    sql(
        db,
        r#"update "user" set role = $2 where id = $1"#,
        &[&user.id, role],
    )
    .await;
}

const DEADLOCKS: &str = "select deadlocks from pg_stat_database where datname = current_database()";

/// Returns how many stored counters differ from the rows that they count. The result must be zero.
pub const DRIFT: &str = r#"
    select (
        select count(*) from "user" u
        where u."followersCount" <> (select count(*) from follows where "followingId" = u.id)
            or u."followingCount" <> (select count(*) from follows where "followerId" = u.id)
            or u."projectsCount" <> (
                select count(*) from projects where "authorId" = u.id and "isPublic"
            )
    ) + (
        select count(*) from projects p
        where p."likeCount" <> (select count(*) from likes where "projectId" = p.id)
            or p."commentCount" <> (
                select count(*)
                from comments c
                join "user" u on u.id = c."authorId"
                where c."projectId" = p.id and u."isActive" and not coalesce(u.banned, false)
            )
    )"#;

/// Follows `Link` until the last page, and returns the ids of each page.
pub async fn walk(caller: &Caller, path: &str) -> Vec<Vec<String>> {
    let (base, _) = path.split_once('?').unwrap_or((path, ""));
    let mut pages = Vec::new();
    let mut next = path.to_owned();
    loop {
        let answer = caller.get(&next).await.expect(200);
        let page = answer.json();
        pages.push(each(&page, "id").into_iter().map(str::to_owned).collect());
        let link = answer.header("link");
        if link.is_empty() {
            return pages;
        }
        let query = link
            .strip_prefix("<?")
            .and_then(|link| link.strip_suffix(">; rel=\"next\""))
            .expect("a link to the next page");
        next = format!("{base}?{query}");
    }
}
