//! Bans and deletions of a user with many rows.

use serde_json::json;
use sqlx::PgPool;

use crate::{Stage, admin::act};

const COMMENTS: i64 = 20_000;
const FOLLOWERS: i64 = 50_000;

/// An admin, and a user with comments on many projects and with many followers.
struct LargeAccount {
    stage: Stage,
    admin: testing::Caller,
    star: testing::Caller,
}

impl LargeAccount {
    async fn new(db: PgPool) -> Self {
        let stage = Stage::new(db).await;
        let admin = stage.with_role("ada", "admin").await;
        let star = stage.person("star").await;
        // Triggers would count each row; the test sets the counters itself.
        let mut connection = stage.db.acquire().await.unwrap();
        for sql in [
            "set session_replication_role = replica".to_owned(),
            format!(
                r#"insert into "user" (id, name, email, "updatedAt", "followingCount")
                   select 'f' || n, 'F', 'f' || n || '@test.example', now(), 1
                   from generate_series(1, {FOLLOWERS}) n"#
            ),
            format!(
                r#"insert into follows (id, "followerId", "followingId")
                   select 'f' || n, 'f' || n, '{}' from generate_series(1, {FOLLOWERS}) n"#,
                star.id
            ),
            format!(
                r#"update "user" set "followersCount" = {FOLLOWERS} where id = '{}'"#,
                star.id
            ),
            format!(
                r#"insert into projects (id, title, "authorId", "commentCount", "updatedAt")
                   select 'p' || n, 'P', '{}', 2, now() from generate_series(1, {COMMENTS}) n"#,
                admin.id
            ),
            format!(
                r#"insert into comments (id, content, "authorId", "projectId", "updatedAt")
                   select 'c' || n, 'C', '{}', 'p' || n, now() from generate_series(1, {COMMENTS}) n
                   union all
                   select 'o' || n, 'C', '{}', 'p' || n, now() from generate_series(1, {COMMENTS}) n"#,
                star.id, admin.id
            ),
            "set session_replication_role = origin".to_owned(),
            "analyze".to_owned(),
        ] {
            let sql = sqlx::AssertSqlSafe(sql);
            sqlx::query(sql).execute(&mut *connection).await.unwrap();
        }
        drop(connection);
        Self { stage, admin, star }
    }

    /// Does the remaining work, as the scheduled job does.
    async fn finish(&self) {
        let sql = "select continue_account_work(1000)";
        while sqlx::query_scalar(sql)
            .fetch_one(&self.stage.db)
            .await
            .unwrap()
        {}
    }

    async fn count(&self, what: &str) -> i64 {
        self.stage.count(what).await
    }
}

#[testkit::test]
async fn a_ban_hides_the_user_at_once_and_recounts_in_steps(db: PgPool) {
    let scene = LargeAccount::new(db).await;
    let body = json!({ "userId": scene.star.id });

    act(&scene.admin, "ban-user", body.clone())
        .await
        .expect(200);

    scene.star.get("/api/auth/session").await.expect(401);
    let visible = format!(
        r#""user" u where id = '{}' and is_visible(u)"#,
        scene.star.id
    );
    assert_eq!(scene.count(&visible).await, 0);
    scene.finish().await;
    assert_eq!(
        scene.count(r#"projects where "commentCount" <> 1"#).await,
        0
    );

    act(&scene.admin, "unban-user", body).await.expect(200);
    scene.finish().await;
    assert_eq!(
        scene.count(r#"projects where "commentCount" <> 2"#).await,
        0
    );
    assert_eq!(scene.count(r#""commentRecount""#).await, 0);
}

#[testkit::test]
async fn a_removal_closes_the_account_at_once_and_deletes_in_steps(db: PgPool) {
    let scene = LargeAccount::new(db).await;
    let id = scene.star.id.clone();
    let body = json!({ "userId": id });
    let state = format!(
        r#"insert into verification (id, identifier, value, "expiresAt", "updatedAt")
           values ('v', 'auth-state:x', '{{"link":{{"userId":"{id}"}}}}', now(), now())"#
    );
    scene.stage.execute(&state).await;

    let answer = act(&scene.admin, "remove-user", body.clone()).await;

    answer.expect(200);
    scene.star.get("/api/auth/session").await.expect(401);
    let visible = format!(r#""user" u where id = '{id}' and is_visible(u)"#);
    assert_eq!(scene.count(&visible).await, 0);
    for table in ["verification", "account", "apikey"] {
        assert_eq!(scene.count(table).await, 0, "{table}");
    }
    // A retry continues.
    let again = act(&scene.admin, "remove-user", body).await.status.as_u16();
    assert!([200, 404].contains(&again));
    scene.finish().await;
    for left in [
        format!(r#""user" where id = '{id}'"#),
        format!(r#"comments where "authorId" = '{id}'"#),
        "follows".to_owned(),
        r#""user" where "followingCount" <> 0"#.to_owned(),
        r#"projects where "commentCount" <> 1"#.to_owned(),
        r#""accountDeletion""#.to_owned(),
        r#""commentRecount""#.to_owned(),
    ] {
        assert_eq!(scene.count(&left).await, 0, "{left}");
    }
    assert_eq!(scene.count(r#""user""#).await, FOLLOWERS + 1);
}
