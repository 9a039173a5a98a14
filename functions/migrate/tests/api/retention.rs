//! The scheduled job, which removes expired rows.

use std::time::Duration;

use ::migrations::retention::{RemovedRows, sweep, tables};
use platform::config::Variables;
use sqlx::{ConnectOptions as _, PgConnection, PgPool};
use testkit::storage::LocalStorage;

const ENOUGH: Duration = Duration::from_mins(1);

/// A user with a project, and one expired row and one live row in every table with an expiry.
const ROWS: &str = r#"
    insert into "user" (id, name, email, "updatedAt") values ('u', 'U', 'u@test.example', now());
    insert into projects (id, title, "authorId", "updatedAt") values ('p', 'P', 'u', now());
    create temporary view clock as select now() at time zone 'utc' as now;
    insert into session (id, token, "userId", "expiresAt", "updatedAt")
    select i, i, 'u', now + interval '1 minute' * case i when 'live' then 1 else -1 end, now
    from clock, unnest('{live,expired}'::text[]) i;
    insert into apikey (id, key, "referenceId", "expiresAt", "updatedAt")
    select i, i, 'u', now + interval '1 minute' * case i when 'live' then 1 else -1 end, now
    from clock, unnest('{live,expired}'::text[]) i;
    insert into apikey (id, key, "referenceId", "updatedAt") values ('for ever', 'for ever', 'u', now());
    insert into verification (id, identifier, value, "expiresAt", "updatedAt")
    select i, i, i, now + interval '1 minute' * case i when 'live' then 1 else -1 end, now
    from clock, unnest('{live,expired}'::text[]) i;
    insert into quota (key, count, "resetAt")
    select i, 1, now + interval '1 minute' * case i when 'live' then 1 else -1 end
    from clock, unnest('{live,expired}'::text[]) i;
    insert into "rateLimit" (id, key, count, "lastRequest")
    select i, i, 1, extract(epoch from now()) * 1000 - case i when 'live' then 0 else 3600000 end
    from unnest('{live,expired}'::text[]) i;
    insert into "idempotencyKey" ("userId", route, key, "requestHash", "createdAt")
    select 'u', 'r', i, '', now - interval '1 hour' * case i when 'live' then 23 else 24 end
    from clock, unnest('{live,expired}'::text[]) i;
    insert into "projectView" ("projectId", viewer, day)
    select 'p', 'v', now::date - i from clock, generate_series(0, 1) i;
    insert into "viewSalt" (day, salt)
    select now::date - i, '' from clock, generate_series(0, 1) i;
"#;

async fn connection(db: &PgPool) -> PgConnection {
    db.acquire().await.unwrap().detach()
}

fn total(removed: &RemovedRows) -> u64 {
    removed.counts.iter().map(|(_, count)| count).sum()
}

