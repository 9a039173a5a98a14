//! No list reads a whole table, whatever is asked.

use sqlx::{PgPool, postgres::PgPoolOptions};

use crate::{app, each};

const STATEMENTS: [&str; 6] = [
    r#"insert into "user" (id, name, email, "updatedAt") select 'u' || i, 'u', 'u' || i, now() from generate_series(1, 5000) i"#,
    r#"insert into projects (id, title, description, content, tags, language, "authorId", "likeCount", "viewCount", "createdAt", "updatedAt")
       select 'p' || i, 'title ' || md5(i::text), md5((i * 7)::text), repeat('content ', 100),
           array['t' || i % 97, 's' || i % 5], (array['Rust', 'Go', 'C'])[1 + i % 3], 'u' || 1 + i % 5000,
           i % 50, i % 1000, timestamp '2025-01-01' + interval '1 minute' * i, timestamp '2025-01-01' + interval '1 minute' * (i % 5000)
       from generate_series(1, 20000) i"#,
    r#"insert into likes (id, "userId", "projectId", "createdAt")
       select 'l' || i, 'u' || 1 + i % 4999, 'p' || 1 + i % 19997, now() at time zone 'utc' - interval '1 minute' * i
       from generate_series(1, 40000) i on conflict do nothing"#,
    r#"insert into comments (id, content, "authorId", "projectId", "createdAt", "updatedAt")
       select 'c' || i, 'x', 'u' || 1 + i % 4999, 'p' || 1 + i % 19997, now() at time zone 'utc' - interval '1 minute' * i, now()
       from generate_series(1, 20000) i"#,
    r#"insert into follows (id, "followerId", "followingId") select 'f' || i, 'u' || i, 'u' || i + 1 from generate_series(1, 4000) i"#,
    "analyze",
];

const QUERIES: [&str; 14] = [
    "",
    "sort=updated",
    "sort=likes",
    "sort=comments",
    "sort=views",
    "tag=t5",
    "tag=t5&sort=likes",
    "language=rust",
    "language=rust&language=go&sort=views",
    "author=u7",
    "likedBy=u7",
    "q=a1b2",
    "q=a1b2&sort=newest",
    "createdAfter=2025-01-14&sort=likes",
];

#[sqlx::test(migrator = "shared::testing::MIGRATOR")]
async fn lists_are_read_from_indexes(db: PgPool) {
    for statement in STATEMENTS {
        sqlx::query(statement).execute(&db).await.unwrap();
    }
    // One connection, which can be told to report what it has read.
    let options = db.connect_options().as_ref().clone();
    let db = PgPoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await
        .unwrap();
    let app = app(&db);
    let ada = app.user("ada").await;

    for query in QUERIES {
        let before = scans(&db).await;
        for caller in [&ada, &app.anyone()] {
            // Often enough that the server may choose a plan for any values.
            for _ in 0..4 {
                let first = caller
                    .get(&format!("/projects?{query}&limit=5"))
                    .await
                    .expect(200);
                let next = first
                    .header("link")
                    .split(['<', '>'])
                    .nth(1)
                    .map(str::to_owned);
                if let Some(next) = next {
                    caller.get(&format!("/projects{next}")).await.expect(200);
                }
                assert!(
                    !each(&first.json(), "id").is_empty() || query.contains("q="),
                    "{query}"
                );
            }
        }
        assert_eq!(scans(&db).await, before, "{query}");
    }
    let before = scans(&db).await;
    for window in ["24h", "7d", "30d"] {
        for _ in 0..7 {
            let path = format!("/projects/facets?window={window}");
            ada.get(&path).await.expect(200);
        }
    }
    assert_eq!(scans(&db).await, before);
}

/// Sequential scans of the large tables so far.
async fn scans(db: &PgPool) -> Vec<(String, i64)> {
    sqlx::query("select pg_stat_force_next_flush()")
        .execute(db)
        .await
        .expect("the statistics are there");
    sqlx::query("select pg_stat_clear_snapshot()")
        .execute(db)
        .await
        .expect("the statistics are there");
    sqlx::query_as(
        "select relname::text, seq_scan from pg_stat_user_tables
         where relname in ('user', 'projects', 'likes', 'comments', 'follows') order by 1",
    )
    .fetch_all(db)
    .await
    .expect("the statistics are there")
}
