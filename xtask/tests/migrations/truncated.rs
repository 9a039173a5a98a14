//! Scripts that empty tables, as tests do: what is kept about the rows follows, and new rows can be stored.

use sqlx::PgPool;

use super::execute;

const ROWS: &str = r#"
    insert into "user" (id, name, email, "updatedAt", skills) values ('a', 'A', 'a@example.com', now(), '{Rust}');
    insert into projects (id, title, "authorId", "updatedAt", tags) values ('p', 'P', 'a', now(), '{tag}');
    insert into likes (id, "userId", "projectId") values ('l', 'a', 'p');
    insert into comments (id, content, "authorId", "projectId", "updatedAt") values ('c', 'C', 'a', 'p', now());
"#;

async fn counts(db: &PgPool) -> (i64, i64, i64, i64, i64) {
    sqlx::query_as(
        r#"select (select count(*) from "projectFacet" where count <> 0), (select count(*) from "userFacet" where count <> 0),
               (select count(*) from "projectTrend"), (select count(*) from "windowClock"),
               (select coalesce(sum(1000 * users + 100 * projects + 10 * comments + likes), 0)::bigint from "visibleTotal")"#,
    )
    .fetch_one(db)
    .await
    .unwrap()
}

#[testkit::test]
async fn what_is_kept_follows_the_truncation_of_tables(db: PgPool) {
    execute(&db, ROWS).await;
    let filled = counts(&db).await;
    assert_eq!(filled.4, 1111);
    for script in [
        r#"truncate "user" cascade"#,
        r#"truncate "user", projects, comments, likes, follows, "projectFacet", "userFacet", "windowClock", "visibleTotal" cascade"#,
        r#"delete from "user"; delete from "windowClock""#,
    ] {
        execute(&db, script).await;
        assert_eq!(counts(&db).await, (0, 0, 0, 1, 0), "{script}");
        execute(&db, ROWS).await;
        assert_eq!(counts(&db).await, filled, "{script}");
    }
}

#[testkit::test]
async fn the_totals_follow_the_truncation_of_one_table(db: PgPool) {
    execute(&db, ROWS).await;
    for (script, totals) in [
        ("truncate likes", 1110),
        ("truncate comments", 1100),
        (r#"truncate "visibleTotal""#, 1100),
        (r#"update "user" set "isActive" = false"#, 0),
        (r#"truncate "visibleTotal""#, 0),
    ] {
        execute(&db, script).await;
        assert_eq!(counts(&db).await.4, totals, "{script}");
    }
}