#[testkit::test]
async fn expired_rows_are_removed_and_others_stay(db: PgPool) {
    let mut db = connection(&db).await;
    sqlx::raw_sql(ROWS).execute(&mut db).await.unwrap();

    let removed = sweep(&mut db, ENOUGH).await.unwrap();

    assert_eq!(
        removed.to_string(),
        "removed 1 sessions, 1 API keys, 1 verifications, 1 quota counters, 1 rate-limit counters, \
         1 idempotency records, 1 views of past days, 1 salts of past days"
    );
    for (count, expected) in [
        ("select count(*) from session", 1),
        ("select count(*) from apikey", 2),
        ("select count(*) from verification", 1),
        ("select count(*) from quota", 1),
        (r#"select count(*) from "rateLimit""#, 1),
        (r#"select count(*) from "idempotencyKey""#, 1),
        (r#"select count(*) from "projectView""#, 1),
        (r#"select count(*) from "viewSalt""#, 1),
        (r#"select count(*) from "user""#, 1),
        ("select count(*) from projects", 1),
    ] {
        let rows: i64 = sqlx::query_scalar(count).fetch_one(&mut db).await.unwrap();
        assert_eq!(rows, expected, "{count}");
    }

    let again = sweep(&mut db, ENOUGH).await.unwrap();
    assert_eq!((total(&again), again.unfinished), (0, false));
}

#[testkit::test]
async fn rows_are_removed_in_batches_within_the_time_limit(db: PgPool) {
    let mut db = connection(&db).await;
    let rows = r#"insert into quota (key, count, "resetAt") select i, 1, '2020-01-01' from generate_series(1, 2500) i"#;
    sqlx::raw_sql(rows).execute(&mut db).await.unwrap();

    let none = sweep(&mut db, Duration::ZERO).await.unwrap();
    assert_eq!((total(&none), none.unfinished), (0, true));
    assert!(
        none.to_string()
            .ends_with("; more is left for the next run")
    );

    let all = sweep(&mut db, ENOUGH).await.unwrap();
    assert_eq!((total(&all), all.unfinished), (2500, false));
}

#[testkit::test]
async fn rows_of_closed_accounts_are_removed_in_steps(db: PgPool) {
    let mut db = connection(&db).await;
    let rows = r#"
        insert into "user" (id, name, email, "updatedAt")
        select i::text, 'U', i || '@test.example', now() from generate_series(0, 2500) i;
        insert into follows (id, "followerId", "followingId")
        select i::text, i::text, '0' from generate_series(1, 2500) i;
        update "user" set "followingCount" = 1 where id <> '0';
        select delete_account('0');
    "#;
    sqlx::raw_sql(rows).execute(&mut db).await.unwrap();
    let closed = r#"select count(*) from "user" where id = '0' and not "isActive""#;
    let closed: i64 = sqlx::query_scalar(closed).fetch_one(&mut db).await.unwrap();
    assert_eq!(closed, 1);

    let none = sweep(&mut db, Duration::ZERO).await.unwrap();
    assert!(none.unfinished);
    let all = sweep(&mut db, ENOUGH).await.unwrap();

    assert!(!all.unfinished);
    for count in [
        "select count(*) from follows",
        r#"select count(*) from "user" where id = '0' or "followingCount" <> 0"#,
        r#"select count(*) from "accountDeletion""#,
    ] {
        let left: i64 = sqlx::query_scalar(count).fetch_one(&mut db).await.unwrap();
        assert_eq!(left, 0, "{count}");
    }
}

#[testkit::test]
async fn a_locked_row_is_left_for_the_next_run(db: PgPool) {
    let mut connection = connection(&db).await;
    sqlx::raw_sql(ROWS).execute(&mut connection).await.unwrap();
    let mut request = db.begin().await.unwrap();
    let lock = "select from session where id = 'expired' for update";
    sqlx::raw_sql(lock).execute(&mut *request).await.unwrap();

    let removed = sweep(&mut connection, ENOUGH).await.unwrap();
    assert_eq!((removed.counts[0], total(&removed)), (("sessions", 0), 7));

    request.rollback().await.unwrap();
    let removed = sweep(&mut connection, ENOUGH).await.unwrap();
    assert_eq!((removed.counts[0], total(&removed)), (("sessions", 1), 1));
}

/// Columns with an expiry in tables that the job does not clean.
const KEPT: [(&str, &str); 9] = [
    // The job moves the clock, and removes the scores of projects that have left the windows.
    ("windowClock", "until"),
    ("projectTrend", "day"),
    // The column is the count of the last 24 hours.
    ("projectFacet", "day"),
    ("account", "accessTokenExpiresAt"),
    ("account", "refreshTokenExpiresAt"),
    ("user", "banExpires"),
    ("picture", "leasedUntil"),
    ("upload", "leasedUntil"),
    ("notificationMark", "readUntil"),
];

#[testkit::test]
async fn every_table_whose_rows_expire_is_cleaned(db: PgPool) {
    let columns: Vec<(String, String)> = sqlx::query_as(
        "select table_name::text, column_name::text from information_schema.columns
         where table_schema = 'public' and column_name ~* 'expire|until|resetAt|lastRequest$|^day$'",
    )
    .fetch_all(&db)
    .await
    .unwrap();
    let cleaned: Vec<String> = tables().map(str::to_owned).collect();

    for (table, column) in &columns {
        assert!(
            cleaned.contains(table) || KEPT.contains(&(table.as_str(), column.as_str())),
            "{table}.{column} is an expiry, and the job does not clean {table}"
        );
    }
    assert!(columns.len() >= 10, "{columns:?}");
}

#[testkit::test]
async fn expired_uploads_and_objects_of_deleted_files_are_removed(db: PgPool) {
    let Some(storage) = LocalStorage::for_tests() else {
        return;
    };
    let rows = r#"
        insert into "user" (id, name, email, "updatedAt") values ('u', 'U', 'u@test.example', now());
        insert into upload (id, "userId", purpose, filename, "contentType", size, status, "createdAt", "updatedAt")
        select status || age, 'u', 'avatar', 'f', 'image/png', 1, status,
            now() at time zone 'utc' - interval '1 hour' * age, now()
        from (values ('pending', 23), ('pending', 25), ('ready', 25), ('ready', 26)) f (status, age);
        delete from upload where id = 'ready26';
    "#;
    sqlx::raw_sql(rows).execute(&db).await.unwrap();
    let url = db.connect_options().to_url_lossy();
    let variables = |endpoint: &str| -> Variables {
        let configured = storage
            .variables()
            .into_iter()
            .map(|(name, value)| match name {
                "S3_ENDPOINT" => (name, endpoint),
                _ => (name, value),
            });
        configured
            .chain([("DATABASE_URL", url.as_str())])
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    };
    let keys = async || -> i64 {
        let count = r#"select count(*) from "objectRemoval""#;
        sqlx::query_scalar(count).fetch_one(&db).await.unwrap()
    };

    // If the bucket cannot be reached, no key is lost.
    let failed = migrate::sweep(&variables("http://127.0.0.1:1"), ENOUGH).await;
    assert!(failed.is_err());
    assert_eq!(keys().await, 4);

    let removed = migrate::sweep(&variables(storage.endpoint()), ENOUGH)
        .await
        .unwrap();

    let removed = removed.to_string();
    assert!(
        removed.ends_with("0 expired uploads, 4 objects of deleted files"),
        "{removed}"
    );
    let left: Vec<String> = sqlx::query_scalar("select id from upload order by id")
        .fetch_all(&db)
        .await
        .unwrap();
    assert_eq!(left, ["pending23", "ready25"]);
    // Keys stay as long as a client may have a signed URL.
    assert_eq!(keys().await, 4);
    let older = r#"update "objectRemoval" set "createdAt" = "createdAt" - interval '12 minutes'"#;
    sqlx::raw_sql(older).execute(&db).await.unwrap();
    migrate::sweep(&variables(storage.endpoint()), ENOUGH)
        .await
        .unwrap();
    assert_eq!(keys().await, 0);
}
