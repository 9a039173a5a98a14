//! `DELETE /users/profile`

use shared::db::measured;
use sqlx::PgPool;

use crate::{app, follow, like, number, project, sql};

#[testkit::test]
async fn a_deletion_removes_the_account_and_updates_counters_of_others(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    let other_session = app.session(&ada.id).await;
    let bob = app.user("bob").await;
    let eve = app.user("eve").await;
    project(&db, "adas", &ada.id, true).await;
    project(&db, "bobs", &bob.id, true).await;
    for user in [&ada, &bob, &eve] {
        like(&db, &user.id, "adas").await;
        like(&db, &user.id, "bobs").await;
    }
    follow(&db, &ada.id, &bob.id).await;
    follow(&db, &bob.id, &ada.id).await;
    follow(&db, &eve.id, &ada.id).await;
    follow(&db, &eve.id, &bob.id).await;
    for (project, author) in [("adas", &bob), ("bobs", &ada), ("bobs", &eve)] {
        sql(
            &db,
            r#"insert into comments (id, content, "authorId", "projectId", "updatedAt")
               values ($1 || $2, 'Nice', $2, $1, now())"#,
            &[project, &author.id],
        )
        .await;
    }
    sql(
        &db,
        r#"insert into account (id, "accountId", "providerId", "userId", "updatedAt") values ('a', '1', 'github', $1, now())"#,
        &[&ada.id],
    )
    .await;
    sql(
        &db,
        r#"insert into apikey (id, key, "referenceId", "updatedAt") values ('k1', 'h1', $1, now()), ('k2', 'h2', $2, now())"#,
        &[&ada.id, &bob.id],
    )
    .await;
    sql(
        &db,
        r#"insert into upload (id, "userId", purpose, filename, "contentType", size, "updatedAt")
           values ('u', $1, 'avatar', 'a.png', 'image/png', 1, now())"#,
        &[&ada.id],
    )
    .await;
    let bobs_change =
        r#"select extract(epoch from "updatedAt")::bigint from projects where id = 'bobs'"#;
    let updated_at = number(&db, bobs_change, &[]).await;

    let (answer, usage) = measured(ada.delete("/users/profile")).await;

    let answer = answer.expect(204);
    assert!(answer.body.is_empty());
    assert_eq!(
        answer.header_all("set-cookie"),
        ["session_token", "session_data", "dont_remember"]
            .map(|name| format!("better-auth.{name}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"))
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    // One statement is the guard's; the other deletes everything.
    assert_eq!(usage.statements, 2);
    for (count, expected) in [
        (r#"select count(*) from "user""#, 2),
        ("select count(*) from session", 2),
        ("select count(*) from account", 0),
        ("select count(*) from upload", 0),
        ("select count(*) from apikey where id = 'k1'", 0),
        ("select count(*) from apikey where id = 'k2'", 1),
        ("select count(*) from projects", 1),
        ("select count(*) from comments", 1),
        ("select count(*) from likes", 2),
        ("select count(*) from follows", 1),
    ] {
        assert_eq!(number(&db, count, &[]).await, expected, "{count}");
    }
    let counters = r#"select "likeCount"::bigint from projects where id = 'bobs'"#;
    assert_eq!(number(&db, counters, &[]).await, 2);
    assert_eq!(number(&db, bobs_change, &[]).await, updated_at);
    for (user, followers, following) in [(&bob, 1, 0), (&eve, 0, 1)] {
        let counter = r#"select "followersCount"::bigint from "user" where id = $1"#;
        assert_eq!(number(&db, counter, &[&user.id]).await, followers);
        let counter = r#"select "followingCount"::bigint from "user" where id = $1"#;
        assert_eq!(number(&db, counter, &[&user.id]).await, following);
    }
    for session in [&ada, &other_session] {
        session.get("/users/profile").await.expect(401);
        session.delete("/users/profile").await.expect(401);
    }
    bob.get(&format!("/users/{}", ada.id)).await.expect(404);
}

#[testkit::test]
async fn a_session_of_a_day_is_not_fresh(db: PgPool) {
    let ada = app(&db).user("ada").await;
    let age = r#"update session set "createdAt" = now() at time zone 'utc' - $1::interval"#;

    sql(&db, age, &["24 hours"]).await;
    let answer = ada.delete("/users/profile").await;
    assert!(answer.header_all("set-cookie").is_empty());
    answer.expect_error(403, &["Session is not fresh"]);
    assert_eq!(number(&db, r#"select count(*) from "user""#, &[]).await, 1);

    // A refresh does not make the session fresh.
    sql(
        &db,
        r#"update session set "updatedAt" = now() at time zone 'utc'"#,
        &[],
    )
    .await;
    ada.delete("/users/profile").await.expect(403);

    sql(&db, age, &["23 hours 59 minutes"]).await;
    ada.delete("/users/profile").await.expect(204);
}

#[testkit::test]
async fn an_admin_who_impersonates_does_not_delete_the_account(db: PgPool) {
    let ada = app(&db).user("ada").await;
    sql(&db, r#"update session set "impersonatedBy" = 'admin'"#, &[]).await;

    let answer = ada.delete("/users/profile").await;

    answer.expect_error(403, &["Impersonated sessions cannot be used here"]);
    assert_eq!(number(&db, r#"select count(*) from "user""#, &[]).await, 1);
}

#[testkit::test]
async fn secure_cookies_are_cleared_by_their_own_names(db: PgPool) {
    let app = testing::App::configured(
        users::api(),
        db,
        &[("BETTER_AUTH_URL", "https://api.codecave.tech")],
    );
    let ada = app.user("ada").await;

    let answer = ada.delete("/users/profile").await.expect(204);

    assert_eq!(
        answer.header_all("set-cookie")[0],
        "__Secure-better-auth.session_token=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax"
    );
}

#[testkit::test]
async fn requests_of_other_sites_are_rejected(db: PgPool) {
    let ada = app(&db).user("ada").await;

    let answer = ada
        .clone()
        .header("origin", "https://evil.example")
        .delete("/users/profile")
        .await;
    answer.expect_error(403, &["Invalid origin"]);
    let answer = ada
        .header("origin", "http://localhost:3000")
        .delete("/users/profile")
        .await;
    answer.expect(204);
}
