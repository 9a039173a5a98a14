//! Pages of every list: each row once and in order, even if rows are inserted or deleted meanwhile.

use serde_json::{Value, json};
use shared::http::Cursor;
use sqlx::PgPool;
use testing::Caller;

use crate::{app, sql, walk};

/// Ada (`u00`) has a project with 23 comments and likes, and 23 followers. She follows the same users, and each of them
/// has a project. Four rows at a time share an instant, and user `u07` is hidden.
async fn crowd(db: &PgPool) -> Caller {
    let app = app(db);
    for i in 0..24 {
        app.insert_user(&format!("u{i:02}"), &format!("Somebody {i}"))
            .await;
    }
    sql(
        db,
        r#"insert into projects (id, title, "authorId", "createdAt", "updatedAt")
           select 'p' || substr(id, 2), name, id, timestamp '2025-01-01 00:00:00.123'
               + (substr(id, 2)::int / 4) * interval '1 millisecond', now()
           from "user""#,
        &[],
    )
    .await;
    for statement in [
        r#"insert into likes (id, "userId", "projectId", "createdAt")
           select 'x' || "authorId", "authorId", 'p00', "createdAt" from projects where id <> 'p00'"#,
        r#"insert into comments (id, content, "authorId", "projectId", "createdAt", "updatedAt")
           select 'x' || "authorId", 'x', "authorId", 'p00', "createdAt", now() from projects where id <> 'p00'"#,
        r#"insert into follows (id, "followerId", "followingId", "createdAt")
           select 'x' || "authorId", "authorId", 'u00', "createdAt" from projects where id <> 'p00'"#,
        r#"insert into follows (id, "followerId", "followingId", "createdAt")
           select 'y' || "authorId", 'u00', "authorId", "createdAt" from projects where id <> 'p00'"#,
        r#"update "user" set "isActive" = false where id = 'u07'"#,
    ] {
        sql(db, statement, &[]).await;
    }
    app.session("u00").await
}

/// The lists, with statements that select the expected ids in order.
const LISTS: [(&str, &str); 8] = [
    (
        "/projects/p00/comments?",
        r#"select id from comments where id <> 'xu07' order by "createdAt", id"#,
    ),
    (
        "/projects/p00/comments?sort=newest&",
        r#"select id from comments where id <> 'xu07' order by "createdAt" desc, id desc"#,
    ),
    (
        "/projects/p00/likes?",
        r#"select "userId" from likes where id <> 'xu07' order by "createdAt" desc, id desc"#,
    ),
    (
        "/users/u00/followers?",
        r#"select "followerId" from follows where "followingId" = 'u00' and id <> 'xu07'
           order by "createdAt" desc, id desc"#,
    ),
    (
        "/users/u00/following?",
        r#"select "followingId" from follows where "followerId" = 'u00' and id <> 'yu07'
           order by "createdAt" desc, id desc"#,
    ),
    (
        "/feed?",
        r#"select id from projects where id not in ('p00', 'p07') order by "createdAt" desc, id desc"#,
    ),
    (
        "/notifications?",
        r#"select kind || ':' || id from (
               select 'like' as kind, id, "createdAt" from likes
               union all select 'comment', id, "createdAt" from comments
               union all select 'follow', id, "createdAt" from follows where "followingId" = 'u00'
           ) act where id <> 'xu07' order by "createdAt" desc, kind desc, id desc"#,
    ),
    (
        "/notifications?type=comment&",
        r#"select 'comment:' || id from comments where id <> 'xu07' order by "createdAt" desc, id desc"#,
    ),
];

#[testkit::test]
async fn the_pages_have_each_row_once_in_order(db: PgPool) {
    let ada = crowd(&db).await;

    for (path, order) in LISTS {
        let expected: Vec<String> = sqlx::query_scalar(order).fetch_all(&db).await.unwrap();
        assert!(expected.len() >= 22, "{path}");
        for limit in [1, 2, 5, 11, 21, 22, 23, 100] {
            let pages = walk(&ada, &format!("{path}limit={limit}")).await;
            assert_eq!(pages.concat(), expected, "{path} {limit}");
            assert_eq!(
                pages.len(),
                expected.len().div_ceil(limit),
                "{path} {limit}"
            );
        }
        assert_eq!(walk(&ada, path).await[0].len(), 20, "{path}");
    }
}

