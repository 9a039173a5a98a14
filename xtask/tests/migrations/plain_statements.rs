//! Statements as Prisma's client sends them, single and many: none fails, and the counters that triggers keep stay right.

use sqlx::{AssertSqlSafe, PgPool};

use super::execute;

/// Users `a` to `f`, of whom `e` is banned and `f` is inactive. They are stored out of order, because triggers fire in the order
/// of the rows. Each has a public and a private project, and has commented on every public project.
const ROWS: &str = r#"
    insert into "user" (id, name, email, "updatedAt", banned, "isActive")
    select id, id, id || '@example.com', now(), id = 'e', id <> 'f'
    from unnest('{c,a,f,b,e,d}'::text[]) id;
    insert into projects (id, title, "authorId", "updatedAt", tags, language, "isPublic")
    select u.id || kind, u.id, u.id, now(), array['tag', u.id], 'Rust', kind = '-public'
    from "user" u, unnest('{-public,-private}'::text[]) kind;
    insert into comments (id, content, "authorId", "projectId", "updatedAt")
    select u.id || ' on ' || p.id, '', u.id, p.id, now()
    from "user" u, projects p
    where p."isPublic";
    insert into "idempotencyKey" ("userId", route, key, "requestHash", status, body, location)
    select "authorId", 'POST /projects', id, ''::bytea, 201, '{}', '/projects/' || id from projects
    union all
    select "authorId", 'POST /comments', id, ''::bytea, 201, '{}', '/comments/' || id from comments;
    insert into likes (id, "userId", "projectId") select u.id || p.id, u.id, p.id from "user" u, projects p;
    insert into follows (id, "followerId", "followingId") select a.id || b.id, a.id, b.id from "user" a, "user" b;
    insert into session (id, token, "userId", "expiresAt", "updatedAt", "impersonatedBy")
    select a.id || b.id, a.id || b.id, a.id, now(), now(), b.id from "user" a, "user" b;
    insert into upload (id, "userId", "projectId", purpose, filename, "contentType", size, "updatedAt")
    select id, "authorId", id, 'project', '', '', 1, now() from projects;
"#;

/// Transactions. Each starts with the same rows.
const TRANSACTIONS: &[&str] = &[
    // Users.
    r#"DELETE FROM "user" WHERE id IN ('a')"#,
    r#"DELETE FROM "user" WHERE id IN ('a', 'b')"#,
    r#"DELETE FROM "user" WHERE id IN ('a', 'b', 'c')"#,
    r#"DELETE FROM "user" WHERE id IN ('a', 'e', 'f')"#,
    r#"DELETE FROM "user" WHERE 1=1"#,
    r#"UPDATE projects SET title = 'new' WHERE 1=1; DELETE FROM "user" WHERE id IN ('a', 'b')"#,
    r#"UPDATE "user" SET banned = true WHERE id = 'd'; DELETE FROM "user" WHERE id IN ('a', 'b')"#,
    r#"DELETE FROM comments WHERE "authorId" = 'd'; DELETE FROM "user" WHERE id IN ('a', 'b')"#,
    r#"DELETE FROM projects WHERE "authorId" = 'a'; DELETE FROM "user" WHERE id IN ('a', 'b')"#,
    r#"UPDATE "idempotencyKey" SET status = 200; DELETE FROM "user" WHERE id IN ('a', 'b')"#,
    r#"DELETE FROM "user" WHERE id = 'a'; DELETE FROM "user" WHERE id = 'b'"#,
    r#"UPDATE "user" SET "isActive" = false WHERE 1=1"#,
    r#"UPDATE "user" SET "isActive" = true, banned = false WHERE id IN ('e', 'f')"#,
    r#"UPDATE "user" SET id = 'z' WHERE id = 'a'"#,
    r#"UPDATE "user" SET id = 'z', "isActive" = false WHERE id = 'a'"#,
    r#"UPDATE "user" SET id = 'z', "isActive" = true WHERE id = 'f'"#,
    r#"UPDATE "user" SET id = id || '-new' WHERE 1=1"#,
    r#"UPDATE "user" SET name = 'new', bio = NULL, skills = '{x}' WHERE 1=1"#,
    r#"INSERT INTO "user" (id, name, email, "updatedAt") VALUES ('a', '', 'a@example.com', now()), ('y', '', 'y', now())
       ON CONFLICT DO NOTHING"#,
    // Projects.
    r#"INSERT INTO projects (id, title, "authorId", "updatedAt", tags, language) VALUES
       ('1', '', 'a', now(), '{x,x,tag}', 'Rust'), ('2', '', 'e', now(), NULL, NULL), ('3', '', 'b', now(), '{x}', '')"#,
    r#"INSERT INTO projects (id, title, "authorId", "updatedAt", tags) VALUES ('a-public', '', 'b', now(), '{new}')
       ON CONFLICT (id) DO UPDATE SET title = 'new', tags = '{new}', "authorId" = 'b'"#,
    r#"INSERT INTO projects (id, title, "authorId", "updatedAt") VALUES ('1', '', 'a', now());
       INSERT INTO comments (id, content, "authorId", "projectId", "updatedAt") VALUES ('1', '', 'b', '1', now())"#,
    r#"UPDATE projects SET tags = '{new}', language = NULL, "isPublic" = NOT "isPublic" WHERE 1=1"#,
    "UPDATE projects SET tags = array_append(tags, 'new') WHERE id IN ('a-public', 'b-public')",
    r#"UPDATE projects SET "authorId" = 'b' WHERE "authorId" = 'a'"#,
    r#"UPDATE projects SET "authorId" = 'e', language = 'Go' WHERE "authorId" IN ('a', 'b')"#,
    r#"UPDATE projects SET "authorId" = 'a' WHERE 1=1"#,
    "UPDATE projects SET id = 'z' WHERE id = 'a-public'",
    r#"UPDATE projects SET id = 'z', "authorId" = 'b' WHERE id = 'a-public'"#,
    "UPDATE projects SET id = id || '-new' WHERE 1=1",
    "DELETE FROM projects WHERE id IN ('a-public', 'b-private')",
    "DELETE FROM projects WHERE 1=1",
    r#"DELETE FROM projects WHERE "authorId" = 'a'; DELETE FROM projects WHERE "authorId" = 'b'"#,
    // Comments.
    r#"INSERT INTO comments (id, content, "authorId", "projectId", "updatedAt") VALUES
       ('1', '', 'a', 'a-public', now()), ('2', '', 'e', 'a-public', now()), ('3', '', 'b', 'c-private', now())"#,
    r#"INSERT INTO comments (id, content, "authorId", "projectId", "updatedAt")
       VALUES ('a on a-public', '', 'a', 'b-public', now())
       ON CONFLICT (id) DO UPDATE SET content = 'new', "projectId" = 'b-public'"#,
    "UPDATE comments SET content = 'new' WHERE 1=1",
    r#"UPDATE comments SET "projectId" = 'a-private' WHERE "authorId" IN ('a', 'e')"#,
    r#"UPDATE comments SET "projectId" = 'a-public' WHERE 1=1"#,
    r#"UPDATE comments SET "authorId" = 'a' WHERE 1=1"#,
    r#"UPDATE comments SET "authorId" = 'e' WHERE "authorId" = 'a'"#,
    r#"UPDATE comments SET "authorId" = 'e', "projectId" = 'b-public' WHERE "authorId" = 'a'"#,
    r#"UPDATE comments SET "authorId" = 'b', "projectId" = 'c-public' WHERE id = 'a on a-public';
       DELETE FROM "user" WHERE id IN ('a', 'b', 'c')"#,
    r#"DELETE FROM comments WHERE "authorId" IN ('a', 'e')"#,
    "DELETE FROM comments WHERE 1=1",
    // The others.
    "DELETE FROM likes WHERE 1=1",
    r#"DELETE FROM follows WHERE "followerId" IN ('a', 'b')"#,
    "DELETE FROM session WHERE 1=1",
    r#"DELETE FROM session WHERE "userId" = 'b'; DELETE FROM "user" WHERE id IN ('a', 'b')"#,
    r#"DELETE FROM upload WHERE 1=1; DELETE FROM "user" WHERE id IN ('a', 'b')"#,
];

