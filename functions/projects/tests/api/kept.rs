//! Counts and scores that triggers maintain. After any history they equal those of the rows.

use sqlx::PgPool;
use testing::each;

use crate::app;

const PEOPLE: i64 = 8;
const PROJECTS: i64 = 12;

/// Changes of the rows. `$1` is a user, `$2` a project, `$3` an age in minutes, and `$4` a unique text.
const EVENTS: [&str; 28] = [
    r#"insert into likes (id, "userId", "projectId", "createdAt")
       select $4, u.id, p.id, now() at time zone 'utc' - interval '1 minute' * $3
       from "user" u, projects p where u.id = $1 and p.id = $2 on conflict do nothing"#,
    r#"insert into likes (id, "userId", "projectId", "createdAt")
       select $4 || u.id, u.id, p.id, now() at time zone 'utc' - interval '1 minute' * $3
       from "user" u, projects p where p.id = $2 and $1 <> '' on conflict do nothing"#,
    r#"insert into comments (id, content, "authorId", "projectId", "createdAt", "updatedAt")
       select $4, 'x', u.id, p.id, now() at time zone 'utc' - interval '1 minute' * $3, now()
       from "user" u, projects p where u.id = $1 and p.id = $2"#,
    r#"insert into comments (id, content, "authorId", "projectId", "createdAt", "updatedAt")
       select $4 || p.id || n, 'x', u.id, p.id, now() at time zone 'utc' - interval '1 minute' * $3 * n, now()
       from "user" u, projects p, generate_series(0, 2) n where u.id = $1 and $2 <> ''"#,
    r#"delete from likes where "userId" = $1 and "projectId" = $2 and $3 + length($4) > 0"#,
    r#"delete from likes where "projectId" = $2 and $3 + length($1 || $4) > 0"#,
    r#"delete from comments where "authorId" = $1 and "projectId" = $2 and $3 + length($4) > 0"#,
    r#"delete from comments where "createdAt" > now() at time zone 'utc' - interval '1 minute' * $3
       and "authorId" = $1 and $2 || $4 <> ''"#,
    r#"update "user" set "isActive" = not "isActive" where id = $1 and $3 + length($2 || $4) > 0"#,
    r#"update "user" set banned = not coalesce(banned, false) where id = $1 and $3 + length($2 || $4) > 0"#,
    r#"update "user" set "isActive" = true, banned = null, "banExpires" = null where $3 + length($1 || $2 || $4) > 0"#,
    r#"update "user" set banned = true, "banExpires" = now() at time zone 'utc' - interval '1 minute'
       where id = $1 and $3 + length($2 || $4) > 0"#,
    r#"update projects set "isPublic" = not "isPublic" where id = $2 and $3 + length($1 || $4) > 0"#,
    r"update projects set tags = array['a', 'B', $1], language = 'Go' where id = $2 and $3 + length($4) > 0",
    r"update projects set tags = null, language = null where id = $2 and $3 + length($1 || $4) > 0",
    r#"update projects set "createdAt" = now() at time zone 'utc' - interval '1 minute' * $3
       where id = $2 and length($1 || $4) > 0"#,
    r#"update likes set "createdAt" = now() at time zone 'utc' - interval '1 minute' * $3
       where "projectId" = $2 and "userId" = $1 and $4 <> ''"#,
    r#"update comments set "createdAt" = now() at time zone 'utc' - interval '1 minute' * $3
       where "projectId" = $2 and "authorId" = $1 and $4 <> ''"#,
    r"delete from projects where id = $2 and $3 + length($1 || $4) > 0",
    r#"delete from "user" where id = $1 and $3 % 3 = 0 and length($2 || $4) > 0"#,
    r#"delete from "user" where id in ($1, 'u1') and $3 % 3 = 0 and length($2 || $4) > 0"#,
    r#"update projects set "authorId" = $1 where id = $2 and $3 + length($4) > 0
       and exists (select from "user" where id = $1)"#,
    r#"update comments set "projectId" = $2 where "authorId" = $1 and $3 + length($4) > 0
       and exists (select from projects where id = $2)"#,
    r#"update "user" set id = id || $4, email = email || $4 where id = $1 and $3 % 4 = 0 and length($2) > 0"#,
    r#"update "user" set "isActive" = not "isActive" where id in ($1, 'u1', 'u2') and $3 + length($2 || $4) > 0"#,
    r#"update likes set "userId" = $1 where id = (
           select id from likes where "projectId" = $2 and "userId" <> $1 order by id limit 1
       ) and $3 + length($4) > 0 and exists (select from "user" where id = $1)
       and not exists (select from likes where "userId" = $1 and "projectId" = $2)"#,
    r"select fold_visible_totals($3) where length($1 || $2 || $4) > 0",
    r"select move_window_clock(interval '1 hour' * $3) where length($1 || $2 || $4) > 0",
];

/// Inserts the missing users and projects.
const FILL: [&str; 2] = [
    r#"insert into "user" (id, name, email, "updatedAt")
       select 'u' || i, 'U', 'u' || i || '@test.example', now() from generate_series(0, 7) i on conflict do nothing"#,
    r#"insert into projects (id, title, tags, language, "authorId", "createdAt", "updatedAt")
       select 'p' || i, 'P', array['a', 't' || i % 3], (array['Go', 'Rust', 'go'])[1 + i % 3], 'u' || i % 8,
           now() at time zone 'utc' - interval '1 hour' * i * i * 10, now()
       from generate_series(0, 11) i on conflict do nothing"#,
];