#[testkit::test]
async fn inserted_and_deleted_rows_do_not_shift_pages(db: PgPool) {
    let ada = crowd(&db).await;
    let mut begun = Vec::new();
    for (path, order) in LISTS {
        let all: Vec<String> = sqlx::query_scalar(order).fetch_all(&db).await.unwrap();
        let answer = ada.get(&format!("{path}limit=5")).await.expect(200);
        let link = answer.header("link").to_owned();
        let base = path.split('?').next().unwrap();
        let rest = format!("{base}{}", &link[1..link.find('>').unwrap()]);
        begun.push((rest.replace("limit=5", "limit=100"), all));
    }

    // Inserts newer rows of another user, and deletes the rows that the cursors point to.
    app(&db).insert_user("new", "New").await;
    for statement in [
        r#"insert into projects (id, title, "authorId", "updatedAt") values ('pnew', 'x', 'u05', now())"#,
        r#"insert into likes (id, "userId", "projectId") values ('new', 'new', 'p00')"#,
        r#"insert into comments (id, content, "authorId", "projectId", "updatedAt") values ('new', 'x', 'new', 'p00', now())"#,
        r#"insert into follows (id, "followerId", "followingId") values ('new', 'new', 'u00'), ('new2', 'u00', 'new')"#,
        "delete from likes where id = 'xu19'",
        "delete from comments where id in ('xu05', 'xu19')",
        "delete from follows where id in ('xu19', 'yu19')",
        "delete from projects where id = 'p19'",
    ] {
        sql(&db, statement, &[]).await;
    }

    for (rest, all) in begun {
        let seen = walk(&ada, &rest).await.concat();
        let gone = |id: &String| id.ends_with("19") || id.ends_with("05");
        let expected: Vec<&String> = all[5..].iter().filter(|id| !gone(id)).collect();
        let seen: Vec<&String> = seen.iter().filter(|id| !gone(id) && *id != "new").collect();
        assert_eq!(seen, expected, "{rest}");
    }
}

#[testkit::test]
async fn the_link_repeats_the_filters(db: PgPool) {
    let ada = crowd(&db).await;

    let answer = ada
        .get("/notifications?type=like&unread=true&limit=2")
        .await
        .expect(200);

    let link = answer.header("link");
    assert!(
        link.starts_with("<?type=like&unread=true&limit=2&cursor="),
        "{link}"
    );
}

#[testkit::test]
async fn foreign_and_malformed_cursors_are_rejected(db: PgPool) {
    let ada = crowd(&db).await;
    let newest = |keys: Value| Cursor::new("newest", keys).encode();
    let time = "2025-01-01T00:00:00";

    for (path, _) in LISTS {
        for cursor in [
            Cursor::new("likes", json!([time, "x"])).encode(),
            newest(json!(["yesterday", "like:x"])),
            newest(json!([time])),
            newest(json!([time, "like:x", 1])),
            newest(json!([time, 1])),
            newest(json!([1, "like:x"])),
            newest(json!([null, null])),
            newest(json!([time, "like:a\0"])),
            newest(json!(["-200000-01-01T00:00:00", "like:x"])),
            newest(json!(["+262142-12-31T23:59:59.999", "like:x"])),
            newest(json!([time, format!("like:{}", "x".repeat(1000))])),
            newest(json!({ "a": 1 })),
            "e30".to_owned(),
            "null".to_owned(),
            "%F0%9F%A6%80".to_owned(),
        ] {
            let answer = ada.get(&format!("{path}cursor={cursor}")).await;
            answer.expect_error(400, &["cursor must be a valid cursor"]);
        }
    }
    let oldest = Cursor::new("oldest", json!([time, "x"])).encode();
    for (path, cursor) in [
        ("/projects/p00/comments?sort=newest", &oldest),
        (
            "/projects/p00/comments?sort=oldest",
            &newest(json!([time, "x"])),
        ),
        ("/notifications?", &newest(json!([time, "x"]))),
        ("/notifications?", &newest(json!([time, "share:x"]))),
        ("/feed?", &oldest),
    ] {
        let answer = ada.get(&format!("{path}&cursor={cursor}")).await;
        answer.expect_error(400, &["cursor must be a valid cursor"]);
    }
    // A well-formed cursor may point to any position in the list.
    for time in ["0001-01-01T00:00:00", "9999-12-31T23:59:59.999999999"] {
        for (path, _) in LISTS.iter().filter(|(path, _)| *path != LISTS[0].0) {
            let cursor = newest(json!([time, "like:x"]));
            ada.get(&format!("{path}cursor={cursor}")).await.expect(200);
        }
    }
}
