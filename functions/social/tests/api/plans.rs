//! Plans of the lists: none reads a whole table, and a page far into a list reads no more than the first.

use shared::db::Db;
use sqlx::PgPool;
use testing::{
    App, Caller,
    statistics::{blocks_read, scans, with_one_connection},
};

use crate::{app, sql};

const TABLES: [&str; 5] = ["user", "projects", "likes", "comments", "follows"];

/// Ada (`u1`) has 40 projects, one of which (`p1`) has 3,000 likes and comments. 3,000 users follow her. She follows
/// 1,000 users with a project each. Some of the 5,000 users are hidden.
const STATEMENTS: [&str; 6] = [
    r#"insert into "user" (id, name, email, "updatedAt", "isActive", banned)
       select 'u' || i, 'u', 'u' || i, now(), i % 500 <> 499, case when i % 500 = 498 then true end
       from generate_series(1, 5000) i"#,
    r#"insert into projects (id, title, tags, language, "authorId", "createdAt", "updatedAt")
       select 'p' || i, 'title', array['t' || i % 97, 's' || i % 5], (array['Rust', 'Go', 'C'])[1 + i % 3],
           case when i <= 40 then 'u1' else 'u' || 1 + i % 5000 end,
           timestamp '2025-01-01' + interval '1 minute' * i, now()
       from generate_series(1, 20000) i"#,
    r#"insert into likes (id, "userId", "projectId", "createdAt")
       select 'l' || i, 'u' || 2 + i % 4999, case when i < 3000 then 'p1' else 'p' || 1 + i % 19997 end,
           timestamp '2025-01-01' + interval '1 minute' * i
       from generate_series(1, 40000) i on conflict do nothing"#,
    r#"insert into comments (id, content, "authorId", "projectId", "createdAt", "updatedAt")
       select 'c' || i, 'x', 'u' || 2 + i % 4999, case when i < 3000 then 'p1' else 'p' || 1 + i % 19997 end,
           timestamp '2025-01-01' + interval '1 minute' * i, now()
       from generate_series(1, 20000) i"#,
    r#"insert into follows (id, "followerId", "followingId", "createdAt")
       select 'f' || i, 'u' || i, 'u1', timestamp '2025-01-01' + interval '1 minute' * i
       from generate_series(2, 3001) i
       union all
       select 'g' || i, 'u1', 'u' || i * 5, timestamp '2025-01-01' + interval '1 minute' * i
       from generate_series(1, 999) i
       union all
       select 'h' || i, 'u' || i, 'u' || i + 1, timestamp '2025-01-01' from generate_series(2, 4999) i"#,
    "analyze",
];

const LISTS: [&str; 11] = [
    "/projects/p1/comments?",
    "/projects/p1/comments?sort=newest&",
    "/projects/p1/likes?",
    "/users/u1/followers?",
    "/users/u1/following?",
    "/feed?",
    "/feed?tag=s4&",
    "/feed?language=rust&language=c&",
    "/notifications?",
    "/notifications?type=comment&",
    "/notifications?type=follow&unread=true&",
];

/// Number of pages of ten rows between the first page and the deep one.
const DEPTH: usize = 20;

// One test, because inserting the rows takes most of its time.
#[testkit::test]
async fn lists_and_writes_use_indexes_at_any_depth(db: PgPool) {
    for statement in STATEMENTS {
        sql(&db, statement, &[]).await;
    }
    let app = app(&with_one_connection(&db).await);
    let db = &app.state.db;
    let ada = app.session("u1").await;

    deep_pages_read_no_more_than_the_first(db, &ada).await;
    writes_find_their_rows_by_indexes(db, &ada).await;
    lists_are_read_from_indexes(db, &ada).await;
    notifications_are_found_among_newer_rows_of_others(db, &app).await;
}

async fn lists_are_read_from_indexes(db: &Db, ada: &Caller) {
    let paths = LISTS.iter().map(|path| format!("{path}limit=10"));
    let others = ["/notifications/count", "/comments/c1"].map(str::to_owned);
    for path in paths.chain(others) {
        let before = scans(db, &TABLES).await;
        // After five executions the server may choose a generic plan.
        for _ in 0..7 {
            let answer = ada.get(&path).await.expect(200);
            assert!(answer.body.len() > 2, "{path}");
        }
        assert_eq!(scans(db, &TABLES).await, before, "{path}");
    }
}

/// The newest likes and comments of the site are on projects of others.
async fn notifications_are_found_among_newer_rows_of_others(db: &Db, app: &App) {
    sqlx::query(
        r#"insert into projects (id, title, "authorId", "updatedAt")
           select 'q' || i, 'title', 'u5000', now() from generate_series(1, 5000) i"#,
    )
    .execute(db)
    .await
    .expect("the projects are inserted");
    let quiet = app.session("u5000").await;
    for path in ["/notifications", "/notifications/count"] {
        let read = blocks(db, &quiet, path).await;
        assert!(read < 15_000, "{path} reads {read} blocks");
    }
}

async fn writes_find_their_rows_by_indexes(db: &Db, ada: &Caller) {
    let before = scans(db, &TABLES).await;
    for _ in 0..7 {
        let body = || serde_json::json!({ "content": "x" });
        let id = crate::comment(ada, "p1", "x").await;
        let comment = format!("/comments/{id}");
        ada.put(&comment, body()).await.expect(200);
        ada.delete(&comment).await.expect(204);
        ada.put("/projects/p1/like", body()).await.expect(200);
        ada.delete("/projects/p1/like").await.expect(200);
        ada.put("/users/u2/follow", body()).await.expect(200);
        ada.delete("/users/u2/follow").await.expect(200);
    }
    assert_eq!(scans(db, &TABLES).await, before);
}

async fn deep_pages_read_no_more_than_the_first(db: &Db, ada: &Caller) {
    for list in LISTS {
        let path = list.split('?').next().expect("a path");
        let first = format!("{list}limit=10");
        let mut deep = first.clone();
        for _ in 0..DEPTH {
            let answer = ada.get(&deep).await.expect(200);
            let link = answer.header("link");
            deep = format!("{path}{}", &link[1..link.find('>').expect("a next page")]);
        }
        let (of_first, of_deep) = (blocks(db, ada, &first).await, blocks(db, ada, &deep).await);
        assert!(
            of_deep <= of_first * 3 / 2 + 50,
            "{list}: the first page reads {of_first} blocks, the deep one {of_deep}"
        );
    }
}

/// Returns how many blocks of tables and indexes a warm request for a page reads.
async fn blocks(db: &Db, caller: &Caller, path: &str) -> i64 {
    caller.get(path).await.expect(200);
    let before = blocks_read(db, &TABLES).await;
    caller.get(path).await.expect(200);
    blocks_read(db, &TABLES).await - before
}
