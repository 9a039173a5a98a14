//! A database of a given size, with users whose reads are the most expensive.

use sqlx::{Connection as _, PgConnection};
use url::Url;

use super::rows::Caller;
use crate::{bench, migrate, seed};

/// The database, filled.
pub struct ReadsDatabase {
    pub url: String,
    db: PgConnection,
}

/// Values for the generated combinations of parameters, from frequent to rare.
pub struct FilterNames {
    pub tags: Vec<String>,
    pub languages: Vec<String>,
    pub skills: Vec<String>,
}

impl ReadsDatabase {
    /// Creates and migrates the database, and fills it if it is empty. Without a name, and with [`bench::database::PROJECTS`]
    /// projects, it is the database of `cargo xtask bench` without options.
    pub async fn prepare(server: &str, projects: i32, name: Option<&str>) -> anyhow::Result<Self> {
        let name = match (name, projects) {
            (Some(name), _) => name.to_owned(),
            (None, bench::database::PROJECTS) => "bench".to_owned(),
            (None, _) => format!("bench_{projects}"),
        };
        let mut url = Url::parse(server)?;
        url.set_path(&name);
        migrate::create_database(url.as_str()).await?;
        migrate::run(url.as_str()).await?;
        let mut db = PgConnection::connect(url.as_str()).await?;
        let is_filled: bool =
            sqlx::query_scalar(r#"select exists (select from "user" where id = md5('user 1'))"#)
                .fetch_one(&mut db)
                .await?;
        if !is_filled {
            eprintln!("Filling the database {name} …");
            let options = seed::SeedOptions::of_projects(projects);
            seed::run(&url.as_str().parse()?, &options).await?;
        }
        sqlx::raw_sql(CALLERS).execute(&mut db).await?;
        // The scheduled job does this every five minutes.
        while sqlx::query_scalar("select move_window_clock(interval '1 hour')")
            .fetch_one(&mut db)
            .await?
        {}
        Ok(Self {
            url: url.into(),
            db,
        })
    }

    /// Makes the caller the owner of the session.
    pub async fn sign_in(&mut self, caller: Caller) -> anyhow::Result<()> {
        let owner = match caller {
            Caller::Anonymous => return Ok(()),
            Caller::Viewer => "'reads-viewer'",
            Caller::Owner => {
                r#"(select id from "user" where id not like 'reads-%' order by abs("projectsCount" - 300), id limit 1)"#
            }
            Caller::LargestOwner => {
                r#"(select id from "user" order by "projectsCount" desc, id limit 1)"#
            }
            Caller::QuietOwner => "'reads-quiet-1'",
            Caller::FanOfQuiet => "'reads-fan'",
        };
        let sign_in = format!(
            r#"
            delete from session where token = 'pAQ8n2FvXb7Zc1LmT5yRk0WuJ6HsDg3E';
            insert into session (id, token, "userId", "expiresAt", "createdAt", "updatedAt")
            select
                'reads', 'pAQ8n2FvXb7Zc1LmT5yRk0WuJ6HsDg3E', {owner},
                now() at time zone 'utc' + interval '7 days', now() at time zone 'utc', now() at time zone 'utc';
            "#
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(sign_in))
            .execute(&mut self.db)
            .await?;
        Ok(())
    }

    /// Returns the three most frequent and the three rarest tags, languages and skills.
    pub async fn names(&mut self) -> sqlx::Result<FilterNames> {
        let (tags, languages, skills) = sqlx::query_as(
            r#"
            with facet as (
                select case when "isTag" then 'tag' else 'language' end as kind, name, count from "projectFacet"
                union all
                select 'skill', name, count from "userFacet" where "isSkill"
            ),
            placed as (
                select
                    *,
                    row_number() over (partition by kind order by count desc, name) as first,
                    row_number() over (partition by kind order by count, name) as last
                from facet
                where count > 0
            ),
            chosen as (select * from placed where first <= 3 or last <= 3)
            select
                array_agg(name order by first) filter (where kind = 'tag'),
                array_agg(name order by first) filter (where kind = 'language'),
                array_agg(name order by first) filter (where kind = 'skill')
            from chosen
            "#,
        )
        .fetch_one(&mut self.db)
        .await?;
        Ok(FilterNames {
            tags,
            languages,
            skills,
        })
    }

    pub async fn close(self) -> sqlx::Result<()> {
        self.db.close().await
    }
}

/// Inserts users whose reads are expensive. The viewer follows the 5,000 most followed users. Of 5,000 quiet users, the first has
/// 5,000 projects that nobody has liked, and the others have no projects. The fan follows all quiet users but the first.
const CALLERS: &str = r#"
    insert into "user" (id, name, email, "emailVerified", skills, "createdAt", "updatedAt")
    select id, id, id || '@people.example', true, '{Rust,Go}', timestamp '2020-01-01', now() at time zone 'utc'
    from (
        select 'reads-viewer' as id
        union all select 'reads-fan'
        union all select 'reads-quiet-' || i from generate_series(1, 5000) i
    ) callers
    on conflict do nothing;
    insert into follows (id, "createdAt", "followerId", "followingId")
    select md5('viewer follows ' || id), "createdAt", 'reads-viewer', id
    from (select id, "createdAt" from "user" where id not like 'reads-%' order by "followersCount" desc, id limit 5000) followed
    on conflict do nothing;
    insert into follows (id, "createdAt", "followerId", "followingId")
    select md5('fan follows ' || i), now() at time zone 'utc', 'reads-fan', 'reads-quiet-' || i
    from generate_series(2, 5000) i
    on conflict do nothing;
    insert into projects (id, title, "authorId", "isPublic", "createdAt", "updatedAt")
    select
        md5('quiet project ' || i), 'Quiet ' || i, 'reads-quiet-1', i % 2 = 0,
        now() at time zone 'utc' - i * interval '1 hour', now() at time zone 'utc' - i * interval '1 hour'
    from generate_series(1, 5000) i
    on conflict do nothing;
    delete from quota;
    delete from "rateLimit";
    analyze "user", follows, projects;
"#;
