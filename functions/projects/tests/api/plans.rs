//! Plans of the lists: none reads a whole table.

use sqlx::PgPool;
use testing::{
    App,
    statistics::{rows_read, scans, with_one_connection},
};

use crate::{app, each};

const TABLES: [&str; 5] = ["user", "projects", "likes", "comments", "follows"];
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

const QUERIES: [&str; 34] = [
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
    // Nearly all, many, and no projects contain these words.
    "q=title",
    "q=rust",
    "q=nowhere",
    // Terms that no index of trigrams finds.
    "q=zq",
    "q=zq+qz",
    "q=zq&sort=newest",
    "q=c%2B%2B&sort=likes",
    "q=%E6%97%A5%E6%9C%AC&sort=trending",
    "q=nowhere&sort=trending",
    // Words together with tags, languages and times.
    "q=a1b2&tag=t5",
    "q=nowhere&tag=s1&language=rust&sort=likes",
    "q=zq&language=rust&sort=views",
    "q=zq+title&tag=s1",
    "q=title&tag=t5&tag=s2&sort=trending",
    "tag=t5&tag=s2&sort=comments",
    "tag=t5&language=go&sort=trending&window=30d",
    "createdAfter=2025-01-14&q=title&sort=views",
    "sort=trending&window=24h",
    "sort=trending",
    "sort=trending&window=30d",
];

/// Long lists, each in another order.
const LONG: [&str; 9] = [
    "sort=newest",
    "sort=updated",
    "sort=likes",
    "sort=comments",
    "sort=views",
    "tag=s1",
    "language=rust",
    "createdAfter=2025-01-01&sort=views",
    "q=title",
];

// One test, because inserting 20,000 projects takes most of its time.
#[testkit::test]
async fn lists_use_indexes_at_any_depth(db: PgPool) {
    for statement in STATEMENTS {
        sqlx::query(statement)
            .execute(&db)
            .await
            .expect("the rows are inserted");
    }
    let app = app(&with_one_connection(&db).await);

    the_thousandth_page_reads_no_more_than_the_first(&app).await;
    lists_are_read_from_indexes(&app).await;
}

async fn lists_are_read_from_indexes(app: &App) {
    let db = &app.state.db;
    let ada = app.user("ada").await;

    for query in QUERIES {
        let before = scans(db, &TABLES).await;
        for caller in [&ada, &app.anyone()] {
            // After a few executions the server may choose a generic plan.
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
        assert_eq!(scans(db, &TABLES).await, before, "{query}");
    }
    for filter in [
        "tag=t5",
        "q=nowhere",
        "q=zq&language=rust",
        "q=title&tag=s1&tag=t5",
    ] {
        let before = scans(db, &TABLES).await;
        ada.get(&format!("/projects/facets?{filter}"))
            .await
            .expect(200);
        assert_eq!(scans(db, &TABLES).await, before, "{filter}");
    }
    let before = scans(db, &TABLES).await;
    for window in ["24h", "7d", "30d"] {
        for _ in 0..7 {
            let path = format!("/projects/facets?window={window}");
            ada.get(&path).await.expect(200);
        }
    }
    assert_eq!(scans(db, &TABLES).await, before);
}

async fn the_thousandth_page_reads_no_more_than_the_first(app: &App) {
    let (db, anyone) = (&app.state.db, app.anyone());
    let page = async |query: &str| {
        let before = rows_read(db, "projects").await;
        let answer = anyone.get(&format!("/projects?{query}")).await.expect(200);
        let next = answer.header("link").split(['<', '>']).nth(1);
        let next = next.expect("a next page")[1..].to_owned();
        (rows_read(db, "projects").await - before, next)
    };

    for query in LONG {
        let (first, mut next) = page(&format!("{query}&limit=2")).await;
        for _ in 0..20 {
            next = page(&next.replace("limit=2&", "limit=100&")).await.1;
        }
        let (thousandth, _) = page(&next.replace("limit=100&", "limit=2&")).await;
        assert!(
            thousandth <= first + 20,
            "{query}: the thousandth page reads {thousandth} rows, the first {first}"
        );
    }
}
