//! Migrations of the database of the Node application.

use sqlx::PgPool;

use super::{PRISMA, columns, execute, migrate, rows, schema};

#[testkit::test(empty)]
async fn it_has_the_same_schema_as_an_empty_start(db: PgPool) {
    migrate(&db).await.unwrap();
    let expected = schema(&db).await;
    execute(&db, "drop schema public cascade; create schema public").await;
    execute(&db, PRISMA).await;

    migrate(&db).await.unwrap();

    similar(&schema(&db).await, &expected);
}

#[testkit::test(empty)]
async fn every_row_still_reads_the_same(db: PgPool) {
    execute(&db, PRISMA).await;
    let columns = columns(&db).await;
    let before = rows(&db, &columns).await;
    assert_eq!(before.len(), 15);

    migrate(&db).await.unwrap();

    assert_eq!(rows(&db, &columns).await, before);
}

#[testkit::test(empty)]
async fn nothing_that_was_there_is_changed(db: PgPool) {
    execute(&db, PRISMA).await;
    let before = schema(&db).await;

    migrate(&db).await.unwrap();

    let after = schema(&db).await;
    for line in before {
        assert!(after.contains(&line), "lost: {line}");
    }
}

#[testkit::test(empty)]
async fn everybody_starts_as_a_user_who_is_not_banned(db: PgPool) {
    execute(&db, PRISMA).await;

    migrate(&db).await.unwrap();

    let all: bool = sqlx::query_scalar(
        r#"select bool_and(role = 'user' and not banned and "banReason" is null and "banExpires" is null) from "user""#,
    )
    .fetch_one(&db)
    .await
    .unwrap();
    assert!(all);
}

/// Runs statements of Prisma's client, which names the columns of its own schema.
#[testkit::test(empty)]
async fn the_node_application_still_writes(db: PgPool) {
    execute(&db, PRISMA).await;
    migrate(&db).await.unwrap();

    execute(
        &db,
        r#"
        INSERT INTO "public"."user" ("id", "name", "email", "emailVerified", "createdAt", "updatedAt", "skills", "provider",
            "projectsCount", "followersCount", "followingCount", "isActive", "isPro")
        VALUES ('new', 'New', 'new@example.com', false, now(), now(), '{}', CAST('GITHUB'::text AS "public"."AuthProvider"),
            0, 0, 0, true, false);
        INSERT INTO "public"."session" ("id", "expiresAt", "token", "createdAt", "updatedAt", "userId")
        VALUES ('s', now(), 't', now(), now(), 'new');
        DELETE FROM "public"."user" WHERE "id" = 'new';
        "#,
    )
    .await;

    let sessions: i64 =
        sqlx::query_scalar(r#"select count(*) from session where "userId" = 'new'"#)
            .fetch_one(&db)
            .await
            .unwrap();
    assert_eq!(sessions, 0);
}

/// The Node server's plugin for API keys may have created the table already. Its migration tool makes most columns nullable.
#[testkit::test(empty)]
async fn a_table_of_api_keys_that_the_node_server_made_is_completed(db: PgPool) {
    execute(&db, PRISMA).await;
    execute(
        &db,
        r#"
        create table apikey (
            id text primary key, "configId" text not null default 'default', name text, "referenceId" text not null,
            key text not null, enabled boolean default true, "rateLimitEnabled" boolean default true,
            "requestCount" integer default 0, "createdAt" timestamp(3) not null, "updatedAt" timestamp(3) not null
        );
        insert into apikey (id, "referenceId", key, "createdAt", "updatedAt") values ('k', 'u', 'hash', now(), now());
        "#,
    )
    .await;

    migrate(&db).await.unwrap();

    let (_, columns) = columns(&db)
        .await
        .into_iter()
        .find(|(table, _)| table == "apikey")
        .unwrap();
    assert_eq!(columns.len(), 22);
}

#[testkit::test(empty)]
async fn accounts_become_unique(db: PgPool) {
    execute(&db, PRISMA).await;

    migrate(&db).await.unwrap();

    let twice = sqlx::query(
        r#"insert into account (id, "accountId", "providerId", "userId", "updatedAt")
           values ('x', '1', 'github', '8caMrTnMcigjTr1enwmrEoXj71xdbsma', now())"#,
    )
    .execute(&db)
    .await
    .unwrap_err();
    let constraint = twice.as_database_error().unwrap().constraint();
    assert_eq!(constraint, Some("account_providerId_accountId_key"));
}

#[testkit::test(empty)]
async fn accounts_that_are_there_twice_stay_and_get_a_plain_index(db: PgPool) {
    execute(&db, PRISMA).await;
    execute(
        &db,
        r#"insert into account (id, "accountId", "providerId", "userId", "updatedAt")
           values ('x', '1', 'github', '8caMrTnMcigjTr1enwmrEoXj71xdbsma', now())"#,
    )
    .await;
    let columns = columns(&db).await;
    let before = rows(&db, &columns).await;

    migrate(&db).await.unwrap();

    assert_eq!(rows(&db, &columns).await, before);
    let schema = schema(&db).await;
    let index = r#"CREATE INDEX "account_providerId_accountId_idx" ON public.account USING btree ("providerId", "accountId")"#;
    assert!(schema.contains(&index.to_owned()));
    assert!(
        !schema
            .iter()
            .any(|line| line.contains("account_providerId_accountId_key"))
    );
}

/// Asserts that both lists have the same lines. `assert_eq!` on two long lists would hide the line that differs.
fn similar(actual: &[String], expected: &[String]) {
    for line in expected {
        assert!(actual.contains(line), "missing: {line}");
    }
    for line in actual {
        assert!(expected.contains(line), "unexpected: {line}");
    }
}
