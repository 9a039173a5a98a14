//! Concurrent requests.

use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use sqlx::PgPool;
use testing::{Caller, blocked};

use crate::{app, follow, number, sql};

/// Counts the counters that differ from their rows. The count must be zero.
const DRIFT: &str = r#"
    select (
        select count(*) from "user" u
        where u."followersCount" <> (select count(*) from follows where "followingId" = u.id)
            or u."followingCount" <> (select count(*) from follows where "followerId" = u.id)
    ) + (
        select count(*) from projects p
        where p."likeCount" <> (select count(*) from likes where "projectId" = p.id)
    )"#;

#[testkit::test]
async fn concurrent_changes_of_different_fields_are_all_stored(db: PgPool) {
    let ada = app(&db).user("ada").await;
    let fields = ["name", "bio", "location", "company", "website"];

    for round in 0..4 {
        let value = |field: &str| match field {
            "website" => format!("https://round{round}.example"),
            field => format!("{field} {round}"),
        };
        let answers = join_all((0..50).map(|i| {
            let (ada, field) = (ada.clone(), fields[i % fields.len()]);
            let body = json!({field: value(field)});
            async move { ada.put("/users/profile", body).await }
        }))
        .await;
        for (i, answer) in answers.into_iter().enumerate() {
            let field = fields[i % fields.len()];
            assert_eq!(answer.expect(200).json()[field], value(field));
        }
        let user = &ada.get("/users/profile").await.json()["user"];
        for field in fields {
            assert_eq!(user[field], value(field));
        }
    }
}

#[testkit::test]
async fn each_concurrent_change_advances_updated_at(db: PgPool) {
    let ada = app(&db).user("ada").await;

    let answers = join_all((0..50).map(|i| {
        let ada = ada.clone();
        async move {
            ada.put("/users/profile", json!({"bio": format!("{i}")}))
                .await
        }
    }))
    .await;

    let mut times: Vec<String> = answers
        .into_iter()
        .map(|answer| answer.expect(200).json()["updatedAt"].to_string())
        .collect();
    times.sort();
    times.dedup();
    assert_eq!(times.len(), 50);
}

#[testkit::test]
async fn an_account_is_deleted_once(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    let bob = app.user("bob").await;
    follow(&db, &ada.id, &bob.id).await;

    let answers = join_all((0..20).map(|_| {
        let ada = ada.clone();
        async move { ada.delete("/users/profile").await }
    }))
    .await;

    let deleted = answers.iter().filter(|answer| answer.status == 204).count();
    assert_eq!(deleted, 1);
    assert!(
        answers
            .iter()
            .all(|answer| answer.status == 204 || answer.status == 401)
    );
    assert_eq!(number(&db, DRIFT, &[]).await, 0);
}

#[testkit::test]
async fn concurrent_deletions_of_friends_do_not_deadlock(db: PgPool) {
    let app = app(&db);
    let mut people: Vec<Caller> = Vec::new();
    for i in 0..12 {
        people.push(app.user(&format!("user{i}")).await);
    }
    for a in &people {
        for b in &people {
            if a.id != b.id {
                follow(&db, &a.id, &b.id).await;
            }
        }
    }

    let answers = join_all(
        people[..8]
            .iter()
            .map(|person| person.delete("/users/profile")),
    )
    .await;

    for answer in answers {
        answer.expect(204);
    }
    assert_eq!(number(&db, DRIFT, &[]).await, 0);
    assert_eq!(number(&db, "select count(*) from follows", &[]).await, 12);
}

