//! A disk that is full during the migration of a database that Prisma made.

use sqlx::{PgConnection, postgres::PgConnectOptions};

use crate::{node::Node, server::Server};

const PRISMA: &str = include_str!("../../../xtask/tests/migrations/fixtures/prisma.sql");
const ROWS: &str = r#"
    insert into "user" (id, name, email, "updatedAt")
    select 'u' || i, 'User ' || i, 'u' || i || '@example.com', now() from generate_series(1, 2000) i;
    insert into projects (id, title, description, "authorId", "updatedAt")
    select 'p' || i, 'Project ' || i, repeat(md5(i::text), 8), 'u' || 1 + i % 2000, now()
    from generate_series(1, 30000) i;
"#;
/// Size of the disk in MB: the database fits, and its indexes do not.
const DISK: u32 = 32;

async fn migrate(database: &PgConnectOptions) -> anyhow::Result<()> {
    let mut quiet = |_| {};
    let options = migrations::Options::new(database, &mut quiet);
    migrations::run(&migrations::migrator(), options)
        .await
        .map(|_| ())
}

async fn count(db: &mut PgConnection) -> i64 {
    sqlx::query_scalar(r#"select count(*) from projects p join "user" u on u.id = p."authorId""#)
        .fetch_one(db)
        .await
        .unwrap()
}

/// The Node application reads and writes on, and the next run finishes.
#[tokio::test]
async fn a_migration_on_a_full_disk_is_finished_by_the_next_run() {
    let server = Server::start("migration").await;
    if !server.mount_small_disk(DISK).await {
        eprintln!("full disk: not tested, because only root may mount a file system");
        return;
    }
    server
        .execute("create database former tablespace disk")
        .await;
    let database: PgConnectOptions = Node::url(server.port)
        .replace("/app", "/former")
        .parse()
        .unwrap();
    let mut db = server.connect("former").await;
    sqlx::raw_sql(PRISMA).execute(&mut db).await.unwrap();
    sqlx::raw_sql(ROWS).execute(&mut db).await.unwrap();
    let before = count(&mut db).await;

    let error = format!("{:#}", migrate(&database).await.unwrap_err());

    println!("measured: migration on a full disk: {error}");
    assert!(error.contains("No space left on device"), "{error}");
    assert_eq!(count(&mut db).await, before);
    for statement in [
        r#"update "user" set bio = 'new' where id = 'u1'"#,
        r#"insert into likes (id, "userId", "projectId") values ('l', 'u1', 'p1')"#,
        "delete from likes where id = 'l'",
    ] {
        sqlx::raw_sql(statement).execute(&mut db).await.unwrap();
    }

    server.enlarge_disk(4 * DISK).await;
    migrate(&database).await.unwrap();

    let plan = migrations::plan(&mut db, &migrations::migrator()).await;
    assert!(plan.unwrap().is_empty());
    assert_eq!(count(&mut db).await, before);
}
