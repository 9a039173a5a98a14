//! `GET /api/auth/admin/list-users`

use serde_json::{Value, json};
use sqlx::PgPool;
use testing::Caller;

use crate::{Stage, admin::ADMIN};

/// Returns the stage and an admin. There are five users, whose ids are their names.
async fn stage(db: PgPool) -> (Stage, Caller) {
    let stage = Stage::new(db).await;
    for (index, name) in ["Ann", "ben", "Cy_d", "dan%", "Eve"].iter().enumerate() {
        stage
            .execute(&format!(
                r#"insert into "user" (id, name, email, "emailVerified", banned, "isPro", role, "createdAt", "updatedAt")
                   values ('{name}', '{name}', lower('{name}') || '@test.example', {index} > 2, {index} = 1, {index} = 4, 'user',
                   timestamp '2025-01-01' + interval '1 day' * {index}, timestamp '2025-02-01')"#
            ))
            .await;
    }
    stage
        .execute(
            r#"insert into session (id, token, "userId", "expiresAt", "updatedAt")
               values ('s', 't', 'Eve', now() + interval '1 day', now())"#,
        )
        .await;
    stage
        .execute(r#"update "user" set role = 'admin' where id = 'Eve'"#)
        .await;
    let eve = stage.app.with_token("Eve", "t");
    (stage, eve)
}

async fn ids(admin: &Caller, query: &str) -> (Vec<String>, Value) {
    let answer = admin
        .get(&format!("{ADMIN}/list-users?{query}"))
        .await
        .expect(200)
        .json();
    let users = answer["users"].as_array().unwrap();
    let ids = users
        .iter()
        .map(|user| user["id"].as_str().unwrap().to_owned());
    (ids.collect(), answer["total"].clone())
}

#[testkit::test]
async fn users_are_searched_filtered_and_sorted(db: PgPool) {
    let (_stage, eve) = stage(db).await;

    for (query, expected) in [
        ("", "Ann ben Cy_d dan% Eve"),
        ("searchValue=", "Ann ben Cy_d dan% Eve"),
        ("searchValue=n%40", "Ann ben"),
        ("searchValue=an", "Ann dan%"),
        ("searchValue=an&searchOperator=starts_with", "Ann"),
        (
            "searchValue=%25%40test.example&searchOperator=ends_with",
            "dan%",
        ),
        // Wildcards of `LIKE` are literal characters.
        ("searchValue=_", "Cy_d"),
        ("searchValue=%25", "dan%"),
        ("searchField=name&searchValue=E", "Eve"),
        ("searchField=name&searchValue=n", "Ann ben dan%"),
        (
            "searchValue=an&filterField=emailVerified&filterValue=true",
            "dan%",
        ),
        ("filterValue=ann%40test.example", "Ann"),
        ("filterValue=", ""),
        (
            "filterField=name&filterOperator=ne&filterValue=Ann",
            "ben Cy_d dan% Eve",
        ),
        (
            "filterField=id&filterOperator=in&filterValue=Ann&filterValue=Eve",
            "Ann Eve",
        ),
        (
            "filterField=id&filterOperator=not_in&filterValue=Ann&filterValue=Eve",
            "ben Cy_d dan%",
        ),
        ("filterField=banned&filterValue=true", "ben"),
        (
            "filterField=banned&filterOperator=ne&filterValue=true",
            "Ann Cy_d dan% Eve",
        ),
        ("filterField=isPro&filterValue=true", "Eve"),
        (
            "filterField=createdAt&filterOperator=gte&filterValue=2025-01-04T00:00:00.000Z",
            "dan% Eve",
        ),
        (
            "filterField=createdAt&filterOperator=lt&filterValue=2025-01-02T00:00:00.000Z",
            "Ann",
        ),
        (
            "filterField=createdAt&filterOperator=in&filterValue=2025-01-02T00:00:00.000Z&filterValue=2025-01-01T00:00:00.000Z",
            "Ann ben",
        ),
        (
            "filterField=role&filterOperator=starts_with&filterValue=adm",
            "Eve",
        ),
        (
            "filterField=name&filterOperator=contains&filterValue=n&sortBy=email&sortDirection=desc",
            "dan% ben Ann",
        ),
        (
            "filterField=email&filterOperator=lte&filterValue=ben%40test.example&sortBy=email",
            "Ann ben",
        ),
        (
            "sortBy=createdAt&sortDirection=desc",
            "Eve dan% Cy_d ben Ann",
        ),
        ("sortDirection=desc", "Ann ben Cy_d dan% Eve"),
        ("sortBy=", "Ann ben Cy_d dan% Eve"),
    ] {
        let (found, total) = ids(&eve, query).await;
        assert_eq!(found.join(" "), expected, "{query}");
        assert_eq!(total, found.len(), "{query}");
    }
}

#[testkit::test]
async fn limit_and_offset_select_a_page_and_are_returned(db: PgPool) {
    let (_stage, eve) = stage(db).await;

    for (query, expected, echoed) in [
        ("limit=2", "Ann ben", json!({ "limit": 2 })),
        (
            "limit=2&offset=3",
            "dan% Eve",
            json!({ "limit": 2, "offset": 3 }),
        ),
        ("offset=4", "Eve", json!({ "offset": 4 })),
        ("offset=9", "", json!({ "offset": 9 })),
        ("limit=0&offset=0", "Ann ben Cy_d dan% Eve", json!({})),
        ("limit=&offset=x", "Ann ben Cy_d dan% Eve", json!({})),
        (
            "limit=100000",
            "Ann ben Cy_d dan% Eve",
            json!({ "limit": 100_000 }),
        ),
    ] {
        let answer = eve
            .get(&format!("{ADMIN}/list-users?{query}"))
            .await
            .expect(200);
        let mut answer = answer.json();
        let answer = answer.as_object_mut().unwrap();
        let users = answer.remove("users").unwrap();
        let names: Vec<&str> = users
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["id"].as_str().unwrap())
            .collect();
        assert_eq!(names.join(" "), expected, "{query}");
        assert_eq!(answer.remove("total"), Some(json!(5)), "{query}");
        assert_eq!(Value::Object(answer.clone()), echoed, "{query}");
    }
}

