//! The totals of `/stats`, which triggers keep.

use serde_json::Value;
use sqlx::{AssertSqlSafe, PgPool, postgres::PgPoolOptions};
use testing::statistics::{scans, with_one_connection};
use tokio::task::JoinSet;

use super::fill;
use crate::app;

const TABLES: [&str; 4] = ["user", "projects", "comments", "likes"];

/// The four numbers, counted from the rows.
const VISIBLE: &str = r#"
    select jsonb_build_object(
        'users', (select count(*) from "user" u where is_visible(u)),
        'projects', (
            select count(*)
            from projects p
            join "user" author on author.id = p."authorId"
            where p."isPublic" and is_visible(author)
        ),
        'comments', (
            select count(*)
            from comments c
            join "user" u on u.id = c."authorId"
            join projects p on p.id = c."projectId"
            join "user" author on author.id = p."authorId"
            where is_visible(u) and p."isPublic" and is_visible(author)
        ),
        'likes', (
            select count(*)
            from likes l
            join "user" u on u.id = l."userId"
            join projects p on p.id = l."projectId"
            join "user" author on author.id = p."authorId"
            where is_visible(u) and p."isPublic" and is_visible(author)
        )
    )"#;

#[testkit::test]
async fn the_totals_follow_every_change(db: PgPool) {
    fill(&db).await;
    let app = app(db.clone(), &[]);
    for change in [
        r#"update "user" set "isActive" = true"#,
        r#"update "user" set banned = true, "banExpires" = now() + interval '1 day' where id = 'ada'"#,
        // The ban has run out, and nobody has lifted it.
        r#"update "user" set "banExpires" = now() - interval '1 day' where id = 'ada'"#,
        r#"update "user" set banned = true, "banExpires" = now() - interval '1 day' where id = 'cleo'"#,
        r#"update projects set "isPublic" = not "isPublic""#,
        r#"update "user" set banned = null, "banExpires" = null"#,
        r#"update projects set "isPublic" = true, "authorId" = 'bob' where id like 'ada%'"#,
        "select fold_visible_totals(1000)",
        r#"delete from likes where "userId" = 'ada'"#,
        r#"delete from comments where "projectId" = 'bob-public'"#,
        r"delete from projects where id = 'cleo-public'",
        r#"insert into likes (id, "userId", "projectId")
           select 'again' || p.id, 'ada', p.id from projects p"#,
        r#"update "user" set id = 'eve' where id = 'bob'"#,
        r#"update "user" set "isActive" = false where id in ('ada', 'eve')"#,
        r#"update "user" set "isActive" = true"#,
        r#"delete from "user" where id in ('ada', 'eve')"#,
    ] {
        sqlx::raw_sql(change).execute(&db).await.unwrap();
        let expected: Value = sqlx::query_scalar(VISIBLE).fetch_one(&db).await.unwrap();

        let answer = app.anyone().get("/stats").await.expect(200);

        assert_eq!(answer.json(), expected, "{change}");
    }
}

/// Users like and unlike projects while their authors are banned and reinstated, and while the projects are hidden and
/// published.
#[testkit::test]
async fn the_totals_are_exact_after_concurrent_changes(db: PgPool) {
    sqlx::raw_sql(
        r#"
        insert into "user" (id, name, email, "updatedAt")
        select kind || i, 'U', kind || i, now() from unnest('{author,liker}'::text[]) kind, generate_series(0, 3) i;
        insert into projects (id, title, "updatedAt", "authorId")
        select 'p' || i, 'P', now(), 'author' || i % 4 from generate_series(0, 7) i;
        "#,
    )
    .execute(&db)
    .await
    .unwrap();
    let options = db.connect_options().as_ref().clone();
    let pool = PgPoolOptions::new()
        .connect_with(options.options([("deadlock_timeout", "20ms")]))
        .await
        .unwrap();
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let pool = pool.clone();
        writers.spawn(async move {
            for step in 0..30 {
                let (project, user) = ((writer * 3 + step * 5) % 8, (writer + step) % 4);
                let statement = match writer % 4 {
                    0 => format!(
                        r#"insert into likes (id, "userId", "projectId")
                           values ('{writer}-{step}', 'liker{user}', 'p{project}') on conflict do nothing"#
                    ),
                    1 => format!(
                        r#"delete from likes where "userId" = 'liker{user}' and "projectId" = 'p{project}'"#
                    ),
                    2 => format!(
                        r#"update projects set "isPublic" = not "isPublic" where id = 'p{project}'"#
                    ),
                    _ => format!(
                        r#"update "user" set banned = not coalesce(banned, false) where id = 'author{user}'"#
                    ),
                };
                // A deadlock changes nothing.
                let result = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&pool).await;
                if let Err(error) = result {
                    let code = error.as_database_error().unwrap().code();
                    assert_eq!(code.as_deref(), Some("40P01"), "{error}");
                }
            }
        });
    }
    writers.join_all().await;

    let expected: Value = sqlx::query_scalar(VISIBLE).fetch_one(&db).await.unwrap();
    let app = app(db, &[]);
    assert_eq!(
        app.anyone().get("/stats").await.expect(200).json(),
        expected
    );
}

#[testkit::test]
async fn the_totals_are_read_without_the_rows(db: PgPool) {
    for statement in [
        r#"insert into "user" (id, name, email, "updatedAt")
           select 'u' || i, 'U', 'u' || i, now() from generate_series(1, 5000) i"#,
        r#"insert into projects (id, title, "authorId", "updatedAt")
           select 'p' || i, 'P', 'u' || 1 + i % 5000, now() from generate_series(1, 5000) i"#,
        r#"insert into likes (id, "userId", "projectId")
           select 'l' || i, 'u' || i, 'p' || i from generate_series(1, 5000) i"#,
        r#"insert into comments (id, content, "authorId", "projectId", "updatedAt")
           select 'c' || i, 'C', 'u' || i, 'p' || i, now() from generate_series(1, 5000) i"#,
        r#"update "user" set banned = true, "banExpires" = now() - interval '1 day' where id = 'u7'"#,
        "vacuum analyze",
    ] {
        sqlx::query(statement).execute(&db).await.unwrap();
    }
    let app = app(with_one_connection(&db).await, &[]);
    let db = app.state.db.clone();

    let before = scans(&db, &TABLES).await;
    // After five executions the server may choose a generic plan.
    for _ in 0..7 {
        let totals = app.anyone().get("/stats").await.expect(200).json();
        assert_eq!(totals["likes"], 5000);
    }
    assert_eq!(scans(&db, &TABLES).await, before);
}
