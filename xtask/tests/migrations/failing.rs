//! The developers' command names the file, the line and the statement of a migration that fails.

use std::{fs, path::PathBuf};

use sqlx::{ConnectOptions as _, PgPool};
use xtask::migrate;

/// A temporary folder of migrations. Dropping it removes the folder.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("migrations-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, script: &str) -> &Self {
        fs::write(self.0.join(name), script).unwrap();
        self
    }

    async fn apply(&self, db: &PgPool) -> anyhow::Result<migrate::Outcome> {
        migrate::run_from(&self.0, db.connect_options().to_url_lossy().as_str()).await
    }

    /// Applies the migrations and returns the error.
    async fn error(&self, db: &PgPool) -> String {
        format!("{:#}", self.apply(db).await.unwrap_err())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[sqlx::test(migrations = false)]
async fn an_error_has_the_line_of_its_place_in_the_statement(db: PgPool) {
    let folder = Folder::new("place");
    folder.write("1_first.sql", "create table thing (id int);\n");
    folder.write(
        "2_second.sql",
        "-- Two; statements.\nalter table thing add name text;\n\nupdate thing\nset nmae = 'x'\nwhere id = 1;\n",
    );

    let error = folder.error(&db).await;

    assert_eq!(
        error,
        "migrations/2_second.sql:5: column \"nmae\" of relation \"thing\" does not exist\n    set nmae = 'x'"
    );
}

#[sqlx::test(migrations = false)]
async fn an_error_without_a_place_has_the_line_of_its_statement(db: PgPool) {
    let folder = Folder::new("statement");
    folder.write(
        "1_first.sql",
        "create table thing (id int);\n\n/* now */\ngrant select on thing\nto nobody_at_all;\n",
    );

    let error = folder.error(&db).await;

    assert_eq!(
        error,
        "migrations/1_first.sql:4: role \"nobody_at_all\" does not exist\n    grant select on thing"
    );
}

#[sqlx::test(migrations = false)]
async fn an_error_in_a_block_has_its_line_in_the_block(db: PgPool) {
    let folder = Folder::new("block");
    folder.write(
        "1_first.sql",
        "select 1;\ndo $$ begin\n    raise exception 'not so; no';\nend $$;\n",
    );

    let error = folder.error(&db).await;

    assert_eq!(
        error,
        "migrations/1_first.sql:2: not so; no\n    do $$ begin\n    \
         in: PL/pgSQL function inline_code_block line 2 at RAISE"
    );
}

#[sqlx::test(migrations = false)]
async fn a_failure_leaves_nothing_behind(db: PgPool) {
    let folder = Folder::new("nothing");
    folder.write("1_first.sql", "create table thing (id int); select 1/0;\n");

    folder.error(&db).await;

    let tables: i64 =
        sqlx::query_scalar("select count(*) from pg_tables where schemaname = 'public'")
            .fetch_one(&db)
            .await
            .unwrap();
    assert_eq!(tables, 0);
}

#[sqlx::test(migrations = false)]
async fn a_file_that_was_changed_after_it_was_applied_is_named(db: PgPool) {
    let folder = Folder::new("changed");
    folder.write("1_first_things.sql", "create table thing (id int);\n");
    folder.apply(&db).await.unwrap();

    folder.write("1_first_things.sql", "create table thing (id bigint);\n");
    let error = folder.error(&db).await;

    assert!(
        error.starts_with("migrations/1_first_things.sql was changed after it was applied"),
        "{error}"
    );
    assert!(!error.contains("target/postgres"), "{error}");
}

#[sqlx::test(migrations = false)]
async fn two_files_of_one_version_are_rejected(db: PgPool) {
    let folder = Folder::new("twice");
    folder.write("1_first.sql", "select 1;\n");
    folder.write("1_second.sql", "select 1;\n");

    let error = folder.error(&db).await;

    assert_eq!(
        error,
        "migrations/1_first.sql and migrations/1_second.sql have the same version; give the newer file another version"
    );
}

#[tokio::test]
async fn an_error_of_the_connection_has_no_line() {
    let mut url = url::Url::parse(&std::env::var("DATABASE_URL").unwrap()).unwrap();
    url.set_username("nobody_at_all").unwrap();

    let error = migrate::run(url.as_str()).await.unwrap_err();

    assert_eq!(
        format!("{error:#}"),
        "the database cannot be reached: role \"nobody_at_all\" does not exist"
    );
}
