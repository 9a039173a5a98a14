//! Concurrent requests on connections of their own.

use futures_util::future::{join, join_all, join3};
use serde_json::json;
use sqlx::PgPool;
use testing::{Answer, App, Caller, blocked};
use testkit::database::with_connections;

use crate::{DEADLOCKS, DRIFT, HIDDEN, SHOWN, comment, number, project, sql};

/// The social group over a pool of sixteen connections, and the pool.
fn app(db: &PgPool) -> (App, PgPool) {
    let db = with_connections(db, 16);
    (crate::app(&db), db)
}

async fn users(app: &App, count: usize) -> Vec<Caller> {
    let mut users = Vec::new();
    for i in 0..count {
        users.push(app.user(&format!("user{i}")).await);
    }
    users
}

/// Returns the same user as a caller of the projects function.
async fn at_projects(db: &PgPool, somebody: &Caller) -> Caller {
    let projects = App::new(projects::api(), db.clone());
    projects.session(&somebody.id).await
}

async fn like(caller: &Caller) -> Answer {
    caller.put("/projects/p/like", json!({})).await
}

async fn unlike(caller: &Caller) -> Answer {
    caller.delete("/projects/p/like").await
}

async fn follow(caller: &Caller, target: &str) -> Answer {
    caller
        .put(&format!("/users/{target}/follow"), json!({}))
        .await
}

async fn unfollow(caller: &Caller, target: &str) -> Answer {
    caller.delete(&format!("/users/{target}/follow")).await
}

#[track_caller]
fn expect_all(answers: &[Answer], statuses: &[u16]) {
    for answer in answers {
        assert!(statuses.contains(&answer.status.as_u16()), "{answer:?}");
    }
}

async fn assert_no_drift(db: &PgPool) {
    assert_eq!(number(db, DRIFT, &[]).await, 0);
}

const LIKES: &str = r#"select "likeCount"::bigint from projects where id = 'p'"#;

#[testkit::test]
async fn fifty_concurrent_likes_by_one_user_are_one_like(db: PgPool) {
    let (app, db) = app(&db);
    let ada = app.user("ada").await;
    project(&db, "p", &ada.id, true).await;

    let answers = join_all((0..50).map(|_| like(&ada))).await;

    for answer in answers {
        let state = answer.expect(200).json();
        assert_eq!(state, json!({ "isLiked": true, "likeCount": 1 }));
    }
    assert_eq!(number(&db, "select count(*) from likes", &[]).await, 1);
    assert_eq!(number(&db, LIKES, &[]).await, 1);

    let answers = join_all((0..50).map(|_| unlike(&ada))).await;

    for answer in answers {
        let state = answer.expect(200).json();
        assert_eq!(state, json!({ "isLiked": false, "likeCount": 0 }));
    }
    assert_no_drift(&db).await;
}

#[testkit::test]
async fn fifty_concurrent_likes_by_fifty_users_are_fifty_likes(db: PgPool) {
    let (app, db) = app(&db);
    let users = users(&app, 50).await;
    project(&db, "p", &users[0].id, true).await;

    let answers = join_all(users.iter().map(like)).await;

    let mut counts: Vec<i64> = answers
        .iter()
        .map(|answer| answer.json()["likeCount"].as_i64().unwrap())
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, (1..=50).collect::<Vec<_>>());
    assert_eq!(number(&db, LIKES, &[]).await, 50);
    assert_no_drift(&db).await;
}

#[testkit::test]
async fn concurrent_likes_and_unlikes_keep_counters_correct(db: PgPool) {
    let (app, db) = app(&db);
    let users = users(&app, 4).await;
    project(&db, "p", &users[0].id, true).await;

    for _ in 0..10 {
        let storm = users.iter().flat_map(|user| {
            (0..10).map(move |i| async move {
                if i % 2 == 0 {
                    like(user).await
                } else {
                    unlike(user).await
                }
            })
        });
        let answers = join_all(storm).await;
        expect_all(&answers, &[200]);
        assert_no_drift(&db).await;
    }
}

