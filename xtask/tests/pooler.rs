//! Many instances of a function behind PgBouncer, with a server that allows fewer connections than there are instances.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::path::Path;

use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::{emulator::Instance, postgres::PgBouncer, workspace};
use url::Url;
use xtask::bundle;

const INSTANCES: usize = 200;
const CONNECTIONS: usize = 100;

/// `BETTER_AUTH_SECRET`, which signs the cookie.
const SECRET: &str = "reference-secret-for-tests-0123456789abcdef";
/// Token of the session in the cookie.
const TOKEN: &str = "pAQ8n2FvXb7Zc1LmT5yRk0WuJ6HsDg3E";
const COOKIE: &str = "better-auth.session_token=\
    pAQ8n2FvXb7Zc1LmT5yRk0WuJ6HsDg3E.rrjlU9T7lxoX8YJn8E5J51QY6%2BHEH%2BoBTjFtbbUYZgI%3D";

#[testkit::test]
#[ignore = "PgBouncer is needed: `cargo xtask test pooler`"]
async fn instances_queue_for_connections(db: PgPool) {
    let role = format!("few_connections_{}", std::process::id());
    let database = restricted(&db, &role).await;
    let pooler = PgBouncer::start(&database, u32::try_from(CONNECTIONS).unwrap())
        .await
        .unwrap()
        .expect("PgBouncer is on this machine");
    sign_in(&db).await;
    let users = bundle::build().await.unwrap().remove("users").unwrap();
    let url = pooler.url(&database).unwrap();

    for mode in pooler.modes() {
        let instances = join_all((0..INSTANCES).map(|_| start(&users, &url, mode))).await;
        let mut event = event();
        event["cookies"] = json!([COOKIE]);
        let answers = join_all(instances.iter().map(|instance| instance.invoke(&event))).await;

        for answer in answers {
            let answer = answer.unwrap().response;
            assert_eq!(answer["statusCode"], 200, "{answer}");
        }
    }
    drop(pooler);
    release(&db, &role).await;
}

/// Creates a role with a limit of connections, and returns the address of the database for this role.
async fn restricted(db: &PgPool, role: &str) -> String {
    for statement in [
        format!("create role {role} login connection limit {CONNECTIONS}"),
        format!("grant select, insert, update, delete on all tables in schema public to {role}"),
    ] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
            .execute(db)
            .await
            .unwrap();
    }
    let mut url = Url::parse(&testkit::database::address(db)).unwrap();
    url.set_username(role).unwrap();
    url.into()
}

async fn release(db: &PgPool, role: &str) {
    let statement = format!("drop owned by {role}; drop role {role}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
        .execute(db)
        .await
        .unwrap();
}

async fn sign_in(db: &PgPool) {
    sqlx::raw_sql(
        r#"insert into "user" (id, name, email, "emailVerified", "updatedAt")
           values ('ada', 'Ada', 'ada@test.example', true, now() at time zone 'utc')"#,
    )
    .execute(db)
    .await
    .unwrap();
    sqlx::query(
        r#"insert into session (id, token, "userId", "expiresAt", "createdAt", "updatedAt")
           values ('s', $1, 'ada', now() at time zone 'utc' + interval '7 days', now() at time zone 'utc', now() at time zone 'utc')"#,
    )
    .bind(TOKEN)
    .execute(db)
    .await
    .unwrap();
}

async fn start(binary: &Path, database: &str, mode: &str) -> Instance {
    let variables = [
        ("DATABASE_URL", database),
        ("DATABASE_POOLER", mode),
        ("BETTER_AUTH_URL", "http://localhost:3001"),
        ("BETTER_AUTH_SECRET", SECRET),
        ("NODE_ENV", "test"),
    ];
    Instance::start(binary, &variables).await.unwrap()
}

fn event() -> Value {
    let path = workspace().join("events/users-get-profile.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}
