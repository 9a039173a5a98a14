//! `GET /users`: pages

use serde_json::{Value, json};
use shared::http::Cursor;
use sqlx::PgPool;
use testing::Caller;

use crate::{app, each, sql};

/// Follows `Link` until the last page, and returns the ids of each page.
async fn walk(caller: &Caller, path: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut next = path.to_owned();
    loop {
        let answer = caller.get(&next).await.expect(200);
        let page = answer.json();
        pages.push(each(&page, "id").into_iter().map(str::to_owned).collect());
        let link = answer.header("link");
        if link.is_empty() {
            return pages;
        }
        let query = link
            .strip_prefix("<?")
            .and_then(|link| link.strip_suffix(">; rel=\"next\""))
            .expect("a link to the next page");
        next = format!("/users?{query}");
    }
}

/// Inserts 23 users. Many share a time or a number of followers, and one is hidden.
async fn crowd(db: &PgPool) -> Caller {
    let app = app(db);
    for i in 0..23 {
        app.insert_user(&format!("u{i:02}"), &format!("Somebody {i}"))
            .await;
    }
    let caller = app.session("u11").await;
    sql(
        db,
        r#"update "user" set
               "createdAt" = timestamp '2025-01-01 00:00:00.123' + (substr(id, 2)::int / 4) * interval '1 millisecond',
               "followersCount" = substr(id, 2)::int % 3,
               "isActive" = id <> 'u07'"#,
        &[],
    )
    .await;
    caller
}

#[testkit::test]
async fn the_pages_have_each_user_once_in_order(db: PgPool) {
    let caller = crowd(&db).await;

    for (sort, order) in [
        (
            "newest",
            r#"select id from "user" where "isActive" order by "createdAt" desc, id desc"#,
        ),
        (
            "followers",
            r#"select id from "user" where "isActive" order by "followersCount" desc, id desc"#,
        ),
    ] {
        let expected: Vec<String> = sqlx::query_scalar(order).fetch_all(&db).await.unwrap();
        for limit in [1, 2, 5, 11, 21, 22, 23, 100] {
            let pages = walk(&caller, &format!("/users?sort={sort}&limit={limit}")).await;
            assert_eq!(pages.concat(), expected, "{sort} {limit}");
            assert_eq!(
                pages.len(),
                expected.len().div_ceil(limit),
                "{sort} {limit}"
            );
        }
    }
    assert_eq!(walk(&caller, "/users").await[0].len(), 20);
}

#[testkit::test]
async fn the_link_repeats_the_filters(db: PgPool) {
    let caller = crowd(&db).await;

    let answer = caller
        .get("/users?q=some+body&skill=c%2B%2B&limit=1")
        .await
        .expect(200);
    assert_eq!(answer.header("link"), "");
    sql(
        &db,
        r#"update "user" set skills = '{C++}' where id > $1"#,
        &["u15"],
    )
    .await;
    let answer = caller
        .get("/users?q=some+1&skill=c%2B%2B&limit=1")
        .await
        .expect(200);
    let link = answer.header("link");
    assert!(
        link.starts_with("<?q=some+1&skill=c%2B%2B&limit=1&cursor="),
        "{link}"
    );
    let pages = walk(&caller, "/users?q=some+1&skill=c%2B%2B&limit=1").await;
    assert_eq!(pages.concat(), ["u19", "u18", "u17", "u16"]);
}

#[testkit::test]
async fn inserted_and_deleted_rows_do_not_shift_pages(db: PgPool) {
    let caller = crowd(&db).await;
    let all = walk(&caller, "/users?limit=100").await.concat();
    let first = caller.get("/users?limit=5").await;
    let link = first.header("link").to_owned();
    let rest = format!("/users{}", &link[1..link.find('>').unwrap()]);

    // Inserts newer rows, and deletes the row that the cursor points to.
    sql(&db, r#"delete from "user" where id = $1"#, &[&all[4]]).await;
    sql(
        &db,
        r#"update "user" set "createdAt" = '2030-01-01', "isActive" = true where id = $1"#,
        &["u07"],
    )
    .await;

    let seen = walk(&caller, &rest.replace("limit=5", "limit=100"))
        .await
        .concat();
    assert_eq!(seen, all[5..]);
}

#[testkit::test]
async fn foreign_and_malformed_cursors_are_rejected(db: PgPool) {
    let caller = crowd(&db).await;
    let newest = |keys: Value| Cursor::new("newest", keys).encode();
    let followers = |keys: Value| Cursor::new("followers", keys).encode();
    let time = "2025-01-01T00:00:00";

    for (sort, cursor) in [
        ("newest", followers(json!([1, "u01"]))),
        ("followers", newest(json!([time, "u01"]))),
        ("suggested", newest(json!([time, "u01"]))),
        ("suggested", Cursor::new("suggested", json!([])).encode()),
        (
            "suggested",
            Cursor::new("suggested", json!([1, "x"])).encode(),
        ),
        ("newest", newest(json!(["yesterday", "u01"]))),
        ("newest", newest(json!([time]))),
        ("newest", newest(json!([time, "u01", 1]))),
        ("newest", newest(json!([time, 1]))),
        ("newest", newest(json!([null, null]))),
        ("newest", newest(json!([[], {}]))),
        ("newest", newest(json!([time, "a\0"]))),
        ("newest", newest(json!(["-200000-01-01T00:00:00", "u01"]))),
        (
            "newest",
            newest(json!(["+262142-12-31T23:59:59.999", "u01"])),
        ),
        ("newest", newest(json!([time, "x".repeat(1000)]))),
        ("followers", followers(json!([2_147_483_648_i64, "u01"]))),
        ("followers", followers(json!([1.5, "u01"]))),
        ("followers", followers(json!(["1", "u01"]))),
        ("newest", "e30".to_owned()),
        ("newest", "null".to_owned()),
        ("newest", "%F0%9F%A6%80".to_owned()),
    ] {
        let answer = caller
            .get(&format!("/users?sort={sort}&cursor={cursor}"))
            .await;
        answer.expect_error(400, &["cursor must be a valid cursor"]);
    }
    // A well-formed cursor may point to any position in the list.
    let far = newest(json!(["0001-01-01T00:00:00", ""]));
    let answer = caller
        .get(&format!("/users?cursor={far}"))
        .await
        .expect(200);
    assert_eq!(answer.json(), json!([]));
}