#[testkit::test]
async fn fifty_concurrent_follows_by_one_user_are_one_follow(db: PgPool) {
    let (app, db) = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);

    let answers = join_all((0..50).map(|_| follow(&ada, &bob.id))).await;

    for answer in answers {
        let state = answer.expect(200).json();
        assert_eq!(state, json!({ "isFollowing": true, "followersCount": 1 }));
    }
    assert_eq!(number(&db, "select count(*) from follows", &[]).await, 1);
    assert_no_drift(&db).await;
}

#[testkit::test]
async fn fifty_concurrent_follows_by_fifty_users_are_fifty_follows(db: PgPool) {
    let (app, db) = app(&db);
    let users = users(&app, 50).await;
    let ada = app.user("ada").await;

    let answers = join_all(users.iter().map(|user| follow(user, &ada.id))).await;

    let mut counts: Vec<i64> = answers
        .iter()
        .map(|answer| answer.json()["followersCount"].as_i64().unwrap())
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, (1..=50).collect::<Vec<_>>());
    assert_no_drift(&db).await;
}

#[testkit::test]
async fn concurrent_follows_and_unfollows_keep_counters_correct(db: PgPool) {
    let (app, db) = app(&db);
    let users = users(&app, 3).await;

    for _ in 0..10 {
        let storm = (0..48).map(|i| {
            let (one, other) = (&users[i % 3], &users[(i + 1 + i / 24) % 3]);
            async move {
                if i % 4 < 2 {
                    follow(one, &other.id).await
                } else {
                    unfollow(one, &other.id).await
                }
            }
        });
        expect_all(&join_all(storm).await, &[200]);
        assert_no_drift(&db).await;
    }
}

#[testkit::test]
async fn mutual_follows_do_not_deadlock(db: PgPool) {
    let (app, db) = app(&db);
    let users = users(&app, 4).await;

    for round in 0..10 {
        // Each user follows or unfollows all others concurrently.
        let pairs = users.iter().flat_map(|one| {
            let others = users.iter().filter(|other| other.id != one.id);
            others.map(move |other| async move {
                if round % 2 == 0 {
                    follow(one, &other.id).await
                } else {
                    unfollow(one, &other.id).await
                }
            })
        });
        let answers = join_all(pairs).await;
        expect_all(&answers, &[200]);
        assert_no_drift(&db).await;
        let expected = if round % 2 == 0 { 12 } else { 0 };
        assert_eq!(
            number(&db, "select count(*) from follows", &[]).await,
            expected
        );
    }
    assert_eq!(number(&db, DEADLOCKS, &[]).await, 0);
}

#[testkit::test]
async fn a_like_during_the_projects_deletion_succeeds_or_is_not_found(db: PgPool) {
    let (app, db) = app(&db);
    let users = users(&app, 6).await;
    let owner = at_projects(&db, &users[0]).await;
    let orphans = r#"select count(*) from likes l where not exists (select from projects where id = l."projectId")"#;

    for round in 0..30 {
        project(&db, "p", &users[0].id, true).await;
        let likes = join_all(users.iter().map(like));
        let unlikes = join_all(users.iter().map(unlike));
        let deletion = async {
            tokio::time::sleep(std::time::Duration::from_micros(round * 300)).await;
            owner.delete("/projects/p").await.expect(204);
        };
        let (likes, unlikes, ()) = join3(likes, unlikes, deletion).await;
        expect_all(&likes, &[200, 404]);
        expect_all(&unlikes, &[200, 404]);
        assert_eq!(number(&db, orphans, &[]).await, 0);
        assert_no_drift(&db).await;
    }
}

