//! Migrations of an empty database, and of one that is up to date.

use sqlx::PgPool;

use super::{columns, execute, migrate, schema};

#[testkit::test(empty)]
async fn an_empty_database_gets_all_tables(db: PgPool) {
    let outcome = migrate(&db).await.unwrap();

    assert!(outcome.applied.len() >= 4);
    let tables: Vec<String> = columns(&db)
        .await
        .into_iter()
        .map(|(table, _)| table)
        .collect();
    for table in [
        "account",
        "apikey",
        "comments",
        "follows",
        "idempotencyKey",
        "likes",
        "notificationMark",
        "projectView",
        "projects",
        "quota",
        "rateLimit",
        "session",
        "upload",
        "user",
        "verification",
        "viewSalt",
    ] {
        assert!(tables.contains(&table.to_owned()), "{table} is missing");
    }
}

#[testkit::test(empty)]
async fn a_second_run_changes_nothing(db: PgPool) {
    migrate(&db).await.unwrap();
    let before = schema(&db).await;

    let outcome = migrate(&db).await.unwrap();

    assert_eq!(outcome.applied, []);
    assert_eq!(schema(&db).await, before);
}

#[testkit::test(empty)]
async fn concurrent_migrators_wait_for_each_other(db: PgPool) {
    let (a, b, c) = tokio::join!(migrate(&db), migrate(&db), migrate(&db));

    let mut applied = [a, b, c].map(|outcome| outcome.unwrap().applied.len());
    applied.sort_unstable();
    assert_eq!(applied[..2], [0, 0]);
    assert!(applied[2] >= 4);
}

#[testkit::test(empty)]
async fn an_older_program_leaves_a_newer_database_alone(db: PgPool) {
    migrate(&db).await.unwrap();
    execute(
        &db,
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values (99991231000000, 'from the future', true, '', 0)",
    )
    .await;

    let outcome = migrate(&db).await.unwrap();

    assert_eq!(outcome.applied, []);
    assert_eq!(outcome.unknown, [99_991_231_000_000]);
}

#[testkit::test(empty)]
async fn a_failing_migration_leaves_nothing_behind_and_the_next_run_finishes(db: PgPool) {
    migrate(&db).await.unwrap();
    let expected = schema(&db).await;
    execute(&db, "drop schema public cascade; create schema public").await;
    // The migration creates another table before this one.
    execute(&db, "create table upload (id text)").await;

    let error = migrate(&db).await.unwrap_err().to_string();

    assert!(
        error.contains(r#"relation "upload" already exists"#),
        "{error}"
    );
    let left: bool = sqlx::query_scalar("select to_regclass('quota') is not null")
        .fetch_one(&db)
        .await
        .unwrap();
    assert!(!left);

    execute(&db, "drop table upload").await;
    migrate(&db).await.unwrap();
    assert_eq!(schema(&db).await, expected);
}

/// The role owns the schema and may not create extensions, as on some hosted servers.
#[testkit::test(empty)]
async fn a_server_without_trigrams_is_migrated(db: PgPool) {
    // A role that may not create objects in the database cannot create extensions either.
    execute(
        &db,
        "
        do $$
        begin
            execute format('create role %I login', current_database() || '_owner');
            execute format('alter schema public owner to %I', current_database() || '_owner');
            execute format('revoke create on database %I from public', current_database());
        end
        $$
        ",
    )
    .await;
    let name = db.connect_options().get_database().unwrap().to_owned();
    let owner = (*db.connect_options())
        .clone()
        .username(&format!("{name}_owner"));
    let limited = PgPool::connect_with(owner).await.unwrap();

    let outcome = migrate(&limited).await;
    let trigrams: bool =
        sqlx::query_scalar("select exists (select from pg_extension where extname = 'pg_trgm')")
            .fetch_one(&db)
            .await
            .unwrap();
    let found: bool = sqlx::query_scalar(
        "select project_search_text('A title', null, 'Rust', '{Web,CLI}') like '%' || lower('cLi') || '%'",
    )
    .fetch_one(&limited)
    .await
    .unwrap();

    limited.close().await;
    execute(
        &db,
        "
        do $$
        begin
            execute format('reassign owned by %I to current_user', current_database() || '_owner');
            execute format('drop role %I', current_database() || '_owner');
        end
        $$
        ",
    )
    .await;
    assert!(outcome.unwrap().applied.len() >= 4);
    assert!(!trigrams);
    assert!(found);
}