/// The counters that differ from the rows that they count.
pub const DRIFT: &str = r#"
    select format('%s has commentCount %s instead of %s', p.id, p."commentCount", counted.count)
    from projects p
    cross join lateral (
        select count(*)
        from comments c
        join "user" u on u.id = c."authorId"
        where c."projectId" = p.id and u."isActive" and not coalesce(u.banned, false)
    ) counted
    where p."commentCount" <> counted.count
    union all
    select format('%s has the count %s instead of %s', name, stored.count, counted.count)
    from (
        select facet."isTag", facet.name, count(*)
        from projects
        join "user" on "user".id = "authorId"
        cross join lateral project_facets(tags, language) as facet
        where "isPublic" and "isActive" and not coalesce(banned, false)
        group by 1, 2
    ) as counted
    full join "projectFacet" as stored using ("isTag", name)
    where counted.count is distinct from stored.count and coalesce(counted.count, stored.count) <> 0
"#;

#[testkit::test]
async fn they_succeed_and_the_counters_stay_right(db: PgPool) {
    execute(&db, ROWS).await;
    let mut failures = Vec::new();

    for transaction in TRANSACTIONS {
        let mut tx = db.begin().await.unwrap();
        let executed = sqlx::raw_sql(AssertSqlSafe(*transaction))
            .execute(&mut *tx)
            .await;
        if let Err(error) = executed {
            failures.push(format!("{transaction}\n    {error}"));
            continue;
        }
        let drift: Vec<String> = sqlx::query_scalar(DRIFT).fetch_all(&mut *tx).await.unwrap();
        failures.extend(
            drift
                .iter()
                .map(|difference| format!("{transaction}\n    {difference}")),
        );
    }

    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// A ban of somebody with many comments leaves the recount to `continue_account_work`, also if the id changes with it.
#[testkit::test]
async fn a_user_with_many_comments_is_recounted_later(db: PgPool) {
    execute(&db, ROWS).await;
    execute(
        &db,
        r#"
        insert into comments (id, content, "authorId", "projectId", "updatedAt")
        select 'many' || n, '', 'a', 'b-public', now() from generate_series(1, 1001) n;
        update "user" set id = 'z', banned = true where id = 'a';
        "#,
    )
    .await;

    while sqlx::query_scalar::<_, bool>("select continue_account_work(1000)")
        .fetch_one(&db)
        .await
        .unwrap()
    {}

    let drift: Vec<String> = sqlx::query_scalar(DRIFT).fetch_all(&db).await.unwrap();
    assert_eq!(drift, [] as [String; 0]);
}
