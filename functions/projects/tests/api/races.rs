//! Concurrent writers.

use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use sqlx::PgPool;
use testing::blocked;

use crate::{app, draft, number, project, sql, uploads::insert};

/// The author's counter minus the number of their public projects.
const DRIFT: &str = r#"
    select "projectsCount" - (select count(*) from projects p where p."authorId" = u.id and p."isPublic")
    from "user" u where u.id = $1"#;

#[testkit::test]
async fn one_of_fifty_concurrent_editors_succeeds(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    let id = project(&ada, "start").await;
    let path = format!("/projects/{id}");

    for round in 0..3 {
        let seen = ada.get(&path).await.json()["updatedAt"].clone();
        let edits = (0..50).map(|editor| {
            let body = json!({ "title": format!("{round}-{editor}"), "expectedUpdatedAt": seen });
            let (ada, path) = (ada.clone(), path.clone());
            async move { ada.put(&path, body).await }
        });
        let answers = join_all(edits).await;

        let winners: Vec<Value> = answers
            .iter()
            .filter(|answer| answer.status == 200)
            .map(testing::Answer::json)
            .collect();
        assert!(
            answers
                .iter()
                .all(|answer| answer.status == 200 || answer.status == 409)
        );
        assert_eq!(winners.len(), 1);
        assert_eq!(ada.get(&path).await.json()["title"], winners[0]["title"]);
    }
}

#[testkit::test]
async fn concurrent_changes_have_different_times(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    let id = project(&ada, "start").await;
    let path = format!("/projects/{id}");

    let edits = (0..50).map(|editor| {
        let (ada, path) = (ada.clone(), path.clone());
        async move {
            ada.put(&path, json!({ "title": format!("{editor}") }))
                .await
                .expect(200)
                .json()
        }
    });
    let mut times: Vec<String> = join_all(edits)
        .await
        .iter()
        .map(|project| project["updatedAt"].as_str().unwrap().to_owned())
        .collect();
    times.sort();
    times.dedup();

    assert_eq!(times.len(), 50);
    assert_eq!(ada.get(&path).await.json()["updatedAt"], times[49]);
}

#[testkit::test]
async fn the_counter_stays_correct_under_concurrent_changes(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    let (first, second) = (project(&ada, "A").await, draft(&ada, "B").await);

    let acts = (0..60).map(|act| {
        let (ada, first, second) = (ada.clone(), first.clone(), second.clone());
        async move {
            let answer = match act % 6 {
                0 => ada.post("/projects", json!({ "title": "new" })).await,
                1 => {
                    ada.post("/projects", json!({ "title": "new", "isPublic": false }))
                        .await
                }
                2 | 3 => {
                    let body = json!({ "isPublic": act % 4 < 2 });
                    ada.put(&format!("/projects/{first}"), body).await
                }
                4 => {
                    ada.put(
                        &format!("/projects/{second}"),
                        json!({ "isPublic": act % 4 < 2 }),
                    )
                    .await
                }
                _ if act == 59 => ada.delete(&format!("/projects/{second}")).await,
                _ => {
                    ada.post(&format!("/projects/{first}/views"), json!({}))
                        .await
                }
            };
            assert!(!answer.status.is_server_error(), "{answer:?}");
        }
    });
    join_all(acts).await;

    assert_eq!(number(&db, DRIFT, &[&ada.id]).await, 0);
}

#[testkit::test]
async fn one_of_fifty_concurrent_deletions_succeeds(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    let id = project(&ada, "A").await;
    project(&ada, "B").await;

    let deletions = (0..50).map(|_| {
        let (ada, path) = (ada.clone(), format!("/projects/{id}"));
        async move { ada.delete(&path).await.status.as_u16() }
    });
    let mut statuses = join_all(deletions).await;
    statuses.sort_unstable();

    assert_eq!(statuses[0], 204);
    assert!(
        statuses[1..].iter().all(|status| *status == 404),
        "{statuses:?}"
    );
    assert_eq!(number(&db, DRIFT, &[&ada.id]).await, 0);
}

#[testkit::test]
async fn fifty_concurrent_views_of_one_viewer_count_once(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let id = project(&ada, "A").await;

    let views = (0..50).map(|view| {
        let caller = if view % 2 == 0 {
            bob.clone()
        } else {
            app.anyone()
        };
        let path = format!("/projects/{id}/views");
        async move { caller.post(&path, json!({})).await.expect(204) }
    });
    join_all(views).await;

    assert_eq!(
        number(&db, r#"select "viewCount"::int8 from projects"#, &[]).await,
        2
    );
}

#[testkit::test]
async fn writes_during_a_deletion_succeed_or_are_not_found(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);

    for _ in 0..5 {
        let path = format!("/projects/{}", project(&ada, "A").await);
        let acts = (0..30).map(|act| {
            let (ada, bob, path) = (ada.clone(), bob.clone(), path.clone());
            async move {
                match act {
                    10 => ada.delete(&path).await,
                    _ if act % 2 == 0 => bob.post(&format!("{path}/views"), json!({})).await,
                    _ => {
                        ada.put(
                            &path,
                            json!({ "title": format!("{act}"), "isPublic": act % 4 == 1 }),
                        )
                        .await
                    }
                }
            }
        });
        for answer in join_all(acts).await {
            assert!(
                matches!(answer.status.as_u16(), 200 | 204 | 404),
                "{answer:?}"
            );
        }
        assert_eq!(number(&db, DRIFT, &[&ada.id]).await, 0);
    }
}

