//! Databases that cannot be migrated are rejected with one sentence and stay unchanged.

use sqlx::PgPool;

use super::{HAND_MADE, PRISMA, execute, migrate, schema};

/// Asserts that the migration of a database with `fixture` and `change` fails with this sentence and changes nothing.
async fn assert_refused(db: PgPool, fixture: &'static str, change: &'static str, sentence: &str) {
    execute(&db, fixture).await;
    execute(&db, change).await;
    let before = schema(&db).await;

    let error = migrate(&db).await.unwrap_err();

    assert_eq!(
        format!("{error:#}"),
        format!("{sentence} (migration 20260101000000)")
    );
    assert_eq!(schema(&db).await, before);
}

/// Each entry has the name of a test, a database, a change to it, and the sentence of the error.
macro_rules! refused {
    ($($name:ident: $fixture:ident, $change:literal, $sentence:literal;)+) => {
        $(
            #[testkit::test(empty)]
            async fn $name(db: PgPool) {
                assert_refused(db, $fixture, $change, $sentence).await;
            }
        )+
    };
}

refused! {
    users_in_the_plural: PRISMA,
        r#"alter table "user" rename to users"#,
        r#"this database cannot be migrated: it has the table "users" of the first Prisma migration but no table "user"; apply the later Prisma migrations, or rename "users" to "user", and migrate again"#;

    times_with_a_zone: HAND_MADE,
        r#"alter table session alter "expiresAt" type timestamptz"#,
        r#"this database cannot be migrated as it is: column session."expiresAt" is timestamp with time zone instead of timestamp"#;

    several_problems_in_one_sentence: HAND_MADE,
        r#"alter table account alter "accessToken" type varchar(255); alter table session drop column token"#,
        r#"this database cannot be migrated as it is: column account."accessToken" is character varying(255) instead of text; table session has no column token"#;

    ids_of_another_type: PRISMA,
        "alter table comments alter id type uuid using id::uuid",
        "this database cannot be migrated as it is: column comments.id is uuid instead of text";

    names_of_another_style: HAND_MADE,
        r#"alter table account rename "userId" to user_id"#,
        r#"this database cannot be migrated as it is: column account.user_id is not null, has no default and is unknown here; table account has no column "userId""#;

    a_required_column_that_nobody_fills: PRISMA,
        "alter table account add issuer text not null default ''; alter table account alter issuer drop default",
        "this database cannot be migrated as it is: column account.issuer is not null, has no default and is unknown here";

    a_provider_that_cannot_be_stored: PRISMA,
        r#"alter type "AuthProvider" rename value 'GOOGLE' to 'EMAIL'"#,
        r#"this database cannot be migrated as it is: enum "AuthProvider" has no label GOOGLE"#;

    a_table_without_a_key: HAND_MADE,
        "alter table verification drop constraint verification_pkey",
        r#"this database cannot be migrated as it is: table verification has no primary key on "id""#;

    a_view_in_the_place_of_a_table: HAND_MADE,
        "alter table verification rename to verifications; create view verification as select * from verifications",
        "this database cannot be migrated as it is: verification is not a table";

    a_reference_that_keeps_users_from_being_deleted: PRISMA,
        r#"alter table likes drop constraint "likes_userId_fkey"; alter table likes add constraint "likes_userId_fkey" foreign key ("userId") references "user" (id)"#,
        r#"this database cannot be migrated as it is: likes."userId" references "user" without "on delete cascade""#;

    a_reference_to_another_table: PRISMA,
        r#"create table users (id text primary key); truncate projects cascade; alter table projects drop constraint "projects_authorId_fkey"; alter table projects add foreign key ("authorId") references users (id) on delete cascade"#,
        r#"this database cannot be migrated as it is: projects."authorId" references users instead of "user""#;

    a_trigger_that_moves_the_time_of_a_project: PRISMA,
        r#"create function touch() returns trigger language plpgsql as 'begin new."updatedAt" = now(); return new; end'; create trigger touched before update on projects for each row execute function touch()"#,
        "this database cannot be migrated as it is: trigger touched changes rows of projects";

    a_missing_time: HAND_MADE,
        r#"alter table "user" disable trigger all; update "user" set "createdAt" = null; alter table "user" enable trigger all"#,
        r#"this database cannot be migrated as it is: column "user"."createdAt" holds nulls"#;

    two_users_with_one_address: HAND_MADE,
        r#"alter table "user" drop constraint user_email_key; insert into "user" (id, name, email) values ('x', 'X', 'sarah@example.com')"#,
        r#"this database cannot be migrated as it is: rows of "user" have the same (email)"#;

    an_account_of_nobody: HAND_MADE,
        r#"update account set "userId" = 'nobody'"#,
        r#"this database cannot be migrated as it is: rows of account."userId" have no row in "user""#;

    an_older_table_of_api_keys: PRISMA,
        r#"create table apikey (id text primary key, key text not null, "userId" text)"#,
        r#"this database cannot be migrated as it is: table apikey has no column "configId"; table apikey has no column "createdAt"; table apikey has no column "rateLimitEnabled"; table apikey has no column "referenceId"; table apikey has no column "requestCount"; table apikey has no column "updatedAt"; table apikey has no column enabled"#;
}
