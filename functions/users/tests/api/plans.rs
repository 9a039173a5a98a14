//! Plans of the lists: none reads a whole table.

use sqlx::PgPool;
use testing::statistics::{blocks_read, scans, with_one_connection};

use crate::app;

const TABLES: [&str; 5] = ["user", "account", "projects", "comments", "follows"];
const STATEMENTS: [&str; 6] = [
    r#"insert into "user" (id, name, email, skills, location, "githubUsername", "followersCount", "createdAt", "updatedAt")
       select 'u' || i, 'name ' || md5(i::text), 'u' || i, array['Skill ' || i % 89, 'Rare ' || i % 997]
               || case when i % 10 = 0 then '{C++}'::text[] when i % 4001 = 0 then '{Zq}'::text[] else '{}' end,
           'City ' || i % 997, 'login-' || i, i % 50, timestamp '2025-01-01' + interval '1 minute' * (i % 5000), now()
       from generate_series(1, 20000) i"#,
    r#"insert into follows (id, "followerId", "followingId")
       select 'f' || i, 'u' || 1 + i % 4999, 'u' || 1 + i % 19997 from generate_series(1, 60000) i"#,
    r#"insert into projects (id, title, "authorId", "createdAt", "updatedAt")
       select 'p' || i, 'title', 'u' || 1 + i % 4999, now() at time zone 'utc' - interval '1 minute' * i, now()
       from generate_series(1, 20000) i"#,
    r#"insert into comments (id, content, "authorId", "projectId", "createdAt", "updatedAt")
       select 'c' || i, 'x', 'u' || 1 + i % 4999, 'p' || 1 + i % 19997, now() at time zone 'utc' - interval '1 minute' * i, now()
       from generate_series(1, 20000) i"#,
    r#"insert into account (id, "accountId", "providerId", "userId", "updatedAt")
       select 'a' || i, i, 'github', 'u' || i, now() from generate_series(1, 20000) i"#,
    "vacuum analyze",
];

/// All lists except the facets, which count all users.
const PATHS: [&str; 24] = [
    "/users?",
    "/users?sort=followers",
    "/users?sort=suggested",
    "/users?q=28dd2c79",
    "/users?q=28dd2c79&sort=followers",
    "/users?q=28dd2c79&sort=suggested",
    "/users?q=login-77+name",
    // Terms that only an index of keys finds.
    "/users?q=zq",
    "/users?q=c%2B%2B",
    "/users?q=c%2B%2B&sort=followers",
    "/users?skill=rare+7",
    "/users?skill=rare+8&skill=skill+8&sort=followers",
    "/users?skill=skill+7&sort=suggested",
    "/users?skill=zq",
    "/users?skill=zq&sort=followers",
    "/users?skill=zq&sort=suggested",
    "/users?q=zq&sort=followers",
    "/users?q=zq&sort=suggested",
    "/users?q=zq+name&skill=zq&location=city",
    "/users?location=city+77",
    "/users?location=city+77&sort=followers",
    "/users/u7?",
    "/users/by-github/Login-7?",
    "/users/u7/contributions?",
];

#[testkit::test]
async fn users_are_read_from_indexes(db: PgPool) {
    for statement in STATEMENTS {
        sqlx::query(statement).execute(&db).await.unwrap();
    }
    let app = app(&with_one_connection(&db).await);
    let viewer = app.session("u7").await;
    let db = app.state.db;

    for path in PATHS {
        let before = scans(&db, &TABLES).await;
        // After five executions the server may choose a generic plan.
        for _ in 0..7 {
            let first = viewer.get(&format!("{path}&limit=5")).await.expect(200);
            assert_ne!(first.text(), "[]", "{path}");
            let link = first.headers.get("link");
            let next = link.and_then(|link| link.to_str().unwrap().split(['<', '>']).nth(1));
            if let Some(next) = next {
                viewer.get(&format!("/users{next}")).await.expect(200);
            }
        }
        assert_eq!(scans(&db, &TABLES).await, before, "{path}");
    }

    // Five of 20,000 users match. In the order of a list they would be found by reading nearly all users.
    for sort in ["newest", "followers", "suggested"] {
        for search in ["skill=zq", "q=zq", "skill=zq&q=name"] {
            let path = format!("/users?sort={sort}&{search}");
            viewer.get(&path).await.expect(200);
            let before = blocks_read(&db, &["user"]).await;
            viewer.get(&path).await.expect(200);
            let read = blocks_read(&db, &["user"]).await - before;

            assert!(read < 10_000, "{path} reads {read} blocks");
        }
    }
}