/// Counts the maintained rows that differ from the counted ones.
const DRIFT: &str = r#"
    select
        (
            select count(*)
            from "projectTrend" kept
            full join counted_trends(null, until) counted on counted."projectId" = kept."projectId"
            where (coalesce(kept.day, 0), coalesce(kept.week, 0), coalesce(kept.month, 0))
                <> (coalesce(counted.day, 0), coalesce(counted.week, 0), coalesce(counted.month, 0))
                or kept."createdAt" <> counted."createdAt"
        )
        + (
            select count(*)
            from (
                (table "projectFacet" except select * from counted_facets(until))
                union all
                (select * from counted_facets(until) except table "projectFacet")
            ) facet
        )
        + (
            select count(*)
            from counted_visible_totals() counted
            cross join (
                select
                    coalesce(sum(users), 0) as users,
                    coalesce(sum(projects), 0) as projects,
                    coalesce(sum(comments), 0) as comments,
                    coalesce(sum(likes), 0) as likes
                from "visibleTotal"
            ) kept
            where (kept.users, kept.projects, kept.comments, kept.likes)
                <> (counted.users, counted.projects, counted.comments, counted.likes)
        )
    from "windowClock""#;

/// Orders projects as `sort=trending` does, with a score for each project on its own.
const TRENDING: &str = r#"
    select p.id
    from projects p
    join "user" author on author.id = p."authorId"
    where p."isPublic" and is_visible(author)
    order by
        3 * (
            select count(*)
            from likes l
            join "user" u on u.id = l."userId"
            where l."projectId" = p.id and u.id <> author.id and is_visible(u)
                and l."createdAt" > now() at time zone 'utc' - $1::interval and l."createdAt" <= now() at time zone 'utc'
        ) + 2 * (
            select count(distinct u.id)
            from comments c
            join "user" u on u.id = c."authorId"
            where c."projectId" = p.id and u.id <> author.id and is_visible(u)
                and c."createdAt" > now() at time zone 'utc' - $1::interval and c."createdAt" <= now() at time zone 'utc'
        ) desc,
        p."createdAt" desc,
        p.id desc"#;

/// A generator of pseudo-random numbers, which are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).expect("31 bits") % bound
    }
}

#[testkit::test]
async fn maintained_scores_and_counts_equal_those_of_the_rows(db: PgPool) {
    let app = app(&db);
    let anyone = app.anyone();
    // Its connections compile nothing, which would take most of the time.
    let db = app.state.db.clone();
    let mut dice = Dice(20_260_108);
    for round in 0..8 {
        for statement in FILL {
            sqlx::query(statement).execute(&db).await.unwrap();
        }
        // The last run of the job was minutes to weeks ago.
        let behind = [0, 10, 90, 30_000][usize::try_from(round).unwrap() % 4];
        sqlx::query(r#"update "windowClock" set until = now() at time zone 'utc' - interval '1 minute' * $1::int8"#)
            .bind(behind)
            .execute(&db)
            .await
            .unwrap();
        for statement in [
            r#"delete from "projectFacet""#,
            r#"insert into "projectFacet" select f.* from "windowClock" cross join lateral counted_facets(until) f"#,
            "select recount_trends(array(select id from projects))",
        ] {
            sqlx::query(statement).execute(&db).await.unwrap();
        }
        for step in 0..25 {
            let event =
                EVENTS[usize::try_from(dice.below(EVENTS.len().try_into().unwrap())).unwrap()];
            let user = format!("u{}", dice.below(PEOPLE));
            let project = format!("p{}", dice.below(PROJECTS));
            // Around the ends of the windows as often as anywhere.
            let age = match dice.below(5) {
                0 => dice.below(100),
                1 => 24 * 60 + dice.below(120) - 60,
                2 => 7 * 24 * 60 + dice.below(120) - 60,
                3 => 30 * 24 * 60 + dice.below(120) - 60,
                _ => dice.below(61 * 24 * 60),
            };
            sqlx::query(event)
                .bind(&user)
                .bind(&project)
                .bind(i32::try_from(age).unwrap())
                .bind(format!("{round}-{step}-"))
                .execute(&db)
                .await
                .unwrap_or_else(|error| panic!("{error}: {event}"));
            let drift: i64 = sqlx::query_scalar(DRIFT).fetch_one(&db).await.unwrap();
            assert_eq!(drift, 0, "after {event} of {user}, {project}, {age}");
        }
        for (window, size) in [("24h", "24 hours"), ("7d", "7 days"), ("30d", "30 days")] {
            let expected: Vec<String> = sqlx::query_scalar(TRENDING)
                .bind(size)
                .fetch_all(&db)
                .await
                .unwrap();
            let path = format!("/projects?sort=trending&limit=100&window={window}");
            let list = anyone.get(&path).await.expect(200).json();
            assert_eq!(each(&list, "id"), expected, "{round} {window}");
            let facets = async |filter: &str| {
                let path = format!("/projects/facets?window={window}{filter}");
                anyone.get(&path).await.expect(200).json()
            };
            assert_eq!(
                facets("").await,
                facets("&createdAfter=1970-01-01").await,
                "{round} {window}"
            );
        }
        while sqlx::query_scalar("select move_window_clock(interval '3 days')")
            .fetch_one(&db)
            .await
            .unwrap()
        {}
        let drift: i64 = sqlx::query_scalar(DRIFT).fetch_one(&db).await.unwrap();
        assert_eq!(drift, 0, "after the clock has moved to now");
    }
}
