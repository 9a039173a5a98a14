//! Pages of `GET /projects`.

use serde_json::json;
use shared::http::Cursor;
use sqlx::PgPool;
use testing::Caller;

use crate::{app, each, project, sql};

const ORDERS: [&str; 10] = [
    "sort=newest",
    "sort=updated",
    "sort=likes",
    "sort=comments",
    "sort=views",
    "sort=trending",
    "sort=trending&window=30d",
    "sort=relevance&q=p%201",
    "sort=newest&tag=t",
    "likedBy=fan",
];

/// Inserts 26 projects with many ties in every order.
async fn fill(db: &PgPool, author: &str) {
    for statement in [
        r#"insert into "user" (id, name, email, "updatedAt") values ('fan', 'f', 'f', now()), ('other', 'o', 'o', now())
           on conflict do nothing"#,
        r#"insert into projects (id, title, tags, "authorId", "likeCount", "viewCount", "createdAt", "updatedAt")
           select 'id' || i, 'p ' || i % 3 || ' 1', case when i % 2 = 0 then '{t}'::text[] else '{1}' end, $1, i % 3, i % 4,
               timestamp '2025-01-01' + interval '1 second' * (i % 5),
               timestamp '2025-01-01' + interval '1 second' * (i % 7)
           from generate_series(1, 26) i"#,
        r#"insert into likes (id, "userId", "projectId", "createdAt")
           select 'l' || p.id, 'fan', p.id, now() at time zone 'utc' - interval '1 hour' * (p."likeCount" % 2)
           from projects p where "viewCount" <> 1"#,
        r#"insert into comments (id, content, "authorId", "projectId", "createdAt", "updatedAt")
           select 'c' || p.id, 'x', 'other', p.id, now() at time zone 'utc', now()
           from projects p where "likeCount" = 1"#,
    ] {
        let arguments: &[&str] = if statement.contains("$1") {
            &[author]
        } else {
            &[]
        };
        sql(db, statement, arguments).await;
    }
}