#[testkit::test]
async fn unsupported_parameters_find_no_users(db: PgPool) {
    let (stage, eve) = stage(db).await;

    for query in [
        "sortBy=nonsense",
        "sortBy=password",
        "sortBy=createdAt%3B%20drop%20table%20session",
        "sortBy=createdAt&limit=-1",
        "limit=1.5",
        "offset=1e12",
        "filterField=nonsense&filterValue=1",
        "filterField=name%22%20or%20true%20--&filterValue=1",
        "filterField=providerId&filterValue=1",
        "filterField=banned&filterOperator=gt&filterValue=true",
        "filterField=createdAt&filterValue=yesterday",
        "filterField=createdAt&filterOperator=contains&filterValue=2025",
        "filterOperator=in&filterValue=one",
        "filterValue=one&filterValue=two",
    ] {
        let answer = eve
            .get(&format!("{ADMIN}/list-users?{query}"))
            .await
            .expect(200);
        assert_eq!(answer.json(), json!({ "users": [], "total": 0 }), "{query}");
    }
    let (found, _) = ids(&eve, "searchValue=%27%20or%20true%20--").await;
    assert!(found.is_empty());
    assert_eq!(stage.count("session").await, 1);
    for query in [
        "searchField=id",
        "searchOperator=eq",
        "sortDirection=up",
        "filterOperator=like",
        "limit=1&limit=2",
        "searchValue=%00",
        "filterValue=%00",
        "filterValue=a&filterValue=%00",
    ] {
        let answer = eve
            .get(&format!("{ADMIN}/list-users?{query}"))
            .await
            .expect(400);
        assert_eq!(answer.json()["code"], "VALIDATION_ERROR", "{query}");
    }
}
