//! Databases that have applied the first text of migrations that were written anew.

use std::path::Path;

use migrations::{Options, Outcome};
use sqlx::{PgPool, migrate::Migrator};

use super::{PRISMA, execute, migrate, rows, schema};

/// The newest migration of the first release.
const FIRST_RELEASE: i64 = 20_260_105_000_000;
/// The newest migration before some were written anew.
const BEFORE_REWRITE: i64 = 20_260_108_000_200;

/// Applies the migrations up to a version as the programs of that time did: in one transaction.
async fn migrate_as_before(db: &PgPool, newest: i64) {
    let migrator = first_texts().await;
    let mut tx = db.begin().await.unwrap();
    migrator.run_to(newest, &mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}

/// The first texts, and those that were never written anew.
async fn first_texts() -> Migrator {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/migrations/fixtures/first");
    let mut first = Migrator::new(folder).await.unwrap();
    let others = migrations::migrator();
    let first_versions: Vec<i64> = first.iter().map(|migration| migration.version).collect();
    let all = first.migrations.to_mut();
    all.extend(
        others
            .iter()
            .filter(|migration| !first_versions.contains(&migration.version))
            .cloned(),
    );
    all.sort();
    first.set_locking(false);
    first
}

async fn is_continued(db: PgPool, newest: i64) -> Outcome {
    migrate(&db).await.unwrap();
    let expected = schema(&db).await;
    execute(&db, "drop schema public cascade; create schema public").await;
    execute(&db, PRISMA).await;
    migrate_as_before(&db, newest).await;
    execute(
        &db,
        r#"insert into comments (id, content, "updatedAt", "authorId", "projectId")
           select 'new', '', now(), "authorId", id from projects where "isPublic""#,
    )
    .await;
    let columns = super::columns(&db).await;
    let columns: Vec<_> = columns
        .into_iter()
        .filter(|(table, _)| table != "_sqlx_migrations")
        .collect();
    let before = rows(&db, &columns).await;

    let outcome = migrate(&db).await.unwrap();

    assert_eq!(rows(&db, &columns).await, before);
    let actual = schema(&db).await;
    for line in &expected {
        assert!(actual.contains(line), "missing: {line}");
    }
    for line in &actual {
        assert!(expected.contains(line), "unexpected: {line}");
    }
    outcome
}

#[testkit::test(empty)]
async fn a_database_of_the_first_release_is_continued(db: PgPool) {
    let outcome = is_continued(db, FIRST_RELEASE).await;

    assert!(
        outcome
            .applied
            .iter()
            .all(|(version, _)| *version > FIRST_RELEASE)
    );
}

#[testkit::test(empty)]
async fn a_database_from_before_the_rewrite_is_continued(db: PgPool) {
    let outcome = is_continued(db, BEFORE_REWRITE).await;

    assert!(
        outcome
            .applied
            .iter()
            .all(|(version, _)| *version > BEFORE_REWRITE)
    );
}

/// After a rollback of the deployment, the program has the first texts.
#[testkit::test(empty)]
async fn an_older_program_accepts_the_database(db: PgPool) {
    migrate(&db).await.unwrap();
    let mut older = first_texts().await;
    older.set_ignore_missing(true);

    let mut connection = db.acquire().await.unwrap();
    let outcome = older.run(&mut *connection).await;

    outcome.unwrap();
}

#[testkit::test(empty)]
async fn a_database_with_another_text_is_rejected(db: PgPool) {
    migrate(&db).await.unwrap();
    execute(
        &db,
        "update _sqlx_migrations set checksum = 'other' where version = 20260101000003",
    )
    .await;

    let mut quiet = |_| {};
    let database = db.connect_options();
    let options = Options::new(&database, &mut quiet);
    let error = migrations::run(&migrations::migrator(), options)
        .await
        .unwrap_err();

    assert_eq!(
        error.to_string(),
        "migration 20260101000003 was previously applied but has been modified"
    );
}
