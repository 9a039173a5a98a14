//! The database of the benchmark. It is large and skewed, and is kept between runs.

use sqlx::{Connection as _, PgConnection};
use url::Url;

use crate::{migrate, recount, seed};

/// Number of generated projects.
pub const PROJECTS: i32 = 100_000;

/// The database, filled.
pub struct Database {
    pub url: String,
    /// Id of the project with the most likes.
    pub project: String,
}

/// `BETTER_AUTH_SECRET`, which signs the cookies below.
pub const SECRET: &str = "reference-secret-for-tests-0123456789abcdef";
/// Session cookie of a user who follows 5,000 others.
pub const COOKIE: &str = "__Secure-better-auth.session_token=\
    pAQ8n2FvXb7Zc1LmT5yRk0WuJ6HsDg3E.rrjlU9T7lxoX8YJn8E5J51QY6%2BHEH%2BoBTjFtbbUYZgI%3D";

/// Session cookie of a user who follows 500 others.
pub const READER_COOKIE: &str = "__Secure-better-auth.session_token=\
    Zk3vQ9mXr1Tb6LcY8nWp2FdHs5JgA7uE.Wkto8Mxx04zFst39le1OEEQIiVTPIkijt%2FTctYT3G7o%3D";

/// API key of the user who follows 5,000 others.
pub const API_KEY: &str = "benchmark-key-0123456789-0123456789-0123456789-0123456789-012345";

const READER: &str = "benchmark-reader";

impl Database {
    /// Creates and migrates the database `bench` on the server, fills it if it is empty, and renews its sessions.
    pub async fn prepare(server: &str) -> anyhow::Result<Self> {
        let mut url = Url::parse(server)?;
        url.set_path("bench");
        migrate::create_database(url.as_str()).await?;
        migrate::run(url.as_str()).await?;
        let mut db = PgConnection::connect(url.as_str()).await?;
        let is_filled: bool =
            sqlx::query_scalar(r#"select exists (select from "user" where id = $1)"#)
                .bind(READER)
                .fetch_one(&mut db)
                .await?;
        if !is_filled {
            eprintln!("Filling the database, which takes a minute or two the first time …");
            seed::run(
                &url.as_str().parse()?,
                &seed::SeedOptions::of_projects(PROJECTS),
            )
            .await?;
            sqlx::raw_sql(VIEWERS).execute(&mut db).await?;
            recount::run(&mut db).await?;
        }
        // Each run starts with fresh sessions and unused quotas.
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

/// The two users of the cookies. They follow the users with the most followers.
const VIEWERS: &str = r#"
    insert into "user" (id, name, email, "emailVerified", skills, "updatedAt")
    values
        ('benchmark-viewer', 'Viewer', 'viewer@people.example', true, '{Rust,Go}', now() at time zone 'utc'),
        ('benchmark-reader', 'Reader', 'reader@people.example', true, '{Rust,Go}', now() at time zone 'utc');
    insert into follows (id, "createdAt", "followerId", "followingId")
    select md5(follower || ' follows ' || id), "createdAt", follower, id
    from (
        select id, "createdAt", row_number() over (order by "followersCount" desc, id) as place
        from "user"
        where id not like 'benchmark-%'
    ) followed
    join (values ('benchmark-viewer', 5000), ('benchmark-reader', 500)) reach (follower, count) on place <= count;
    insert into follows (id, "createdAt", "followerId", "followingId")
    select md5('viewer is followed by ' || id), "createdAt", id, 'benchmark-viewer'
    from "user"
    where id not like 'benchmark-%'
    order by id
    limit 2000;
"#;

const FRESH: &str = r#"
    delete from session where "userId" like 'benchmark-%';
    insert into session (id, token, "userId", "expiresAt", "createdAt", "updatedAt")
    select
        token, token, owner,
        now() at time zone 'utc' + interval '7 days', now() at time zone 'utc', now() at time zone 'utc'
    from (values
        ('benchmark-viewer', 'pAQ8n2FvXb7Zc1LmT5yRk0WuJ6HsDg3E'),
        ('benchmark-reader', 'Zk3vQ9mXr1Tb6LcY8nWp2FdHs5JgA7uE')
    ) as signed_in (owner, token);
    delete from apikey where "referenceId" like 'benchmark-%';
    insert into apikey (id, "referenceId", key, "rateLimitEnabled", "updatedAt")
    select
        'benchmark-key', 'benchmark-viewer', translate(rtrim(encode(sha256(key), 'base64'), '='), '+/', '-_'), false,
        now() at time zone 'utc'
    from (values ('benchmark-key-0123456789-0123456789-0123456789-0123456789-012345'::bytea)) as made (key);
    delete from quota;
    delete from "rateLimit";
"#;
