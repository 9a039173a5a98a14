//! The custom resource of the real binary.

use migrations::Options;
use serde_json::json;
use sqlx::{PgPool, migrate::Migrator};
use xtask::{migrate::migrator, sam::deployment::Deployment};

use crate::{address, deployment};

/// Returns all migrations except the newest.
fn older() -> Migrator {
    let mut migrator = migrator();
    migrator.migrations.to_mut().pop().unwrap();
    migrator
}

async fn recorded(db: &PgPool) -> i64 {
    sqlx::query_scalar("select count(*) from _sqlx_migrations")
        .fetch_one(db)
        .await
        .unwrap()
}

/// Rejects every change of the schema.
const NO_CHANGES: &str = r"
    create function refuse() returns event_trigger language plpgsql as $$
    begin
        if exists (select from pg_event_trigger_ddl_commands()) then
            raise exception 'no changes today';
        end if;
    end
    $$;
    create event trigger refuse on ddl_command_end execute function refuse();
";

async fn point_to(deployment: &Deployment, database: &str) {
    let text = json!({ "DATABASE_URL": database }).to_string();
    let secret = &deployment.database_secret;
    deployment.aws.change_secret(secret, &text).await.unwrap();
}

#[testkit::test(empty)]
async fn an_update_applies_new_migrations_once(db: PgPool) {
    let database = db.connect_options();
    migrations::run(&older(), Options::new(&database, &mut |_| {}))
        .await
        .unwrap();
    let newest = migrator().iter().last().unwrap().version;
    let deployment = deployment(&address(&db)).await;

    let first = deployment.migrate("Update").await.unwrap();
    let second = deployment.migrate("Update").await.unwrap();

    assert_eq!(first["Status"], "SUCCESS", "{first}");
    let applied = first["Reason"].as_str().unwrap();
    let start = format!("applied {newest} ");
    assert!(
        applied.starts_with(&start) && !applied.contains(','),
        "{applied}"
    );
    assert_eq!(second["Status"], "SUCCESS");
    assert_eq!(second["Reason"], "the database had all migrations");
    assert_eq!(second["PhysicalResourceId"], first["PhysicalResourceId"]);
}

#[testkit::test]
async fn the_scheduled_event_removes_expired_rows(db: PgPool) {
    sqlx::raw_sql(r#"insert into quota (key, count, "resetAt") values ('a', 1, '2020-01-01'), ('b', 1, '2999-01-01')"#)
        .execute(&db)
        .await
        .unwrap();
    let deployment = deployment(&address(&db)).await;

    let instance = deployment.start("migrate").await.unwrap();
    let event = json!({ "task": "sweep" });
    let answer = instance.invoke(&event).await.unwrap().response;

    assert_eq!(answer["unfinished"], false, "{answer}");
    assert_eq!(answer["removed"]["quota counters"], 1, "{answer}");
    assert_eq!(answer["removed"]["sessions"], 0, "{answer}");
}

#[testkit::test(empty)]
async fn a_failed_migration_is_rolled_back_and_reported(db: PgPool) {
    let database = db.connect_options();
    migrations::run(&older(), Options::new(&database, &mut |_| {}))
        .await
        .unwrap();
    sqlx::raw_sql(NO_CHANGES).execute(&db).await.unwrap();
    let newest = migrator().iter().last().unwrap().version;
    let before = recorded(&db).await;
    let deployment = deployment(&address(&db)).await;

    let answer = deployment.migrate("Update").await.unwrap();

    assert_eq!(answer["Status"], "FAILED", "{answer}");
    let expected = format!("no changes today (migration {newest})");
    assert_eq!(answer["Reason"], expected);
    assert_eq!(recorded(&db).await, before);
}

#[tokio::test]
async fn an_unreachable_database_fails_the_creation_but_not_the_deletion() {
    let deployment = deployment("unused").await;
    point_to(&deployment, "postgres://app:hunter2@127.0.0.1:1/app").await;

    let created = deployment.migrate("Create").await.unwrap();
    let deleted = deployment.migrate("Delete").await.unwrap();

    assert_eq!(created["Status"], "FAILED");
    let reason = created["Reason"].as_str().unwrap();
    assert!(
        reason.starts_with("the database cannot be reached") && !reason.contains("hunter2"),
        "{reason}"
    );
    assert_eq!(deleted["Status"], "SUCCESS", "{deleted}");
    assert_eq!(deleted["Reason"], "a deletion does not change the database");
}

#[tokio::test]
async fn an_invalid_setting_gets_a_response_too() {
    let mut deployment = deployment("unused").await;
    let environment = &mut deployment.function("migrate").environment;
    environment.insert("RUST_LOG".to_owned(), "info=loud=quiet".to_owned());

    let answer = deployment.migrate("Create").await.unwrap();

    assert_eq!(answer["Status"], "FAILED");
    assert_eq!(answer["Reason"], "the value of RUST_LOG is malformed");
}
