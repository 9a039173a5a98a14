//! `/stats`.

mod totals;

use serde_json::json;
use sqlx::PgPool;

use crate::{app, app_without_database};

/// Inserts Ada and Bob, who are active, and Cleo, who is not. Each has a public project, and Ada also a private one. Each
/// comments on everything and likes everything.
async fn fill(db: &PgPool) {
    sqlx::raw_sql(
        r#"
        insert into "user" (id, name, email, "emailVerified", "updatedAt", "isActive")
        select who, who, who || '@test.example', true, now(), who <> 'cleo'
        from unnest(array['ada', 'bob', 'cleo']) who;
        insert into projects (id, title, "isPublic", "updatedAt", "authorId")
        select who || '-public', 'Public', true, now(), who from unnest(array['ada', 'bob', 'cleo']) who
        union all select 'ada-private', 'Private', false, now(), 'ada';
        insert into comments (id, content, "updatedAt", "authorId", "projectId")
        select u.id || p.id, 'Nice', now(), u.id, p.id from "user" u, projects p;
        insert into likes (id, "userId", "projectId")
        select u.id || p.id, u.id, p.id from "user" u, projects p;
        update projects set "likeCount" = 3;
        insert into follows (id, "followerId", "followingId") values ('f', 'ada', 'bob');
        "#,
    )
    .execute(db)
    .await
    .unwrap();
}

#[testkit::test]
async fn only_visible_rows_are_counted(db: PgPool) {
    fill(&db).await;

    let answer = app(db, &[]).anyone().get("/stats").await.expect(200);

    assert_eq!(
        answer.json(),
        json!({"users": 2, "projects": 2, "comments": 4, "likes": 4})
    );
    assert_eq!(
        answer.header("cache-control"),
        "public, max-age=0, s-maxage=15"
    );
    assert!(answer.header("ratelimit-policy").starts_with("\"anon\""));
}

#[testkit::test]
async fn operators_see_all_rows(db: PgPool) {
    fill(&db).await;
    sqlx::raw_sql(
        r#"
        insert into upload (id, "userId", purpose, filename, "contentType", size, status, "updatedAt")
        select id, (select min(id) from "user"), 'avatar', 'f', 'image/png', 1, 'ready', now()
        from unnest(array['kept', 'deleted']) id;
        delete from upload where id = 'deleted';
        "#,
    )
    .execute(&db)
    .await
    .unwrap();
    let app = app(db, &[("METRICS_TOKEN", "scrape-me")]);

    let text = app
        .anyone()
        .header("authorization", "Bearer scrape-me")
        .get("/metrics")
        .await
        .expect(200)
        .text();

    for line in [
        "codecave_users 3",
        "codecave_projects{visibility=\"public\"} 3",
        "codecave_projects{visibility=\"private\"} 1",
        "codecave_comments 12",
        "codecave_likes 12",
        "codecave_follows 1",
        "codecave_sessions_active 0",
        "codecave_files{status=\"ready\"} 1",
        "codecave_files{status=\"pending\"} 0",
        "codecave_objects_to_remove 2",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    assert!(text.contains("# TYPE codecave_users gauge"), "{text}");
    assert!(
        text.contains("codecave_database_connections{state=\"active\"}"),
        "{text}"
    );
}

#[tokio::test]
async fn statistics_without_a_database_are_unavailable() {
    let answer = app_without_database(&[]).anyone().get("/stats").await;

    assert_eq!(
        answer.clone().expect(503).json(),
        json!({"statusCode": 503, "message": "Service Unavailable"})
    );
    assert_eq!(answer.header("retry-after"), "5");
}
