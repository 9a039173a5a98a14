//! Scripts that empty tables, as tests do: what is kept about the rows follows, and new rows can be stored.

use sqlx::PgPool;

use super::execute;

const ROWS: &str = r#"
    insert into "user" (id, name, email, "updatedAt", skills) values ('a', 'A', 'a@example.com', now(), '{Rust}');
    insert into projects (id, title, "authorId", "updatedAt", tags) values ('p', 'P', 'a', now(), '{tag}');
    insert into likes (id, "userId", "projectId") values ('l', 'a', 'p');
"#;

async fn counts(db: &PgPool) -> (i64, i64, i64, i64) {
    sqlx::query_as(
        r#"select (select count(*) from "projectFacet" where count <> 0), (select count(*) from "userFacet" where count <> 0),
               (select count(*) from "projectTrend"), (select count(*) from "windowClock")"#,
    )
    .fetch_one(db)
    .await
    .unwrap()
}

#[testkit::test]
async fn what_is_kept_follows_the_truncation_of_tables(db: PgPool) {
    execute(&db, ROWS).await;
    let filled = counts(&db).await;
    for script in [
        r#"truncate "user" cascade"#,
        r#"truncate "user", projects, comments, likes, follows, "projectFacet", "userFacet", "windowClock" cascade"#,
        r#"delete from "user"; delete from "windowClock""#,
    ] {
        execute(&db, script).await;
        assert_eq!(counts(&db).await, (0, 0, 0, 1), "{script}");
        execute(&db, ROWS).await;
        assert_eq!(counts(&db).await, filled, "{script}");
    }
}