#[testkit::test]
async fn likes_and_follows_during_a_deletion_leave_no_drift(db: PgPool) {
    let app = app(&db);
    app.insert_user("author", "Author").await;
    for i in 0..20 {
        sql(
            &db,
            r#"insert into projects (id, title, "authorId", "updatedAt") values ($1, 'x', 'author', now())"#,
            &[&format!("p{i:02}")],
        )
        .await;
        app.insert_user(&format!("friend{i:02}"), "Friend").await;
    }

    for round in 0..5 {
        let ada = app.user("ada").await;
        let acts = join_all((0..20).map(|i| {
            let (db, id) = (db.clone(), ada.id.clone());
            async move {
                let project = format!("p{i:02}");
                let friend = format!("friend{i:02}");
                // As in the social function: counters change by the rows written, and users are locked in order.
                let liked = sqlx::query(
                    r#"with l as (insert into likes (id, "userId", "projectId") values ($1 || $2, $1, $2) returning 1)
                       update projects set "likeCount" = "likeCount" + (select count(*) from l) where id = $2"#,
                )
                .bind(&id)
                .bind(&project)
                .execute(&db)
                .await;
                let followed = async {
                    let (follower, following) = if i % 2 == 0 { (&id, &friend) } else { (&friend, &id) };
                    let mut tx = db.begin().await?;
                    sqlx::query(r#"select from "user" where id in ($1, $2) order by id for no key update"#)
                        .bind(follower)
                        .bind(following)
                        .execute(&mut *tx)
                        .await?;
                    sqlx::query(r#"insert into follows (id, "followerId", "followingId") values ($1 || $2, $1, $2)"#)
                        .bind(follower)
                        .bind(following)
                        .execute(&mut *tx)
                        .await?;
                    sqlx::query(
                        r#"update "user" set "followingCount" = "followingCount" + (id = $1)::int,
                               "followersCount" = "followersCount" + (id = $2)::int where id in ($1, $2)"#,
                    )
                    .bind(follower)
                    .bind(following)
                    .execute(&mut *tx)
                    .await?;
                    tx.commit().await
                }
                .await;
                u32::from(liked.is_ok()) + u32::from(followed.is_ok())
            }
        }));
        let deletion = async {
            tokio::time::sleep(std::time::Duration::from_millis(round * 8)).await;
            ada.delete("/users/profile").await
        };

        let (_, answer) = join(acts, deletion).await;

        answer.expect(204);
        assert_eq!(number(&db, DRIFT, &[]).await, 0, "round {round}");
        assert_eq!(number(&db, "select count(*) from likes", &[]).await, 0);
    }
}

/// The profile is changed while the file is being deleted, by a request that has locked the user's row.
#[testkit::test]
async fn a_file_that_is_being_deleted_does_not_become_the_avatar(db: PgPool) {
    let ada = app(&db).user("ada").await;
    let avatar = "http://localhost:3001/images/mine";
    for stored in [None, Some(avatar), Some("https://i.example/1")] {
        sql(
            &db,
            r#"insert into upload (id, "userId", purpose, filename, "contentType", size, status, "updatedAt")
               values ('mine', $1, 'avatar', 'a.png', 'image/png', 1, 'ready', now())"#,
            &[&ada.id],
        )
        .await;
        sqlx::query(r#"update "user" set avatar = $1"#)
            .bind(stored)
            .execute(&db)
            .await
            .unwrap();
        let mut deletion = db.begin().await.unwrap();
        let clear = r#"update "user" set avatar = case when avatar = $1 then null else avatar end, name = name || '!'"#;
        sqlx::query(clear)
            .bind(avatar)
            .execute(&mut *deletion)
            .await
            .unwrap();
        sqlx::query("delete from upload")
            .execute(&mut *deletion)
            .await
            .unwrap();

        let change = ada.put("/users/profile", json!({"avatar": avatar, "bio": "never"}));
        let (answer, ()) = join(change, async {
            blocked(&db, 1).await;
            deletion.commit().await.unwrap();
        })
        .await;

        answer.expect_error(400, &["avatar must be one of your uploads"]);
        let user = &ada.get("/users/profile").await.json()["user"];
        assert_eq!(user["bio"], Value::Null);
        assert_eq!(
            user["avatar"],
            json!(stored.filter(|stored| *stored != avatar))
        );
    }
}