#[testkit::test]
async fn a_like_that_waited_for_the_projects_deletion_is_not_found(db: PgPool) {
    let (app, db) = app(&db);
    let ada = app.user("ada").await;
    project(&db, "p", &ada.id, true).await;
    let mut deletion = db.begin().await.unwrap();
    sqlx::query("delete from projects where id = 'p'")
        .execute(&mut *deletion)
        .await
        .unwrap();

    let body = json!({ "content": "x" });
    let requests = join3(
        like(&ada),
        unlike(&ada),
        ada.post("/projects/p/comments", body),
    );
    let commit = async {
        blocked(&db, 3).await;
        deletion.commit().await.unwrap();
    };
    let ((liked, unliked, commented), ()) = join(requests, commit).await;

    for answer in [liked, unliked, commented] {
        answer.expect_error(404, &["Project not found"]);
    }
}

#[testkit::test]
async fn a_comment_during_the_projects_deletion_succeeds_or_is_not_found(db: PgPool) {
    let (app, db) = app(&db);
    let users = users(&app, 6).await;
    let owner = at_projects(&db, &users[0]).await;

    for round in 0..30 {
        project(&db, "p", &users[0].id, true).await;
        let edited = comment(&users[1], "p", "first").await;
        let deleted = comment(&users[2], "p", "second").await;
        let comments = join_all(
            users
                .iter()
                .map(|user| user.post("/projects/p/comments", json!({ "content": "x" }))),
        );
        let edited = format!("/comments/{edited}");
        let edits = join_all((0..6).map(|_| users[1].put(&edited, json!({ "content": "y" }))));
        let deleted = format!("/comments/{deleted}");
        let deletions = async {
            tokio::time::sleep(std::time::Duration::from_micros(round * 300)).await;
            let project = owner.delete("/projects/p");
            let (project, comment) = join(project, users[2].delete(&deleted)).await;
            project.expect(204);
            comment
        };
        let (comments, edits, deletion) = join3(comments, edits, deletions).await;
        expect_all(&comments, &[201, 404]);
        expect_all(&edits, &[200, 404]);
        expect_all(&[deletion], &[204, 404]);
        assert_eq!(number(&db, "select count(*) from comments", &[]).await, 0);
        assert_no_drift(&db).await;
    }
}

#[testkit::test]
async fn changes_of_visibility_keep_counters_correct(db: PgPool) {
    let (app, db) = app(&db);
    let users = users(&app, 5).await;
    let owner = at_projects(&db, &users[0]).await;
    project(&db, "p", &users[0].id, true).await;

    for round in 0..20 {
        let publish = async |is_public: bool| {
            let body = json!({ "isPublic": is_public });
            owner.put("/projects/p", body).await.expect(200);
        };
        publish(true).await;
        let path = format!("/comments/{}", comment(&users[1], "p", "first").await);
        let flips = async {
            for flip in 0..6 {
                publish(flip % 2 == round % 2).await;
            }
        };
        let likes = join_all(users.iter().map(async |user| {
            let answers = [
                like(user).await,
                user.post("/projects/p/comments", json!({ "content": "x" }))
                    .await,
                unlike(user).await,
                user.get("/projects/p/likes").await,
                like(user).await,
            ];
            expect_all(&answers, &[200, 201, 404]);
        }));
        let edits = async {
            let answers = [
                users[1].put(&path, json!({ "content": "y" })).await,
                users[1].get(&path).await,
                users[1].put(&path, json!({ "content": "z" })).await,
                users[1].delete(&path).await,
            ];
            expect_all(&answers, &[200, 204, 404]);
        };
        join3(flips, likes, edits).await;
        assert_no_drift(&db).await;
    }
}

