//! Effects of the custom resource on a database.

use std::time::{Duration, Instant};

use migrate::migrate;
use platform::config::Variables;
use serde_json::Value;
use sqlx::{
    ConnectOptions as _, Connection as _, PgPool, SqlSafeStr as _,
    migrate::{Migration, MigrationType, Migrator},
};

use crate::{CloudFormation, LEFT};

/// Returns the variables of a deployment with this database.
fn variables(url: &str) -> Variables {
    [("DATABASE_URL", url), ("NODE_ENV", "production")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into_iter()
        .collect()
}

fn of(db: &PgPool) -> Variables {
    variables(db.connect_options().to_url_lossy().as_str())
}

/// Returns the project's migrations followed by these.
fn with(migrations: &[(&'static str, &'static str)]) -> Migrator {
    let mut migrator = migrations::migrator();
    let all = migrator.migrations.to_mut();
    for (version, (description, sql)) in (90_000_000_000_000..).zip(migrations) {
        all.push(Migration::new(
            version,
            (*description).into(),
            MigrationType::Simple,
            (*sql).into_sql_str(),
            false,
        ));
    }
    migrator
}

async fn ask(request: &str, variables: &Variables, migrator: &Migrator) -> Value {
    CloudFormation::default()
        .ask(request, LEFT, async |limit| {
            migrate(variables, migrator, limit, false).await
        })
        .await
        .unwrap()
}

/// Returns the names of the tables and the number of recorded migrations.
async fn state(db: &PgPool) -> (Vec<String>, usize) {
    let tables: Vec<String> = sqlx::query_scalar(
        "select table_name::text from information_schema.tables where table_schema = 'public' order by 1",
    )
    .fetch_all(db)
    .await
    .unwrap();
    let recorded: Vec<i64> = if tables.iter().any(|table| table == "_sqlx_migrations") {
        sqlx::query_scalar("select version from _sqlx_migrations")
            .fetch_all(db)
            .await
            .unwrap()
    } else {
        Vec::new()
    };
    (tables, recorded.len())
}

#[testkit::test(empty)]
async fn a_new_stack_gets_its_tables(db: PgPool) {
    let answer = ask("Create", &of(&db), &with(&[])).await;

    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    let outcome = answer["Data"]["Outcome"].as_str().unwrap();
    assert!(outcome.starts_with("applied 2026"), "{outcome}");
    let (tables, recorded) = state(&db).await;
    assert!(tables.contains(&"projects".to_owned()));
    assert_eq!(recorded, with(&[]).migrations.len());
}

#[testkit::test(empty)]
async fn an_update_with_nothing_new_changes_nothing(db: PgPool) {
    ask("Create", &of(&db), &with(&[])).await;
    let before = state(&db).await;

    let answer = ask("Update", &of(&db), &with(&[])).await;

    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    assert_eq!(answer["Reason"], "the database had all migrations");
    assert_eq!(state(&db).await, before);
}

#[testkit::test(empty)]
async fn an_update_with_a_migration_applies_it(db: PgPool) {
    ask("Create", &of(&db), &with(&[])).await;

    let new = with(&[("badges", "create table badges (id text primary key)")]);
    let answer = ask("Update", &of(&db), &new).await;

    assert_eq!(answer["Reason"], "applied 90000000000000 badges");
    assert!(state(&db).await.0.contains(&"badges".to_owned()));
}

#[testkit::test(empty)]
async fn an_older_program_does_not_change_a_newer_schema(db: PgPool) {
    let newer = with(&[("badges", "create table badges (id text primary key)")]);
    ask("Create", &of(&db), &newer).await;
    let before = state(&db).await;

    let answer = ask("Update", &of(&db), &with(&[])).await;

    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    assert_eq!(
        answer["Reason"],
        "the database had all migrations; the database has newer ones, too"
    );
    assert_eq!(state(&db).await, before);
}

#[testkit::test(empty)]
async fn a_failing_migration_leaves_nothing_behind(db: PgPool) {
    ask("Create", &of(&db), &with(&[])).await;
    let (_, before) = state(&db).await;

    let bad = with(&[
        ("badges", "create table badges (id text primary key)"),
        (
            "wrong",
            "create table half (id text); alter table badges add column id text",
        ),
    ]);
    let answer = ask("Update", &of(&db), &bad).await;

    assert_eq!(answer["Status"], "FAILED");
    assert_eq!(
        answer["Reason"],
        r#"column "id" of relation "badges" already exists (migration 90000000000001)"#
    );
    let (tables, recorded) = state(&db).await;
    assert!(!tables.contains(&"half".to_owned()));
    // The one before stays.
    assert!(tables.contains(&"badges".to_owned()));
    assert_eq!(recorded, before + 1);
}

#[testkit::test(empty)]
async fn a_migration_over_its_time_limit_is_rolled_back(db: PgPool) {
    ask("Create", &of(&db), &with(&[])).await;
    let before = state(&db).await;
    let slow = with(&[("slow", "create table half (id text); select pg_sleep(60)")]);
    let variables = of(&db);

    let answer = CloudFormation::default()
        .ask("Create", Duration::from_secs(15), async |limit| {
            migrate(&variables, &slow, limit, false).await
        })
        .await
        .unwrap();

    assert_eq!(answer["Status"], "FAILED");
    assert_eq!(state(&db).await, before);
}

#[testkit::test(empty)]
async fn concurrent_requests_apply_each_migration_once(db: PgPool) {
    let (variables, migrator) = (of(&db), with(&[]));

    let (one, other) = tokio::join!(
        ask("Create", &variables, &migrator),
        ask("Create", &variables, &migrator),
    );

    assert_eq!(one["Status"], "SUCCESS", "{one}");
    assert_eq!(other["Status"], "SUCCESS", "{other}");
    assert_eq!(state(&db).await.1, migrator.migrations.len());
    let idle = "the database had all migrations";
    assert_ne!(one["Reason"] == idle, other["Reason"] == idle);
}

#[tokio::test]
async fn an_unreachable_database_is_retried_and_then_a_failure() {
    let started = Instant::now();

    let variables = variables("postgres://codecave:hunter2@127.0.0.1:1/codecave");
    let answer = CloudFormation::default()
        .ask("Create", Duration::from_secs(18), async |limit| {
            migrate(&variables, &with(&[]), limit, false).await
        })
        .await
        .unwrap();

    assert_eq!(answer["Status"], "FAILED");
    let reason = answer["Reason"].as_str().unwrap();
    assert!(
        reason.starts_with("the database cannot be reached: "),
        "{reason}"
    );
    assert!(
        reason.contains("refused") && !reason.contains("hunter2"),
        "{reason}"
    );
    assert!(
        started.elapsed() > Duration::from_secs(1),
        "the connection was not retried"
    );
}

#[tokio::test]
async fn an_invalid_address_is_not_quoted() {
    for url in ["hunter2", "postgres://codecave:hunter2@[x/codecave"] {
        let answer = ask("Create", &variables(url), &with(&[])).await;

        assert_eq!(answer["Status"], "FAILED");
        assert_eq!(
            answer["Reason"],
            "the value of DATABASE_URL is not an address"
        );
    }
}

#[tokio::test]
async fn a_missing_address_is_reported() {
    let answer = ask("Create", &Variables::default(), &with(&[])).await;

    assert_eq!(answer["Reason"], "DATABASE_URL is missing");
}

/// Behind a pooler, the functions cannot set these limits.
#[testkit::test(empty)]
async fn the_role_has_the_limits_of_statements_behind_a_pooler(db: PgPool) {
    let limits = async || -> [String; 6] {
        let mut connection = db.acquire().await.unwrap().detach();
        let limits: Vec<String> = sqlx::query_scalar(
            "select current_setting(name)
             from unnest('{statement_timeout,lock_timeout,idle_in_transaction_session_timeout,jit,work_mem,
                 client_connection_check_interval}'::text[]) with ordinality as setting (name, place)
             order by place",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        connection.close().await.unwrap();
        limits.try_into().unwrap()
    };
    let url = db.connect_options().to_url_lossy();
    let variables = |pooler: &str| -> Variables {
        [("DATABASE_URL", url.as_str()), ("DATABASE_POOLER", pooler)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .collect()
    };
    let before = limits().await;

    migrate(&variables("none"), &migrations::migrator(), LEFT, false)
        .await
        .unwrap();
    assert_eq!(limits().await, before);
    migrate(
        &variables("transaction"),
        &migrations::migrator(),
        LEFT,
        false,
    )
    .await
    .unwrap();

    let expected = ["5s", "4s", "10s", "off", "16MB", "200ms"];
    assert_eq!(limits().await, expected);
}
