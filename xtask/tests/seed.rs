//! Seeding and recounting.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use sqlx::{Acquire as _, PgConnection, PgPool};
use xtask::{
    migrate::migrator,
    recount::{self, Repair},
    seed::{self, SeedOptions},
};

async fn migrated(db: &PgPool) -> sqlx::pool::PoolConnection<sqlx::Postgres> {
    let database = db.connect_options();
    migrations::run(
        &migrator(),
        migrations::Options::new(&database, &mut |_| {}),
    )
    .await
    .unwrap();
    db.acquire().await.unwrap()
}

async fn count(db: &mut PgConnection, of: &'static str) -> i64 {
    sqlx::query_scalar(of).fetch_one(db).await.unwrap()
}

/// Counts the counters that differ from their rows.
const DRIFT: &str = r#"
    select
        (
            select count(*)
            from (
                select "isTag", facet.name, count(*)
                from projects
                join "user" on "user".id = "authorId"
                cross join lateral project_facets(tags, language) as facet
                where "isPublic" and "isActive" and not coalesce(banned, false)
                group by 1, 2
            ) as counted
            full join "projectFacet" as stored using ("isTag", name)
            where coalesce(counted.count, 0) <> coalesce(stored.count, 0)
        )
        +
        (select count(*) from projects where "likeCount" <> (select count(*) from likes where "projectId" = projects.id))
        + (
            select count(*)
            from projects
            where "commentCount" <> (
                select count(*) from comments join "user" on "user".id = comments."authorId"
                where "projectId" = projects.id and "isActive" and not coalesce(banned, false)
            )
        )
        + (
            select count(*)
            from "user"
            where "projectsCount" <> (
                    select count(*) from projects where "authorId" = "user".id and "isPublic"
                )
                or "followersCount" <> (select count(*) from follows where "followingId" = "user".id)
                or "followingCount" <> (select count(*) from follows where "followerId" = "user".id)
        )
"#;

#[testkit::test(empty)]
async fn the_sample_people_can_sign_in_and_have_something_to_show(pool: PgPool) {
    let mut db = migrated(&pool).await;

    seed::run(&pool.connect_options(), &SeedOptions::default())
        .await
        .unwrap();

    let roles = r#"select count(distinct role) from "user""#;
    assert_eq!(count(&mut db, roles).await, 3, "user, moderator, admin");
    let ada = &provider::sample_people()[0];
    let (name, projects): (String, i32) = sqlx::query_as(
        r#"select name, "projectsCount" from "user" join account on "userId" = "user".id
           where account."providerId" = 'github' and "accountId" = $1"#,
    )
    .bind(ada.id.to_string())
    .fetch_one(&mut *db)
    .await
    .unwrap();
    assert_eq!((name.as_str(), projects), ("Ada Lovelace", 2));
    assert_eq!(count(&mut db, DRIFT).await, 0);
    for rows in [
        "select count(*) from comments",
        "select count(*) from likes",
        "select count(*) from follows",
    ] {
        assert!(count(&mut db, rows).await > 5, "{rows}");
    }
}

#[testkit::test(empty)]
async fn seeding_again_changes_nothing(pool: PgPool) {
    let mut db = migrated(&pool).await;
    let options = SeedOptions {
        projects: Some(50),
        ..SeedOptions::default()
    };
    let all = r#"
        select hashtextextended(string_agg(line, ' ' order by line), 0) from (
            select "user"::text from "user" union all select projects::text from projects
            union all select likes::text from likes union all select comments::text from comments
            union all select follows::text from follows union all select account::text from account
        ) as rows (line)
    "#;
    seed::run(&pool.connect_options(), &options).await.unwrap();
    let before = count(&mut db, all).await;

    seed::run(&pool.connect_options(), &options).await.unwrap();

    assert_eq!(count(&mut db, all).await, before);
}

