//! Migrations of a filled database while readers and writers use all tables, and migrations that are killed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use migrations::{Options, Progress};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool, postgres::PgConnectOptions};
use tokio::{task::JoinHandle, time};

use super::{PRISMA, execute, migrate, plain_statements::DRIFT, schema};

/// Rows as Prisma would have written them. `$projects` is replaced by their number.
const FILL: &str = include_str!("fixtures/fill.sql");

/// The longest time that a statement may wait for a lock.
const BUDGET: Duration = Duration::from_millis(500);
/// Statements a second of each reader and each writer.
const RATE: u64 = 50;

/// The statements of each table: one that reads, and those that write, in turn. `$n` is replaced by a number.
const STATEMENTS: [(&str, &[&str]); 8] = [
    (
        r#"select * from "user" where id = 'u$n'"#,
        &[
            r#"update "user" set bio = 'new', "updatedAt" = now() where id = 'u$n'"#,
            r#"insert into "user" (id, name, email, "updatedAt") values ('new$n', '', 'new$n', now()) on conflict do nothing"#,
            r#"update "user" set "isActive" = not "isActive" where "githubUsername" is null and name like 'Zo%'"#,
            r#"delete from "user" where id = 'new$n'"#,
        ],
    ),
    (
        "select * from session where token = 't$n'",
        &[
            r#"update session set "updatedAt" = now() where id = 's$n'"#,
            r#"insert into session (id, "expiresAt", token, "updatedAt", "userId")
               values ('new$n', now(), 'new$n', now(), 'u$n') on conflict do nothing"#,
            "delete from session where id = 'new$n'",
        ],
    ),
    (
        "select * from account where id = 'a$n'",
        &[
            r#"update account set scope = 'new', "updatedAt" = now() where id = 'a$n'"#,
            r#"insert into account (id, "accountId", "providerId", "userId", "updatedAt")
               values ('new$n', 'new$n', 'google', 'u$n', now()) on conflict do nothing"#,
            "delete from account where id = 'new$n'",
        ],
    ),
    (
        "select * from verification where id = 'v$n'",
        &[
            r#"insert into verification (id, identifier, value, "expiresAt", "updatedAt")
               values ('new$n', 'new$n', '{}', now(), now()) on conflict do nothing"#,
            "delete from verification where id = 'new$n'",
        ],
    ),
    (
        "select * from projects where id = 'p$n'",
        &[
            r#"update projects set title = 'new $n', "updatedAt" = now() where id = 'p$n'"#,
            "update projects set tags = '{new,tag$n}' where id = 'p$n'",
            r#"insert into projects (id, title, "authorId", "updatedAt", tags, language)
               values ('new$n', 'new', 'u$n', now(), '{new}', 'New') on conflict do nothing"#,
            r#"update projects set "isPublic" = not "isPublic" where id = 'p$n'"#,
            "delete from projects where id = 'new$n'",
        ],
    ),
    (
        "select * from comments where id = 'c$n'",
        &[
            r#"insert into comments (id, content, "authorId", "projectId", "updatedAt")
               values ('new$n', '', 'u$n', 'p$n', now()) on conflict do nothing"#,
            "update comments set content = 'new' where id = 'c$n'",
            "delete from comments where id = 'c$n'",
        ],
    ),
    (
        "select * from likes where id = 'l$n'",
        &[
            r#"insert into likes (id, "userId", "projectId") values ('new$n', 'u1', 'p$n') on conflict do nothing"#,
            "delete from likes where id in ('new$n', 'l$n')",
        ],
    ),
    (
        "select * from follows where id = 'f$n'",
        &[
            r#"insert into follows (id, "followerId", "followingId") values ('new$n', 'u1', 'u$n') on conflict do nothing"#,
            "delete from follows where id in ('new$n', 'f$n')",
        ],
    ),
];

