//! The database of the benchmark: sizeable, skewed, kept between runs.

use sqlx::{Connection as _, PgConnection};
use url::Url;

use crate::{migrate, recount, seed};

/// Where things are.
pub struct Database {
    pub url: String,
    /// The project that most like.
    pub project: String,
}

/// `BETTER_AUTH_SECRET`, and a cookie that was signed with it, for the session of somebody who follows thousands.
pub const SECRET: &str = "reference-secret-for-tests-0123456789abcdef";
pub const COOKIE: &str = "__Secure-better-auth.session_token=\
    pAQ8n2FvXb7Zc1LmT5yRk0WuJ6HsDg3E.rrjlU9T7lxoX8YJn8E5J51QY6%2BHEH%2BoBTjFtbbUYZgI%3D";

const VIEWER: &str = "benchmark-viewer";

impl Database {
    /// Makes what is missing in the database `bench` of that server.
    pub async fn prepare(server: &str) -> anyhow::Result<Self> {
        let mut url = Url::parse(server)?;
        url.set_path("bench");
        migrate::create_database(url.as_str()).await?;
        migrate::run(url.as_str()).await?;
        let mut db = PgConnection::connect(url.as_str()).await?;
        let is_filled: bool =
            sqlx::query_scalar(r#"select exists (select from "user" where id = $1)"#)
                .bind(VIEWER)
                .fetch_one(&mut db)
                .await?;
        if !is_filled {
            eprintln!("Filling the database, which takes a minute or two the first time …");
            seed::run(&mut db, &seed::Options::of_projects(100_000)).await?;
            sqlx::raw_sql(VIEWERS).execute(&mut db).await?;
            recount::run(&mut db).await?;
        }
        // What is used up is as it was: sessions are fresh and nothing is counted.
        sqlx::raw_sql(FRESH).execute(&mut db).await?;
        sqlx::raw_sql("vacuum (analyze)").execute(&mut db).await?;
        let project =
            sqlx::query_scalar(r#"select id from projects order by "likeCount" desc, id limit 1"#)
                .fetch_one(&mut db)
                .await?;
        db.close().await?;
        Ok(Self {
            url: url.into(),
            project,
        })
    }
}

/// Somebody with a session who follows those who are followed most.
const VIEWERS: &str = r#"
    insert into "user" (id, name, email, "emailVerified", skills, "updatedAt")
    values ('benchmark-viewer', 'Viewer', 'viewer@people.example', true, '{Rust,Go}', now() at time zone 'utc');
    insert into follows (id, "createdAt", "followerId", "followingId")
    select md5('viewer follows ' || id), "createdAt", 'benchmark-viewer', id
    from "user"
    where id <> 'benchmark-viewer'
    order by "followersCount" desc, id
    limit 5000;
    insert into follows (id, "createdAt", "followerId", "followingId")
    select md5('viewer is followed by ' || id), "createdAt", id, 'benchmark-viewer'
    from "user"
    where id <> 'benchmark-viewer'
    order by id
    limit 2000;
"#;

const FRESH: &str = r#"
    delete from session where "userId" = 'benchmark-viewer';
    insert into session (id, token, "userId", "expiresAt", "createdAt", "updatedAt")
    values (
        'benchmark-session', 'pAQ8n2FvXb7Zc1LmT5yRk0WuJ6HsDg3E', 'benchmark-viewer',
        now() at time zone 'utc' + interval '7 days', now() at time zone 'utc', now() at time zone 'utc'
    );
    delete from quota;
    delete from "rateLimit";
"#;
