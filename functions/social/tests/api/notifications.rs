//! `/notifications`, `/notifications/count` and `/notifications/read`

use serde_json::{Value, json};
use sqlx::PgPool;
use testing::{App, Caller};

use crate::{HIDDEN, SHOWN, app, comment, each, number, project, sql};

/// Bob likes Ada's project, comments on it and follows Ada, one day after the other.
async fn acts(db: &PgPool) -> (App, Caller, Caller) {
    let app = app(db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    project(db, "p", &ada.id, true).await;
    bob.put("/projects/p/like", json!({})).await.expect(200);
    comment(&bob, "p", &"🦀".repeat(201)).await;
    bob.put(&format!("/users/{}/follow", ada.id), json!({}))
        .await
        .expect(200);
    sql(
        db,
        r#"update likes set "createdAt" = '2025-01-01', id = 'l'"#,
        &[],
    )
    .await;
    sql(
        db,
        r#"update comments set "createdAt" = '2025-01-02', id = 'c'"#,
        &[],
    )
    .await;
    sql(
        db,
        r#"update follows set "createdAt" = '2025-01-03', id = 'f'"#,
        &[],
    )
    .await;
    (app, ada, bob)
}

async fn ids(caller: &Caller, query: &str) -> Vec<String> {
    let list = caller
        .get(&format!("/notifications?{query}"))
        .await
        .expect(200)
        .json();
    each(&list, "id").into_iter().map(str::to_owned).collect()
}

async fn unread(caller: &Caller) -> Value {
    caller.get("/notifications/count").await.expect(200).json()
}

#[testkit::test]
async fn actions_of_others_are_listed_newest_first(db: PgPool) {
    let (_, ada, bob) = acts(&db).await;

    let list = ada.get("/notifications").await.expect(200).json();

    let actor = json!({
        "id": bob.id, "name": "bob", "image": null, "avatar": null,
        "githubUsername": "bob", "isPro": false, "isFollowing": false
    });
    let project = json!({ "id": "p", "title": "Project p" });
    assert_eq!(
        list,
        json!([
            {
                "id": "follow:f", "type": "follow", "createdAt": "2025-01-03T00:00:00.000Z",
                "isRead": false, "actor": actor, "project": null, "comment": null
            },
            {
                "id": "comment:c", "type": "comment", "createdAt": "2025-01-02T00:00:00.000Z",
                "isRead": false, "actor": actor, "project": project,
                "comment": { "id": "c", "content": "🦀".repeat(200) }
            },
            {
                "id": "like:l", "type": "like", "createdAt": "2025-01-01T00:00:00.000Z",
                "isRead": false, "actor": actor, "project": project, "comment": null
            },
        ])
    );
    assert_eq!(unread(&ada).await, json!({ "unread": 3 }));
    assert_eq!(
        bob.get("/notifications").await.expect(200).json(),
        json!([])
    );
    assert_eq!(unread(&bob).await, json!({ "unread": 0 }));
    ada.put(&format!("/users/{}/follow", bob.id), json!({}))
        .await
        .expect(200);
    let list = ada.get("/notifications").await.expect(200).json();
    assert_eq!(list[0]["actor"]["isFollowing"], true);
}

#[testkit::test]
async fn the_list_can_be_filtered_by_type(db: PgPool) {
    let (_, ada, _) = acts(&db).await;

    assert_eq!(ids(&ada, "type=like").await, ["like:l"]);
    assert_eq!(ids(&ada, "type=comment").await, ["comment:c"]);
    assert_eq!(ids(&ada, "type=follow").await, ["follow:f"]);
}

#[testkit::test]
async fn own_actions_and_those_of_hidden_users_are_left_out(db: PgPool) {
    let (_, ada, bob) = acts(&db).await;
    ada.put("/projects/p/like", json!({})).await.expect(200);
    comment(&ada, "p", "mine").await;

    assert_eq!(ids(&ada, "").await.len(), 3);
    assert_eq!(unread(&ada).await, json!({ "unread": 3 }));
    for (hide, show) in HIDDEN.into_iter().zip(SHOWN) {
        sql(&db, hide, &[&bob.id]).await;
        assert!(ids(&ada, "").await.is_empty());
        assert_eq!(unread(&ada).await, json!({ "unread": 0 }));
        sql(&db, show, &[&bob.id]).await;
        assert_eq!(ids(&ada, "").await.len(), 3);
    }
}

#[testkit::test]
async fn undoing_an_action_removes_its_notification(db: PgPool) {
    let (_, ada, bob) = acts(&db).await;

    bob.delete("/projects/p/like").await.expect(200);
    assert_eq!(ids(&ada, "").await, ["follow:f", "comment:c"]);
    bob.delete("/comments/c").await.expect(204);
    assert_eq!(ids(&ada, "").await, ["follow:f"]);
    bob.delete(&format!("/users/{}/follow", ada.id))
        .await
        .expect(200);
    assert!(ids(&ada, "").await.is_empty());
    assert_eq!(unread(&ada).await, json!({ "unread": 0 }));
}

#[testkit::test]
async fn actions_on_a_project_that_became_private_are_still_listed(db: PgPool) {
    let (_, ada, _) = acts(&db).await;

    sql(&db, r#"update projects set "isPublic" = false"#, &[]).await;

    assert_eq!(ids(&ada, "").await.len(), 3);
}

#[testkit::test]
async fn the_mark_separates_read_from_unread(db: PgPool) {
    let (_, ada, _) = acts(&db).await;

    // The mark includes the instant itself.
    let body = json!({ "before": "2025-01-02T00:00:00.000Z" });
    ada.put("/notifications/read", body).await.expect(204);

    let list = ada.get("/notifications").await.expect(200).json();
    let read: Vec<bool> = (0..3).map(|i| list[i]["isRead"] == true).collect();
    assert_eq!(read, [false, true, true]);
    assert_eq!(ids(&ada, "unread=true").await, ["follow:f"]);
    assert_eq!(ids(&ada, "unread=false").await.len(), 3);
    assert!(ids(&ada, "unread=true&type=like").await.is_empty());
    assert_eq!(unread(&ada).await, json!({ "unread": 1 }));
}

#[testkit::test]
async fn the_mark_only_moves_forward(db: PgPool) {
    let (_, ada, _) = acts(&db).await;
    let mark = async |before: &str| {
        let body = json!({ "before": before });
        ada.put("/notifications/read", body).await.expect(204);
    };

    mark("2025-01-02T00:00:00Z").await;
    mark("2025-01-01").await;
    assert_eq!(unread(&ada).await, json!({ "unread": 1 }));
    mark("2025-01-02T01:30:00+01:30").await;
    assert_eq!(unread(&ada).await, json!({ "unread": 1 }));
    mark("2025-01-03T00:00:00Z").await;
    assert_eq!(unread(&ada).await, json!({ "unread": 0 }));
}

#[testkit::test]
async fn the_mark_is_now_by_default_and_never_later(db: PgPool) {
    let (_, ada, bob) = acts(&db).await;

    for body in [json!({}), json!({ "before": "2999-01-01" })] {
        comment(&bob, "p", "hello").await;
        assert_ne!(unread(&ada).await, json!({ "unread": 0 }));
        ada.put("/notifications/read", body).await.expect(204);
        assert_eq!(unread(&ada).await, json!({ "unread": 0 }));
    }
    let future = r#"select count(*) from "notificationMark" where "readUntil" > now() at time zone 'utc' + interval '1 second'"#;
    assert_eq!(number(&db, future, &[]).await, 0);
    // Later actions are unread.
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    comment(&bob, "p", "later").await;
    assert_eq!(unread(&ada).await, json!({ "unread": 1 }));
    assert_eq!(unread(&bob).await, json!({ "unread": 0 }));
}

/// A database that Prisma created may store microseconds, which clients do not see.
#[testkit::test]
async fn the_time_of_the_newest_notification_marks_all_as_read(db: PgPool) {
    let (app, ada, bob) = acts(&db).await;
    for statement in [
        r#"alter table likes alter column "createdAt" type timestamp(6)"#,
        r#"alter table comments alter column "createdAt" type timestamp(6)"#,
        r#"alter table follows alter column "createdAt" type timestamp(6)"#,
        r#"update likes set "createdAt" = '2025-01-01 00:00:00.123456'"#,
        r#"update comments set "createdAt" = '2025-01-01 00:00:00.123789'"#,
        r#"update follows set "createdAt" = '2025-01-01 00:00:00.123999'"#,
    ] {
        sql(&db, statement, &[]).await;
    }
    let list = ada.get("/notifications").await.expect(200).json();
    assert!(list.as_array().unwrap().len() > 2);

    let body = json!({ "before": list[0]["createdAt"] });
    ada.put("/notifications/read", body).await.expect(204);

    assert_eq!(unread(&ada).await, json!({ "unread": 0 }));
    let list = ada.get("/notifications").await.expect(200).json();
    let is_read = |item: &Value| item["isRead"] == true;
    assert!(list.as_array().unwrap().iter().all(is_read), "{list}");
    let left = ada.get("/notifications?unread=true").await.expect(200);
    assert_eq!(left.json(), json!([]));
    // The next millisecond is unread.
    sql(
        &db,
        r#"update comments set "createdAt" = '2025-01-01 00:00:00.124' where "authorId" = $1"#,
        &[&bob.id],
    )
    .await;
    assert_ne!(unread(&ada).await, json!({ "unread": 0 }));
    drop(app);
}

#[testkit::test]
async fn unread_notifications_are_counted_up_to_a_hundred(db: PgPool) {
    let (_, ada, bob) = acts(&db).await;
    sql(&db, "delete from likes", &[]).await;
    sql(&db, "delete from comments", &[]).await;
    sql(&db, "delete from follows", &[]).await;
    for (more, expected) in [("99", 99), ("1", 100), ("1", 100), ("200", 100)] {
        sql(
            &db,
            r#"insert into comments (id, content, "authorId", "projectId", "updatedAt")
               select gen_random_uuid()::text, 'x', $1, 'p', now() from generate_series(1, $2::int)"#,
            &[&bob.id, more],
        )
        .await;
        assert_eq!(unread(&ada).await, json!({ "unread": expected }));
    }
}

#[testkit::test]
async fn actions_of_one_instant_are_each_on_one_page(db: PgPool) {
    let (app, ada, _) = acts(&db).await;
    let eve = app.user("eve").await;
    eve.put("/projects/p/like", json!({})).await.expect(200);
    comment(&eve, "p", "x").await;
    eve.put(&format!("/users/{}/follow", ada.id), json!({}))
        .await
        .expect(200);
    for statement in [
        r#"update likes set "createdAt" = '2025-01-01'"#,
        r#"update comments set "createdAt" = '2025-01-01'"#,
        r#"update follows set "createdAt" = '2025-01-01'"#,
    ] {
        sql(&db, statement, &[]).await;
    }

    let whole = ids(&ada, "").await;
    assert_eq!(whole.len(), 6);
    let kinds: Vec<&str> = whole
        .iter()
        .map(|id| id.split(':').next().unwrap())
        .collect();
    assert_eq!(
        kinds,
        ["like", "like", "follow", "follow", "comment", "comment"]
    );
    for limit in 1..=6 {
        let pages = crate::walk(&ada, &format!("/notifications?limit={limit}")).await;
        assert_eq!(pages.concat(), whole);
    }
}

#[testkit::test]
async fn older_actions_are_found_after_many_on_other_projects(db: PgPool) {
    let (app, ada, bob) = acts(&db).await;
    let eve = app.user("eve").await;
    project(&db, "e", &eve.id, true).await;
    for statement in [
        r#"insert into "user" (id, name, email, "updatedAt") select 'u' || n, 'u', 'u' || n, now() from generate_series(1, 60) n"#,
        r#"insert into likes (id, "userId", "projectId", "createdAt")
           select 'e' || n, 'u' || n, 'e', timestamp '2025-02-01' + n * interval '1 hour' from generate_series(1, 60) n"#,
        r#"insert into comments (id, content, "authorId", "projectId", "createdAt", "updatedAt")
           select 'e' || n, 'x', 'u' || n, 'e', timestamp '2025-02-01' + n * interval '1 hour', now() from generate_series(1, 60) n"#,
        // Some actions on Ada's project are between those on the other one, and most are older.
        r#"insert into likes (id, "userId", "projectId", "createdAt")
           select 'a' || n, 'u' || n, 'p', timestamp '2025-02-03' - n * interval '7 hours' from generate_series(1, 30) n"#,
        r#"insert into comments (id, content, "authorId", "projectId", "createdAt", "updatedAt")
           select 'a' || n, 'x', 'u' || n, 'p', timestamp '2025-02-03' - n * interval '5 hours', now() from generate_series(1, 30) n"#,
    ] {
        sql(&db, statement, &[]).await;
    }
    let all = r#"
        select kind || ':' || id from (
            select 'like' as kind, id, "createdAt" from likes where "projectId" = 'p'
            union all select 'comment', id, "createdAt" from comments where "projectId" = 'p'
            union all select 'follow', id, "createdAt" from follows
        ) act order by "createdAt" desc, kind desc, id desc"#;
    let expected: Vec<String> = sqlx::query_scalar(all).fetch_all(&db).await.unwrap();
    assert_eq!(expected.len(), 63);

    for limit in [1, 4, 20, 100] {
        let pages = crate::walk(&ada, &format!("/notifications?limit={limit}")).await;
        assert_eq!(pages.concat(), expected, "{limit}");
    }
    assert_eq!(unread(&ada).await, json!({ "unread": 63 }));
    // Actions before the mark are not counted.
    let body = json!({ "before": "2025-01-31T00:00:00Z" });
    ada.put("/notifications/read", body).await.expect(204);
    let newer = r#"
        select (select count(*) from likes where "projectId" = 'p' and "createdAt" > '2025-01-31')
            + (select count(*) from comments where "projectId" = 'p' and "createdAt" > '2025-01-31')"#;
    let newer = number(&db, newer, &[]).await;
    assert_eq!(unread(&ada).await, json!({ "unread": newer }));
    let count = ids(&ada, "unread=true&limit=100").await.len();
    assert_eq!(i64::try_from(count).unwrap(), newer);
    assert_eq!(ids(&bob, "").await.len(), 0);
}

/// The newest likes and comments of the site that are read first are all on other projects.
#[testkit::test]
async fn the_owner_of_many_projects_finds_actions_behind_very_many_others(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let eve = app.user("eve").await;
    for (statement, user) in [
        (
            r#"insert into projects (id, title, "authorId", "updatedAt") select 'p' || n, 'P', $1, now() from generate_series(1, 1100) n"#,
            &ada,
        ),
        (
            r#"insert into projects (id, title, "authorId", "updatedAt") select 'e' || n, 'E', $1, now() from generate_series(1, 10500) n"#,
            &eve,
        ),
        (
            r#"insert into likes (id, "userId", "projectId", "createdAt")
               select id, $1, id, timestamp '2025-01-01' + length(id) * interval '1 hour' from projects where id like 'e%'
               union all
               select 'l' || n, $1, 'p' || n, timestamp '2024-01-01' + n * interval '1 hour' from unnest('{1,700,1100}'::int[]) n"#,
            &bob,
        ),
        (
            r#"insert into comments (id, content, "authorId", "projectId", "createdAt", "updatedAt")
               select id, 'x', $1, id, timestamp '2025-01-01', now() from projects where id like 'e%'
               union all
               select 'c' || n, 'x', $1, 'p' || n, timestamp '2024-01-01' + n * interval '1 hour', now()
               from unnest('{2,701,1099}'::int[]) n"#,
            &bob,
        ),
    ] {
        sql(&db, statement, &[&user.id]).await;
    }
    let expected = [
        "like:l1100",
        "comment:c1099",
        "comment:c701",
        "like:l700",
        "comment:c2",
        "like:l1",
    ];

    let check = async || {
        for limit in [2, 20] {
            let pages = crate::walk(&ada, &format!("/notifications?limit={limit}")).await;
            assert_eq!(pages.concat(), expected, "{limit}");
        }
        assert_eq!(unread(&ada).await, json!({ "unread": 6 }));
    };
    check().await;

    // For more than 2,000 projects, the counters of likes are used.
    for statement in [
        r#"insert into projects (id, title, "authorId", "updatedAt") select 'q' || n, 'Q', $1, now() from generate_series(1, 1000) n"#,
        r#"update projects p set "likeCount" = (select count(*) from likes where "projectId" = p.id) where "authorId" = $1"#,
    ] {
        sql(&db, statement, &[&ada.id]).await;
    }
    check().await;
}