/// A reader or a writer. It ends when the flag is set, and returns how many statements it executed and the longest.
async fn work(
    database: Arc<PgConnectOptions>,
    statements: Vec<&'static str>,
    users: u64,
    is_over: Arc<AtomicBool>,
) -> (u64, Duration, String) {
    let mut db = PgConnection::connect_with(&database).await.unwrap();
    let limit = format!("set lock_timeout = {}", BUDGET.as_millis());
    sqlx::raw_sql(AssertSqlSafe(limit))
        .execute(&mut db)
        .await
        .unwrap();
    let mut ticks = time::interval(Duration::from_millis(1000 / RATE));
    let mut longest = (Duration::ZERO, String::new());
    let mut count = 0;
    while !is_over.load(Ordering::Relaxed) {
        ticks.tick().await;
        for statement in &statements {
            // Numbers that look random, and that meet again.
            let number = count * 7919 % users + 1;
            let text = statement.replace("$n", &number.to_string());
            let started = Instant::now();
            let executed = sqlx::raw_sql(AssertSqlSafe(text.clone()))
                .execute(&mut db)
                .await;
            let elapsed = started.elapsed();
            if let Err(error) = executed {
                panic!("{text} failed after {elapsed:?}: {error}");
            }
            if elapsed > longest.0 {
                longest = (elapsed, text);
            }
            count += 1;
            if statements.len() > 1 {
                ticks.tick().await;
            }
        }
    }
    (count, longest.0, longest.1)
}

/// Starts readers and writers of all tables.
struct Load {
    is_over: Arc<AtomicBool>,
    workers: Vec<JoinHandle<(u64, Duration, String)>>,
}

impl Load {
    /// The statements use the rows of the first users and projects.
    fn start(database: &Arc<PgConnectOptions>, projects: u64) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut workers = Vec::new();
        for (read, writes) in STATEMENTS {
            for statements in [vec![read], writes.to_vec()] {
                workers.push(tokio::spawn(work(
                    database.clone(),
                    statements,
                    projects / 10,
                    is_over.clone(),
                )));
            }
        }
        Self { is_over, workers }
    }

    /// Ends them. Fails if one of their statements failed. Returns their number, and the longest.
    async fn end(self) -> (u64, Duration, String) {
        self.is_over.store(true, Ordering::Relaxed);
        let mut all = (0, Duration::ZERO, String::new());
        for worker in self.workers {
            let (count, longest, text) = worker.await.unwrap();
            all.0 += count;
            if longest > all.1 {
                (all.1, all.2) = (longest, text);
            }
        }
        all
    }
}

/// A database that Prisma made, with rows.
async fn fill(db: &PgPool, projects: u64) {
    execute(db, PRISMA).await;
    let fill = FILL.replace("$projects", &projects.to_string());
    let mut connection = db.acquire().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(fill))
        .execute(&mut *connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    execute(db, "vacuum analyze").await;
}

fn size(default: u64) -> u64 {
    match std::env::var("MIGRATED_PROJECTS") {
        Ok(size) => size.parse().unwrap(),
        Err(_) => default,
    }
}

async fn expected_schema(db: &PgPool) -> Vec<String> {
    migrate(db).await.unwrap();
    let expected = schema(db).await;
    execute(db, "drop schema public cascade; create schema public").await;
    expected
}

/// Asserts that the schema is the one of an empty start, and that all that is derived from rows fits them.
async fn assert_whole(db: &PgPool, expected: &[String]) {
    let actual = schema(db).await;
    for line in expected {
        assert!(actual.contains(line), "missing: {line}");
    }
    for line in &actual {
        assert!(expected.contains(line), "unexpected: {line}");
    }
    let drift: Vec<String> = sqlx::query_scalar(DRIFT).fetch_all(db).await.unwrap();
    assert_eq!(drift, [] as [String; 0]);
    let wrong: (i64, i64) = sqlx::query_as(
        r#"select
               (
                   select count(*) from projects
                   where "searchText" is distinct from project_search_text(title, description, language, tags)
               ),
               (
                   select count(*)
                   from (
                       select counted.*
                       from "windowClock" clock
                       cross join lateral counted_trends(null, clock.until) counted
                   ) counted
                   full join "projectTrend" stored using ("projectId")
                   where coalesce(counted.day, 0) <> coalesce(stored.day, 0)
                       or coalesce(counted.month, 0) <> coalesce(stored.month, 0)
               )"#,
    )
    .fetch_one(db)
    .await
    .unwrap();
    assert_eq!(wrong, (0, 0));
}

/// `MIGRATED_PROJECTS=100000 cargo nextest run -p xtask --test migrations live --no-capture` prints the time of each step.
#[testkit::test(empty)]
async fn no_reader_and_no_writer_waits_for_long(db: PgPool) {
    let projects = size(5_000);
    let expected = expected_schema(&db).await;
    fill(&db, projects).await;
    let database = db.connect_options();
    let load = Load::start(&database, projects);
    time::sleep(Duration::from_millis(500)).await;

    let started = Instant::now();
    let mut print = |progress: Progress| println!("{progress}");
    let outcome =
        migrations::run(&migrations::migrator(), Options::new(&database, &mut print)).await;
    let elapsed = started.elapsed();
    let (count, longest, statement) = load.end().await;

    outcome.unwrap();
    println!(
        "{projects} projects, {elapsed:?}; {count} statements, longest {longest:?}: {statement}"
    );
    assert!(count > 500, "{count}");
    assert_whole(&db, &expected).await;
}