#[testkit::test]
async fn comment_counts_stay_correct_under_concurrent_requests(db: PgPool) {
    let app = app(&db);
    let (ada, bob, eve) = (
        app.user("ada").await,
        app.user("bob").await,
        app.user("eve").await,
    );
    let ids = [project(&ada, "A").await, project(&ada, "B").await];

    let acts = (0..120).map(|act| {
        let (db, id) = (db.clone(), ids[act % 2].clone());
        let user = [&bob.id, &eve.id][act / 2 % 2].clone();
        async move {
            match act % 6 {
                0..=3 => crate::comment(&db, &user, &id).await,
                4 => {
                    let delete = r#"delete from comments where id in (select id from comments where "authorId" = $1 limit 1)"#;
                    sql(&db, delete, &[&user]).await;
                }
                _ => {
                    let switch = r#"update "user" set "isActive" = not "isActive" where id = $1"#;
                    sql(&db, switch, &[&user]).await;
                }
            }
        }
    });
    join_all(acts).await;

    let drift = r#"
        select coalesce(sum(abs(p."commentCount" - (
            select count(*) from comments c join "user" u on u.id = c."authorId"
            where c."projectId" = p.id and is_visible(u)
        ))), 0)::int8 from projects p"#;
    assert_eq!(number(&db, drift, &[]).await, 0);
    sql(&db, r#"delete from "user" where id = $1"#, &[&bob.id]).await;
    assert_eq!(number(&db, drift, &[]).await, 0);
}

#[testkit::test]
async fn facets_stay_correct_under_concurrent_requests(db: PgPool) {
    let app = app(&db);
    let people = [app.user("ada").await, app.user("bob").await];
    let mut ids = Vec::new();
    for person in &people {
        ids.push(project(person, "A").await);
    }

    let acts = (0..120_usize).map(|act| {
        let (db, caller, id) = (db.clone(), people[act % 2].clone(), ids[act % 2].clone());
        async move {
            let tags = json!([format!("t{}", act % 5), format!("t{}", act % 3), "all"]);
            match act / 2 % 4 {
                0 => drop(
                    caller
                        .post("/projects", json!({ "title": "B", "tags": tags }))
                        .await,
                ),
                1 => {
                    let body = json!({ "tags": tags, "isPublic": act % 3 > 0 });
                    caller.put(&format!("/projects/{id}"), body).await;
                }
                2 => {
                    let delete = r#"delete from projects where id in (
                        select id from projects where "authorId" = $1 and title = 'B' limit 1)"#;
                    sql(&db, delete, &[&caller.id]).await;
                }
                _ => {
                    let switch = r#"update "user" set "isActive" = not "isActive" where id = $1"#;
                    sql(&db, switch, &[&caller.id]).await;
                }
            }
        }
    });
    join_all(acts).await;

    let drift = r#"
        select coalesce(sum(abs(coalesce(kept.count, 0) - coalesce(real.count, 0))), 0)::int8
        from "projectFacet" kept
        full join (
            select f."isTag", f.name, count(*)
            from projects p
            join "user" u on u.id = p."authorId"
            cross join lateral project_facets(p.tags, p.language) f
            where p."isPublic" and is_visible(u)
            group by 1, 2
        ) real using ("isTag", name)"#;
    assert_eq!(number(&db, drift, &[]).await, 0);
}

/// The file is deleted while a request that makes it the avatar has locked the user's row.
#[testkit::test]
async fn a_file_that_is_becoming_the_avatar_is_cleared_with_its_deletion(db: PgPool) {
    let ada = app(&db).user("ada").await;
    let file = "http://localhost:3001/images/f";
    let other = "http://localhost:3001/images/g";
    for (stored, avatar, expected) in [
        (other, file, None),
        (other, "http://localhost:3001/uploads/f/content", None),
        (file, other, Some(other)),
    ] {
        insert(&db, ["f", &ada.id, "", "image/png", "ready", "1"]).await;
        sql(&db, r#"update "user" set avatar = $1"#, &[stored]).await;
        let mut change = db.begin().await.unwrap();
        sqlx::query(r#"update "user" set avatar = $1"#)
            .bind(avatar)
            .execute(&mut *change)
            .await
            .unwrap();

        let (answer, ()) = join(ada.delete("/uploads/f"), async {
            blocked(&db, 1).await;
            change.commit().await.unwrap();
        })
        .await;

        answer.expect(204);
        let stored: Option<String> = sqlx::query_scalar(r#"select avatar from "user""#)
            .fetch_one(&db)
            .await
            .unwrap();
        assert_eq!(stored.as_deref(), expected, "{avatar}");
    }
}