#[testkit::test]
async fn deactivations_during_likes_and_comments_keep_counters_correct(db: PgPool) {
    let (app, db) = app(&db);
    let users = users(&app, 4).await;
    let eve = &users[3];
    project(&db, "p", &users[0].id, true).await;

    for round in 0..20 {
        let switches = async {
            for (hide, show) in HIDDEN.into_iter().zip(SHOWN).take(2) {
                sql(&db, hide, &[&eve.id]).await;
                sql(&db, show, &[&eve.id]).await;
            }
        };
        let theirs = async {
            let answers = [
                like(eve).await,
                eve.post("/projects/p/comments", json!({ "content": "x" }))
                    .await,
                follow(eve, &users[round % 3].id).await,
                unlike(eve).await,
            ];
            expect_all(&answers, &[200, 201, 403]);
        };
        let of_others = join_all(users[..3].iter().map(async |other| {
            let answers = [
                follow(other, &eve.id).await,
                like(other).await,
                unfollow(other, &eve.id).await,
                other
                    .post("/projects/p/comments", json!({ "content": "x" }))
                    .await,
            ];
            expect_all(&answers, &[200, 201, 404]);
        }));
        join3(switches, theirs, of_others).await;
        assert_no_drift(&db).await;
    }
}

#[testkit::test]
async fn one_of_concurrent_edits_of_a_version_succeeds(db: PgPool) {
    let (app, db) = app(&db);
    let ada = app.user("ada").await;
    project(&db, "p", &ada.id, true).await;
    let path = format!("/comments/{}", comment(&ada, "p", "0").await);

    for round in 1..10 {
        let before = ada.get(&path).await.json()["updatedAt"].clone();
        let answers = join_all((0..12).map(|i| {
            let body = json!({ "content": format!("{round} {i}"), "expectedUpdatedAt": before });
            let (ada, path) = (&ada, &path);
            async move { ada.put(path, body).await }
        }))
        .await;
        expect_all(&answers, &[200, 409]);
        let made = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(made, 1);
        assert!(ada.get(&path).await.json()["updatedAt"].as_str() > before.as_str());
    }
}

#[testkit::test]
async fn one_of_concurrent_deletions_succeeds(db: PgPool) {
    let (app, db) = app(&db);
    let ada = app.user("ada").await;
    project(&db, "p", &ada.id, true).await;

    for _ in 0..5 {
        let path = format!("/comments/{}", comment(&ada, "p", "x").await);
        let answers = join_all((0..12).map(|_| ada.delete(&path))).await;
        expect_all(&answers, &[204, 404]);
        let made = answers.iter().filter(|answer| answer.status == 204).count();
        assert_eq!(made, 1);
    }
}

#[testkit::test]
async fn a_deletion_of_an_account_during_its_likes_and_follows_keeps_counters_correct(db: PgPool) {
    let (app, db) = app(&db);
    let accounts = App::new(users::api(), db.clone());
    let others = users(&app, 4).await;
    project(&db, "p", &others[0].id, true).await;
    for other in &others {
        like(other).await.expect(200);
    }

    for round in 0..15 {
        let eve = app.user("eve").await;
        // The same user as a caller of the users function.
        let leaving = accounts.session(&eve.id).await;
        project(&db, "q", &eve.id, true).await;
        let theirs = join_all(others.iter().map(|other| async {
            let answers = [
                like(&eve).await,
                follow(&eve, &other.id).await,
                unlike(&eve).await,
                eve.post("/projects/p/comments", json!({ "content": "x" }))
                    .await,
                like(&eve).await,
                eve.put("/notifications/read", json!({})).await,
            ];
            expect_all(&answers, &[200, 201, 204, 401, 404]);
        }));
        let of_others = join_all(others.iter().map(|other| async {
            let answers = [
                follow(other, &eve.id).await,
                other.put("/projects/q/like", json!({})).await,
                unfollow(other, &eve.id).await,
                other
                    .post("/projects/q/comments", json!({ "content": "x" }))
                    .await,
                follow(other, &eve.id).await,
                like(other).await,
            ];
            expect_all(&answers, &[200, 201, 404]);
        }));
        let deletion = async {
            tokio::time::sleep(std::time::Duration::from_millis(round * 2)).await;
            leaving.delete("/users/profile").await.expect(204);
        };
        join3(theirs, of_others, deletion).await;
        assert_no_drift(&db).await;
        let left = number(&db, r#"select count(*) from "user""#, &[]).await;
        assert_eq!(left, 4);
    }
}
