//! Lists whose matches are so far apart that an index must find them. Each page continues where the previous page ended, and no
//! match is missing.

use sqlx::PgPool;
use testing::{Caller, each};

use crate::app;

const STATEMENTS: [&str; 4] = [
    r#"insert into "user" (id, name, email, "isActive", "updatedAt")
       values ('a', 'A', 'a', true, now()), ('b', 'B', 'b', true, now()), ('hidden', 'H', 'h', false, now())"#,
    // The order by likes is the reverse of the order by time, and that by views is neither.
    r#"insert into projects
           (id, title, tags, language, "authorId", "likeCount", "viewCount", "commentCount", "createdAt", "updatedAt")
       select
           'p' || i,
           'Plain' || case when i % 1300 = 0 then ' kelp' else '' end || case when i % 2500 = 0 then ' xq' else '' end,
           array['wide']
               || case when i > 2500 then '{broad}'::text[] else '{}' end
               || case when i % 1300 = 650 then '{deep}'::text[] else '{}' end,
           case when i % 1100 = 7 then 'Deep' when i > 3000 then 'Broad' else 'Wide' end,
           case when i % 5200 = 0 then 'hidden' else 'a' end,
           i, i * 7919 % 13001, i % 11,
           timestamp '2025-01-01' - interval '1 minute' * i, timestamp '2025-01-01' - interval '1 minute' * (i * 31 % 13000)
       from generate_series(1, 13000) i"#,
    r#"insert into likes (id, "userId", "projectId", "createdAt")
       select id, 'b', id, now() at time zone 'utc' - interval '1 minute'
       from projects
       where "likeCount" % 3 = 0"#,
    "analyze",
];

/// Filters, and the same conditions on `projects p`.
const FILTERS: [(&str, &str); 10] = [
    ("q=kelp", "p.title like '%kelp%'"),
    ("q=kelp+plain", "p.title like '%kelp%'"),
    ("q=xq", "p.title like '%xq%'"),
    ("q=xq+plain", "p.title like '%xq%'"),
    ("tag=deep", "p.tags @> '{deep}'"),
    (
        "tag=broad&language=deep",
        "p.tags @> '{broad}' and p.language = 'Deep'",
    ),
    ("tag=wide&q=kelp", "p.title like '%kelp%'"),
    (
        "language=broad&tag=wide&q=xq",
        "p.language = 'Broad' and p.title like '%xq%'",
    ),
    ("language=deep&language=none", "p.language = 'Deep'"),
    (
        "createdAfter=2024-12-24T00:00:00Z&q=xq",
        r#"p.title like '%xq%' and p."createdAt" > '2024-12-24'"#,
    ),
];

const SORTS: [(&str, &str); 6] = [
    ("newest", r#"p."createdAt""#),
    ("updated", r#"p."updatedAt""#),
    ("likes", r#"p."likeCount""#),
    ("views", r#"p."viewCount""#),
    ("comments", r#"p."commentCount""#),
    (
        "trending",
        r#"(select count(*) from likes l where l."projectId" = p.id)"#,
    ),
];

#[testkit::test]
async fn pages_contain_each_match_in_order_however_far_it_is(db: PgPool) {
    let app = app(&db);
    let anyone = app.anyone();
    for statement in STATEMENTS {
        sqlx::query(statement).execute(&db).await.unwrap();
    }
    for (filter, condition) in FILTERS {
        for (sort, order) in SORTS {
            let expected: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
                r#"select p.id from projects p where p."authorId" = 'a' and {condition}
                   order by {order} desc, p."createdAt" desc, p.id desc"#
            )))
            .fetch_all(&db)
            .await
            .unwrap();
            assert!((3..13).contains(&expected.len()), "{filter}: {expected:?}");
            let path = format!("/projects?{filter}&sort={sort}&limit=4");
            assert_eq!(pages(&anyone, path).await, expected, "{filter} by {sort}");
        }
        let facets = anyone
            .get(&format!("/projects/facets?{filter}"))
            .await
            .expect(200)
            .json();
        let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            r#"select count(*) from projects p where p."authorId" = 'a' and {condition}"#
        )))
        .fetch_one(&db)
        .await
        .unwrap();
        assert_eq!(facets["tags"][0]["count"], count, "{filter}");
    }
    // All matches have the words in their titles and therefore the same rank, so the newest come first.
    for query in ["q=kelp", "q=xq", "q=kelp+plain"] {
        let newest = pages(&anyone, format!("/projects?{query}&sort=newest&limit=4")).await;
        let best = pages(&anyone, format!("/projects?{query}&limit=3")).await;
        assert_eq!(best, newest, "{query}");
    }
}

/// Returns the ids of all pages.
async fn pages(caller: &Caller, first: String) -> Vec<String> {
    let mut ids = Vec::new();
    let mut path = Some(first);
    while let Some(page) = path {
        let answer = caller.get(&page).await.expect(200);
        ids.extend(each(&answer.json(), "id").into_iter().map(str::to_owned));
        let next = answer
            .header("link")
            .split(['<', '>'])
            .nth(1)
            .map(str::to_owned);
        path = next.map(|query| format!("/projects{query}"));
    }
    ids
}