/// Returns the ids of all pages, each of which is reached by the previous page's link.
async fn walk(caller: &Caller, query: &str, limit: usize) -> Vec<String> {
    let mut path = format!("/projects?{query}&limit={limit}");
    let mut ids = Vec::new();
    loop {
        let page = caller.get(&path).await.expect(200);
        ids.extend(each(&page.json(), "id").into_iter().map(str::to_owned));
        assert!(ids.len() <= 100, "the pages of {query} do not end");
        let link = page.header("link");
        if link.is_empty() {
            return ids;
        }
        assert_eq!(each(&page.json(), "id").len(), limit);
        let target = link
            .strip_prefix('<')
            .and_then(|link| link.strip_suffix(r#">; rel="next""#));
        path = format!("/projects{}", target.expect("a link to the next page"));
    }
}

#[testkit::test]
async fn the_pages_have_each_row_once(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    fill(&db, &ada.id).await;

    for order in ORDERS {
        for own in ["", &format!("&author={}", ada.id)] {
            let query = format!("{order}{own}");
            let whole = walk(&ada, &query, 100).await;
            let mut unique = whole.clone();
            unique.sort();
            unique.dedup();
            assert_eq!(unique.len(), whole.len(), "{query}");
            assert!(whole.len() >= 13, "{query}");
            for limit in [1, 4, 13, 25] {
                assert_eq!(walk(&ada, &query, limit).await, whole, "{query} by {limit}");
            }
        }
    }
}

#[testkit::test]
async fn new_rows_do_not_shift_the_pages(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    fill(&db, &ada.id).await;
    let whole = walk(&ada, "sort=newest", 100).await;

    let first = ada.get("/projects?limit=10").await.expect(200);
    project(&ada, "newer").await;
    sql(&db, "delete from projects where id = $1", &[&whole[9]]).await;
    let next = first
        .header("link")
        .split(['<', '>'])
        .nth(1)
        .unwrap()
        .to_owned();
    let second = ada
        .get(&format!("/projects{next}"))
        .await
        .expect(200)
        .json();

    assert_eq!(each(&second, "id"), whole[10..20]);
}

#[testkit::test]
async fn all_pages_of_trending_use_the_time_of_the_first(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    fill(&db, &ada.id).await;
    let whole = walk(&ada, "sort=trending", 100).await;

    let first = ada
        .get("/projects?sort=trending&limit=10")
        .await
        .expect(200);
    sql(
        &db,
        r#"insert into likes (id, "userId", "projectId", "createdAt")
           select 'n' || id, 'other', id, now() at time zone 'utc' from projects where id in ($1, $2)"#,
        &[&whole[24], &whole[25]],
    )
    .await;
    let next = first
        .header("link")
        .split(['<', '>'])
        .nth(1)
        .unwrap()
        .to_owned();
    let second = ada
        .get(&format!("/projects{next}"))
        .await
        .expect(200)
        .json();

    assert_eq!(each(&second, "id"), whole[10..20]);
}

#[testkit::test]
async fn the_link_repeats_the_filters(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    fill(&db, &ada.id).await;

    let page = app
        .anyone()
        .get("/projects?tag=t&q=p&limit=2&sort=likes")
        .await
        .expect(200);
    assert!(
        page.header("link")
            .starts_with("<?tag=t&q=p&limit=2&sort=likes&cursor=")
    );
    assert_eq!(
        app.anyone().get("/projects?limit=26").await.header("link"),
        ""
    );
}

#[testkit::test]
async fn foreign_and_malformed_cursors_are_rejected(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    fill(&db, &ada.id).await;
    let time = "2025-01-01T00:00:00";
    let newest = Cursor::new("newest", (time, "id")).encode();
    let mut cursors = vec![
        ("likes", newest.clone()),
        ("newest&likedBy=fan", newest.clone()),
        ("relevance&q=p", newest.clone()),
        (
            "trending",
            Cursor::new("trending", (1, time, "id")).encode(),
        ),
        ("newest", Cursor::new("newest", (1, time, "id")).encode()),
        ("newest", Cursor::new("newest", (time, 1)).encode()),
        ("newest", Cursor::new("newest", json!({ "a": 1 })).encode()),
        ("newest", Cursor::new("newest", ("x", "id")).encode()),
        (
            "newest",
            Cursor::new("newest", ("+200000-01-01T00:00:00", "id")).encode(),
        ),
        ("newest", Cursor::new("newest", (time, "a\0")).encode()),
        (
            "likes",
            Cursor::new("likes", (5_000_000_000_i64, time, "id")).encode(),
        ),
        ("likes", Cursor::new("likes", ("1", time, "id")).encode()),
        ("newest", format!("{newest}=")),
        ("newest", format!("{newest}A")),
        ("newest", "x".repeat(513)),
        ("newest", "x".repeat(10_000)),
        ("newest", String::new()),
        ("newest", "%00".to_owned()),
        ("newest", "bnVsbA".to_owned()),
    ];
    cursors.push(("newest&author=nobody&isPublic=false", "bad".to_owned()));
    for (sort, cursor) in cursors {
        let answer = ada
            .get(&format!("/projects?sort={sort}&cursor={cursor}"))
            .await
            .expect(400);
        assert!(
            answer
                .messages()
                .contains(&"cursor must be a valid cursor".to_owned()),
            "{sort} {cursor}"
        );
    }
    // Well-formed cursors with arbitrary values are accepted.
    for cursor in [
        Cursor::new("trending", (time, -1, time, "id")),
        Cursor::new("trending", (time, i32::MAX, time, "id")),
        Cursor::new("trending", (time, i32::MIN, time, "id")),
        Cursor::new("trending", ("9999-12-31T23:59:59.999999", 0, time, "")),
        Cursor::new("trending", ("0000-01-01T00:00:00", 0, time, "")),
    ] {
        ada.get(&format!(
            "/projects?sort=trending&cursor={}",
            cursor.encode()
        ))
        .await
        .expect(200);
    }
    ada.get(&format!("/projects?cursor={newest}"))
        .await
        .expect(200);
}

/// Ranks each project on its own, as `sort=trending` does.
const TRENDING: &str = r#"
    select p.id
    from projects p
    join "user" author on author.id = p."authorId"
    where p."isPublic" and is_visible(author)
    order by
        3 * (
            select count(*)
            from likes l
            join "user" u on u.id = l."userId"
            where l."projectId" = p.id and u.id <> author.id and is_visible(u)
                and l."createdAt" > now() at time zone 'utc' - $1::interval
        ) + 2 * (
            select count(distinct u.id)
            from comments c
            join "user" u on u.id = c."authorId"
            where c."projectId" = p.id and u.id <> author.id and is_visible(u)
                and c."createdAt" > now() at time zone 'utc' - $1::interval
        ) desc,
        p."createdAt" desc,
        p.id desc"#;

/// Ranks each project for a single term, as `sort=relevance` does.
const RELEVANCE: &str = r#"
    select p.id
    from projects p
    join "user" author on author.id = p."authorId"
    where p."isPublic" and is_visible(author)
        and concat_ws(' ', p.title, p.description, p.language, array_to_string(p.tags, ' ')) ilike '%' || $1 || '%'
    order by
        case when p.title ilike '%' || $1 || '%' then 4 when p.tags @> array[$1] then 2 else 1 end desc,
        p."createdAt" desc,
        p.id desc"#;

#[testkit::test]
async fn ranks_equal_those_of_the_plain_statement(db: PgPool) {
    for statement in [
        r#"insert into "user" (id, name, email, "updatedAt", "isActive")
           select 'u' || i, 'U', 'u' || i || '@test.example', now(), i <> 5 from generate_series(0, 8) i"#,
        r#"insert into projects (id, title, description, tags, "isPublic", "authorId", "createdAt", "updatedAt")
           select
               'p' || i,
               case when i % 4 = 0 then 'A Needle' else 'A thing' end,
               case when i % 3 = 0 then 'needles' end,
               case i % 5 when 0 then '{needle}'::text[] when 1 then '{needlework}' when 2 then null else '{}' end,
               i % 11 <> 0,
               'u' || i % 6,
               now() at time zone 'utc' - interval '1 day' * (i % 7),
               now()
           from generate_series(1, 90) i"#,
        r#"insert into likes (id, "userId", "projectId", "createdAt")
           select
               'l' || u || '-' || p,
               'u' || u,
               'p' || p,
               now() at time zone 'utc' - interval '1 hour' - interval '1 day' * (u * p % 40)
           from generate_series(0, 8) u, generate_series(1, 90) p
           where (u * 7 + p * 13) % 5 < 2 and p % 6 <> 3"#,
        r#"insert into comments (id, content, "authorId", "projectId", "createdAt", "updatedAt")
           select
               'c' || n,
               'x',
               'u' || n * 5 % 9,
               'p' || 1 + n * n % 70,
               now() at time zone 'utc' - interval '1 hour' - interval '1 day' * (n % 40),
               now()
           from generate_series(1, 400) n"#,
        // Many projects have the same large score, so that pages begin and end among them. Some are the author's own.
        r#"insert into "user" (id, name, email, "updatedAt")
           select 'fan' || i, 'Fan', 'fan' || i || '@test.example', now() from generate_series(1, 30) i"#,
        r#"insert into likes (id, "userId", "projectId", "createdAt")
           select 'f' || fan || '-' || p, 'fan' || fan, 'p' || p, now() at time zone 'utc' - interval '1 hour'
           from generate_series(1, 30) fan, generate_series(1, 40) p
           where (fan + p) % 3 > 0"#,
    ] {
        sql(&db, statement, &[]).await;
    }
    let app = app(&db);

    for (query, statement, argument) in [
        ("sort=trending&window=24h", TRENDING, "24 hours"),
        ("sort=trending", TRENDING, "7 days"),
        ("sort=trending&window=30d", TRENDING, "30 days"),
        ("q=needle", RELEVANCE, "needle"),
        ("q=NEEDLEWORK", RELEVANCE, "needlework"),
    ] {
        let expected: Vec<String> = sqlx::query_scalar(statement)
            .bind(argument)
            .fetch_all(&db)
            .await
            .expect("the plain statement succeeds");
        assert!(expected.len() > 10, "{query}: {expected:?}");
        for limit in [1, 7, 100] {
            assert_eq!(
                walk(&app.anyone(), query, limit).await,
                expected,
                "{query} by {limit}"
            );
        }
    }
}