/// In turn the program dies, and the server ends its connections.
#[testkit::test(empty)]
async fn killed_at_ten_moments_it_ends_in_the_same_schema(db: PgPool) {
    const END: &str = "select count(pg_terminate_backend(pid)) from pg_stat_activity
        where datname = current_database() and application_name = 'migration'";
    let expected = expected_schema(&db).await;
    let projects = size(3_000);
    fill(&db, projects).await;
    let load = Load::start(&db.connect_options(), projects);
    let database = (*db.connect_options())
        .clone()
        .application_name("migration");

    for round in 1..=10_u64 {
        let database = database.clone();
        let run = tokio::spawn(async move {
            let mut quiet = |_| {};
            let options = Options::new(&database, &mut quiet);
            migrations::run(&migrations::migrator(), options).await
        });
        // Times that look random.
        time::sleep(Duration::from_millis(100 + round * 7919 % 400)).await;
        if round % 2 == 0 {
            run.abort();
            // It was aborted, or it had finished.
            assert!(run.await.is_err_and(|error| error.is_cancelled()) || is_migrated(&db).await);
        } else {
            sqlx::raw_sql(END).execute(&db).await.unwrap();
            assert!(run.await.unwrap().is_err() || is_migrated(&db).await);
        }
    }
    let outcome = migrate(&db).await;
    load.end().await;

    outcome.unwrap();
    assert_whole(&db, &expected).await;
}

async fn is_migrated(db: &PgPool) -> bool {
    let mut connection = db.acquire().await.unwrap();
    let plan = migrations::plan(&mut connection, &migrations::migrator()).await;
    plan.unwrap().is_empty()
}

/// A row that an index cannot hold: the Node application serves on, and the next run finishes.
#[testkit::test(empty)]
async fn a_failure_on_a_row_leaves_a_database_that_works(db: PgPool) {
    let expected = expected_schema(&db).await;
    fill(&db, 100).await;
    execute(
        &db,
        "update projects set language = (select string_agg(md5(n::text), '') from generate_series(1, 200) n)
         where id = 'p1'",
    )
    .await;

    let error = migrate(&db).await.unwrap_err().to_string();
    let load = Load::start(&db.connect_options(), 100);
    time::sleep(Duration::from_secs(1)).await;
    load.end().await;

    assert!(error.contains("exceeds btree"), "{error}");
    execute(&db, "update projects set language = null where id = 'p1'").await;
    migrate(&db).await.unwrap();
    assert_whole(&db, &expected).await;
}

/// A plan names the locks, and changes nothing.
#[testkit::test(empty)]
async fn a_plan_describes_the_locks(db: PgPool) {
    execute(&db, PRISMA).await;
    let before = schema(&db).await;

    let mut connection = db.acquire().await.unwrap();
    let plan = migrations::plan(&mut connection, &migrations::migrator())
        .await
        .unwrap()
        .to_string();

    assert_eq!(schema(&db).await, before);
    assert!(
        plan.starts_with("20260101000000 seed tables (one transaction)"),
        "{plan}"
    );
    let index = r#""session_userId_idx" on session"#;
    let place = plan.find(index).expect("the index is planned");
    let lock = plan[place..].lines().nth(1).unwrap().trim();
    assert!(
        lock.starts_with("SHARE UPDATE EXCLUSIVE on session ("),
        "{lock}"
    );
}

/// A reader holds its lock for longer than any attempt waits: others do not queue behind the migration.
#[testkit::test(empty)]
async fn a_long_transaction_delays_the_migration_and_nobody_else(db: PgPool) {
    fill(&db, 1000).await;
    let mut long = db.begin().await.unwrap();
    sqlx::raw_sql(r#"select count(*) from projects; select count(*) from "user""#)
        .execute(&mut *long)
        .await
        .unwrap();
    let database = db.connect_options();
    let load = Load::start(&database, 1000);
    let run = {
        let db = db.clone();
        tokio::spawn(async move { migrate(&db).await.map(drop) })
    };
    time::sleep(Duration::from_secs(2)).await;
    let is_waiting = !run.is_finished();
    long.commit().await.unwrap();

    run.await.unwrap().unwrap();
    load.end().await;
    assert!(is_waiting);
}
