//! Migrations of a database that a script created instead of Prisma. They add what is missing.

use sqlx::PgPool;

use super::{HAND_MADE, columns, execute, migrate, rows, schema};

#[testkit::test(empty)]
async fn every_row_still_reads_the_same(db: PgPool) {
    execute(&db, HAND_MADE).await;
    let columns = columns(&db).await;
    let before = rows(&db, &columns).await;
    assert_eq!(before.len(), 4);

    migrate(&db).await.unwrap();

    assert_eq!(rows(&db, &columns).await, before);
}

#[testkit::test(empty)]
async fn nothing_that_was_there_is_changed(db: PgPool) {
    execute(&db, HAND_MADE).await;
    let before = schema(&db).await;

    migrate(&db).await.unwrap();

    let after = schema(&db).await;
    for line in before {
        assert!(after.contains(&line), "lost: {line}");
    }
}

#[testkit::test(empty)]
async fn it_has_all_columns_indexes_and_constraints_of_an_empty_start(db: PgPool) {
    migrate(&db).await.unwrap();
    let columns_expected = columns(&db).await;
    let expected = schema(&db).await;
    execute(&db, "drop schema public cascade; create schema public").await;
    execute(&db, HAND_MADE).await;

    migrate(&db).await.unwrap();

    assert_eq!(columns(&db).await, columns_expected);
    let actual = schema(&db).await;
    // Prisma's constraint also follows a change of the user's id, which never happens.
    let own = "constraint \"session_userId_fkey\"";
    for line in expected
        .iter()
        .filter(|line| !line.starts_with("column ") && !line.starts_with(own))
    {
        assert!(actual.contains(line), "missing: {line}");
    }
}

/// Runs the statements of a first sign-in, of the first use of its cookie, and of the deletion of the account.
#[testkit::test(empty)]
async fn the_application_can_write(db: PgPool) {
    execute(&db, HAND_MADE).await;
    migrate(&db).await.unwrap();

    execute(
        &db,
        r#"
        insert into "user" (id, name, email, "emailVerified", "createdAt", "updatedAt", provider, role)
        values ('new', 'New', 'new@example.com', true, now(), now(), 'GOOGLE', 'user');
        insert into account (id, "accountId", "providerId", "userId", "idToken", "createdAt", "updatedAt")
        values ('a', '7', 'google', 'new', 'e30', now(), now());
        insert into session (id, token, "userId", "expiresAt", "ipAddress", "userAgent", "createdAt", "updatedAt")
        values ('s', 't', 'new', now(), '', '', now(), now());
        update session set "expiresAt" = now(), "updatedAt" = now() where token = 't';
        insert into projects (id, title, "authorId", "updatedAt") values ('p', 'Title', 'new', now());
        delete from "user" where id = 'new';
        "#,
    )
    .await;

    let left: i64 = sqlx::query_scalar(
        "select (select count(*) from account where id = 'a') + (select count(*) from session where id = 's')
               + (select count(*) from projects)",
    )
    .fetch_one(&db)
    .await
    .unwrap();
    assert_eq!(left, 0);
}
