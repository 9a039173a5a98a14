//! Deletions of accounts and locks of other transactions.

use sqlx::PgPool;
use testing::{App, blocked};
use testkit::database::with_connections;

use crate::{DEADLOCKS, DRIFT, number, project};

const WAITING_FOR: &str =
    "select count(*) from pg_stat_activity where $1::text::integer = any (pg_blocking_pids(pid))";

/// Somebody follows the user while the deletion waits for its locks. It must lock the follower before its projects, as a like does.
#[testkit::test]
async fn a_deletion_locks_a_new_follower_before_projects(db: PgPool) {
    let db = with_connections(&db, 16);
    let app = crate::app(&db);
    let (one, other) = (app.user("one").await, app.user("other").await);
    let (fan, eve) = if one.id < other.id {
        (one, other)
    } else {
        (other, one)
    };
    project(&db, "q", &eve.id, true).await;
    let leaving = App::new(users::api(), db.clone()).session(&eve.id).await;
    sqlx::query(r#"update "user" set "followingCount" = 1 where id = $1"#)
        .bind(&fan.id)
        .execute(&db)
        .await
        .unwrap();
    let mut like = db.begin().await.unwrap();
    let pid: String =
        sqlx::query_scalar(r#"select pg_backend_pid()::text from "user" where id = $1 for share"#)
            .bind(&fan.id)
            .fetch_one(&mut *like)
            .await
            .unwrap();
    let mut follow = db.begin().await.unwrap();
    for statement in [
        r#"update "user" set "followersCount" = 1 where id = $2 and $1 <> ''"#,
        r#"insert into follows (id, "followerId", "followingId") values ('f', $1, $2)"#,
    ] {
        let query = sqlx::query(statement).bind(&fan.id).bind(&eve.id);
        query.execute(&mut *follow).await.unwrap();
    }
    let deletion = tokio::spawn(async move { leaving.delete("/users/profile").await });
    blocked(&db, 1).await;
    follow.commit().await.unwrap();

    while number(&db, WAITING_FOR, &[&pid]).await == 0 {
        tokio::task::yield_now().await;
    }
    sqlx::query("select from projects where id = 'q' for no key update")
        .execute(&mut *like)
        .await
        .unwrap();
    like.commit().await.unwrap();

    deletion.await.unwrap().expect(204);
    assert_eq!(number(&db, DRIFT, &[]).await, 0);
    assert_eq!(number(&db, DEADLOCKS, &[]).await, 0);
}
