//! `GET /users/facets`

use serde_json::json;
use shared::db::measured;
use sqlx::PgPool;

use crate::{HIDDEN, SHOWN, app, sql};

#[testkit::test]
async fn facets_are_counted_under_the_most_frequent_spelling(db: PgPool) {
    let app = app(&db);
    for (id, skills, location) in [
        ("1", "{Rust,go}", "Toronto, CA"),
        ("2", "{Rust,ÅNGSTRÖM}", "toronto, ca"),
        ("3", "{RUST,go,ångström,\"\"}", "Toronto, CA"),
        ("4", "{Perl,ångström}", ""),
        ("5", "{Ada,100%,rust}", "Berlin"),
    ] {
        app.insert_user(id, id).await;
        sql(
            &db,
            r#"update "user" set skills = $2::text[], location = $3 where id = $1"#,
            &[id, skills, location],
        )
        .await;
    }
    let caller = app.session("4").await;

    let (answer, usage) = measured(caller.get("/users/facets")).await;

    assert_eq!(
        answer.expect(200).json(),
        json!({
            "skills": [
                {"name": "Rust", "count": 4}, {"name": "ångström", "count": 3},
                {"name": "go", "count": 2},
                {"name": "100%", "count": 1}, {"name": "Ada", "count": 1}, {"name": "Perl", "count": 1},
            ],
            "locations": [{"name": "Toronto, CA", "count": 3}, {"name": "Berlin", "count": 1}],
        })
    );
    assert_eq!(usage.statements, 2);

    for (query, skills, locations) in [
        ("prefix=R", json!([{"name": "Rust", "count": 4}]), json!([])),
        (
            "prefix=tORonto%2C",
            json!([]),
            json!([{"name": "Toronto, CA", "count": 3}]),
        ),
        (
            "prefix=%C3%85",
            json!([{"name": "ångström", "count": 3}]),
            json!([]),
        ),
        (
            "prefix=100%25",
            json!([{"name": "100%", "count": 1}]),
            json!([]),
        ),
        ("prefix=%25", json!([]), json!([])),
        ("prefix=1__%25", json!([]), json!([])),
        (
            "limit=1",
            json!([{"name": "Rust", "count": 4}]),
            json!([{"name": "Toronto, CA", "count": 3}]),
        ),
    ] {
        let facets = caller
            .get(&format!("/users/facets?{query}"))
            .await
            .expect(200)
            .json();
        assert_eq!(
            facets,
            json!({"skills": skills, "locations": locations}),
            "{query}"
        );
    }
}

#[testkit::test]
async fn only_visible_users_are_counted(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    app.insert_user("ghost", "Ghost").await;
    sql(
        &db,
        r#"update "user" set skills = '{Haunting}', location = 'Attic' where id = $1"#,
        &["ghost"],
    )
    .await;

    for (hide, show) in HIDDEN.iter().zip(SHOWN) {
        sql(&db, hide, &["ghost"]).await;
        assert_eq!(
            ada.get("/users/facets").await.json(),
            json!({"skills": [], "locations": []})
        );
        sql(&db, show, &["ghost"]).await;
        assert_eq!(
            ada.get("/users/facets?prefix=").await.json(),
            json!({"skills": [{"name": "Haunting", "count": 1}], "locations": [{"name": "Attic", "count": 1}]})
        );
    }
}

#[testkit::test]
async fn the_query_is_validated(db: PgPool) {
    let ada = app(&db).user("ada").await;

    ada.get(&format!("/users/facets?prefix={}", "%C3%BC".repeat(50)))
        .await
        .expect(200);
    for (query, message) in [
        (
            format!("prefix={}", "%C3%BC".repeat(51)),
            "prefix must be shorter than or equal to 50 characters",
        ),
        (
            "prefix=%00".to_owned(),
            "prefix must not contain NUL characters",
        ),
        ("limit=0".to_owned(), "limit must not be less than 1"),
        ("limit=101".to_owned(), "limit must not be greater than 100"),
        ("limit=x".to_owned(), "limit must be an integer number"),
    ] {
        ada.get(&format!("/users/facets?{query}"))
            .await
            .expect_error(400, &[message]);
    }
}