/// A user with the address of a sample person signed up before the seeding.
#[testkit::test(empty)]
async fn an_existing_user_stays_unchanged(pool: PgPool) {
    let mut db = migrated(&pool).await;
    sqlx::raw_sql(
        r#"insert into "user" (id, name, email, "updatedAt") values ('mine', 'Me', 'ada@example.com', now())"#,
    )
    .execute(&mut *db)
    .await
    .unwrap();

    seed::run(&pool.connect_options(), &SeedOptions::default())
        .await
        .unwrap();

    let mine = r#"select count(*) from projects where "authorId" = 'mine'"#;
    assert_eq!(count(&mut db, mine).await, 3);
    assert_eq!(
        count(&mut db, r#"select count(*) from "user" where name = 'Me'"#).await,
        1
    );
}

#[testkit::test(empty)]
async fn a_generated_data_set_has_the_requested_size_and_correct_counters(pool: PgPool) {
    let mut db = migrated(&pool).await;
    let options = SeedOptions {
        projects: Some(300),
        users: Some(200),
        likes: Some(2000),
        comments: Some(700),
        follows: Some(1500),
        follower: Some(150),
    };

    seed::run(&pool.connect_options(), &options).await.unwrap();

    // The sample data is added.
    assert_eq!(count(&mut db, r#"select count(*) from "user""#).await, 208);
    assert_eq!(count(&mut db, "select count(*) from projects").await, 308);
    assert_eq!(count(&mut db, "select count(*) from likes").await, 2013);
    assert_eq!(count(&mut db, "select count(*) from comments").await, 707);
    assert_eq!(count(&mut db, "select count(*) from follows").await, 1657);
    let most = r#"select max("followingCount")::bigint from "user""#;
    assert_eq!(count(&mut db, most).await, 150);
    assert_eq!(count(&mut db, DRIFT).await, 0);
    let impossible = r#"
        select
            (select count(*) from follows where "followerId" = "followingId")
            + (select count(*) from likes join projects on projects.id = "projectId"
                where not "isPublic" or likes."createdAt" < projects."createdAt")
            + (select count(*) from projects join "user" on "user".id = "authorId"
                where projects."createdAt" < "user"."createdAt" or projects."createdAt" > now() at time zone 'utc')
    "#;
    assert_eq!(count(&mut db, impossible).await, 0);
}

#[testkit::test(empty)]
async fn a_seeding_that_failed_is_completed_by_the_next_one(pool: PgPool) {
    let mut db = migrated(&pool).await;
    let options = SeedOptions {
        projects: Some(50),
        users: Some(100),
        ..SeedOptions::default()
    };
    let schema = r"
        select hashtextextended(string_agg(line, ' ' order by line), 0) from (
            select pg_get_indexdef(indexrelid) from pg_index where indrelid::regclass::text not like 'pg_%'
            union all select conrelid || conname || pg_get_constraintdef(oid) from pg_constraint
            union all select relname from pg_class where relnamespace = 'public'::regnamespace
        ) as names (line)
    ";
    let before = count(&mut db, schema).await;
    sqlx::raw_sql(
        r"
        create function refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$;
        create trigger refused before insert on projects
            for each row when (new.content like '%weekend experiment%') execute function refuse();
        alter table projects enable always trigger refused;
        ",
    )
    .execute(&mut *db)
    .await
    .unwrap();
    seed::run(&pool.connect_options(), &options)
        .await
        .unwrap_err();
    assert_ne!(count(&mut db, schema).await, before);
    sqlx::raw_sql("drop function refuse cascade")
        .execute(&mut *db)
        .await
        .unwrap();

    seed::run(&pool.connect_options(), &options).await.unwrap();

    assert_eq!(count(&mut db, schema).await, before);
    assert_eq!(count(&mut db, "select count(*) from projects").await, 58);
    assert_eq!(count(&mut db, "select count(*) from likes").await, 13 + 500);
    assert_eq!(count(&mut db, DRIFT).await, 0);
}

#[testkit::test(empty)]
async fn wrong_counters_are_found_and_repaired(pool: PgPool) {
    let mut db = migrated(&pool).await;
    seed::run(&pool.connect_options(), &SeedOptions::default())
        .await
        .unwrap();
    let before =
        r#"select hashtextextended(string_agg("user"::text, ' ' order by id), 0) from "user""#;
    let people = count(&mut db, before).await;
    sqlx::raw_sql(
        r#"
        update "user" set "projectsCount" = 7, "followersCount" = 0 where email = 'ada@example.com';
        update "user" set "followingCount" = -1 where email = 'radia@example.com';
        update projects set "likeCount" = "likeCount" + 1 where title = 'Bernoulli';
        update projects set "likeCount" = 3 where title = 'Letters to Babbage';
        update projects set "commentCount" = 0 where title = 'Analytical Engine';
        update "projectFacet" set count = 9 where name = 'Rust';
        delete from "projectFacet" where name = 'mathematics';
        insert into "projectFacet" ("isTag", name, count) values (true, 'nothing', 2);
        update "projectFacet" set month = 9 where name = 'Go';
        insert into "userFacet" ("isSkill", name, count) values (true, 'nothing', 2);
        insert into "projectTrend" ("projectId", "createdAt", day, week, month)
        select id, "createdAt", 0, 0, 70 from projects where title = 'Letters to Babbage';
        "#,
    )
    .execute(&mut *db)
    .await
    .unwrap();

    let repairs = recount::run(&mut db).await.unwrap();

    let mut found: Vec<_> = repairs
        .iter()
        .map(
            |Repair {
                 table,
                 column,
                 stored,
                 counted,
                 ..
             }| (table.as_str(), column.as_str(), *stored, *counted),
        )
        .collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("projectFacet", "count", 0, 2),
            ("projectFacet", "count", 2, 0),
            ("projectFacet", "count", 9, 3),
            ("projectFacet", "month", 9, 1),
            ("projectTrend", "month", 70, 0),
            ("projects", "commentCount", 0, 3),
            ("projects", "likeCount", 2, 1),
            ("projects", "likeCount", 3, 0),
            ("user", "followersCount", 0, 3),
            ("user", "followingCount", -1, 1),
            ("user", "projectsCount", 7, 2),
            ("userFacet", "count", 2, 0),
        ]
    );
    assert_eq!(count(&mut db, DRIFT).await, 0);
    assert_eq!(count(&mut db, before).await, people);
    assert_eq!(recount::run(&mut db).await.unwrap(), []);
}

/// The transaction of the like begins before the recount, and ends after the recount has selected the project.
#[testkit::test(empty)]
async fn a_concurrent_like_is_counted_once(pool: PgPool) {
    let mut db = migrated(&pool).await;
    seed::run(&pool.connect_options(), &SeedOptions::default())
        .await
        .unwrap();
    sqlx::raw_sql(r#"update projects set "likeCount" = 100 where title = 'Algorhyme'"#)
        .execute(&mut *db)
        .await
        .unwrap();
    let mut liker = pool.acquire().await.unwrap();
    let mut like = liker.begin().await.unwrap();
    sqlx::raw_sql(
        r#"
        insert into likes (id, "userId", "projectId")
        select 'late', "user".id, projects.id from "user", projects
        where email = 'ada@example.com' and title = 'Algorhyme';
        update projects set "likeCount" = "likeCount" + 1 where title = 'Algorhyme';
        "#,
    )
    .execute(&mut *like)
    .await
    .unwrap();

    let (repairs, ()) = tokio::join!(recount::run(&mut db), async {
        // Waits until the recount waits for the row of the project.
        let waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        let mut watcher = pool.acquire().await.unwrap();
        while count(&mut watcher, waits).await == 0 {
            tokio::task::yield_now().await;
        }
        like.commit().await.unwrap();
    });

    assert_eq!(
        (repairs.unwrap()[0].stored, count(&mut db, DRIFT).await),
        (101, 0)
    );
}
