//! `GET /projects/facets`

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{HIDDEN, SHOWN, aged, app, create, like, sql};

const HOUR: i64 = 3_600_000;

/// Returns the tags or languages, each as `name count recent previous`.
fn lines(facets: &Value, kind: &str) -> Vec<String> {
    let line = |facet: &Value| {
        format!(
            "{} {} {} {}",
            facet["name"].as_str().expect("a name"),
            facet["count"],
            facet["recentCount"],
            facet["previousCount"]
        )
    };
    let facets = facets[kind].as_array().expect("a list");
    facets.iter().map(line).collect()
}

#[testkit::test]
async fn tags_and_languages_are_counted_with_their_growth(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    for (tags, language, hours) in [
        (json!(["rust", "cli"]), json!("Rust"), 1),
        (json!(["rust"]), json!("Rust"), 30),
        (json!(["rust", "web"]), json!("rust"), 24 * 8),
        (json!(["web"]), Value::Null, 24 * 20),
        (json!([]), json!("Go"), 24 * 40),
    ] {
        let id = create(
            &ada,
            json!({ "title": "A", "tags": tags, "language": language }),
        )
        .await;
        aged(&db, &id, HOUR * hours).await;
        if hours == 30 {
            like(&db, &bob.id, &id).await;
        }
    }
    create(
        &ada,
        json!({ "title": "A", "tags": ["secret"], "language": "Secret", "isPublic": false }),
    )
    .await;
    let facets = async |query: &str| {
        let own = format!("/projects/facets?{query}")
            .replace("ADA", &ada.id)
            .replace("BOB", &bob.id);
        ada.get(&own).await.expect(200).json()
    };

    let week = facets("").await;
    assert_eq!(
        lines(&week, "tags"),
        ["rust 3 2 1", "web 2 0 1", "cli 1 1 0"]
    );
    assert_eq!(lines(&week, "languages"), ["Rust 3 2 1", "Go 1 0 0"]);
    assert_eq!(week, facets("window=7d&author=ADA").await);
    let day = facets("window=24h").await;
    assert_eq!(
        lines(&day, "tags"),
        ["rust 3 1 1", "web 2 0 0", "cli 1 1 0"]
    );
    let month = facets("window=30d").await;
    assert_eq!(lines(&month, "languages"), ["Rust 3 3 0", "Go 1 0 1"]);

    assert_eq!(lines(&facets("limit=1").await, "tags"), ["rust 3 2 1"]);
    assert_eq!(lines(&facets("prefix=R").await, "tags"), ["rust 3 2 1"]);
    assert_eq!(
        lines(&facets("prefix=R").await, "languages"),
        ["Rust 3 2 1"]
    );
    assert_eq!(
        lines(&facets("prefix=%25").await, "tags"),
        Vec::<String>::new()
    );
    assert_eq!(
        lines(&facets("tag=web").await, "tags"),
        ["web 2 0 1", "rust 1 0 1"]
    );
    assert_eq!(
        lines(&facets("language=go").await, "languages"),
        ["Go 1 0 0"]
    );
    assert_eq!(lines(&facets("likedBy=BOB").await, "tags"), ["rust 1 1 0"]);
    assert_eq!(
        lines(&facets("q=cli").await, "tags"),
        ["cli 1 1 0", "rust 1 1 0"]
    );
    assert_eq!(
        facets("isPublic=false&author=ADA").await,
        json!({ "tags": [], "languages": [] })
    );
    assert_eq!(
        facets("author=nobody").await,
        json!({ "tags": [], "languages": [] })
    );

    let answer = app.anyone().get("/projects/facets").await.expect(200);
    assert_eq!(
        answer.header("cache-control"),
        "public, max-age=0, s-maxage=15"
    );
    assert_eq!(answer.header("link"), "");
    for hide in HIDDEN {
        sql(&db, hide, &[&ada.id]).await;
        assert_eq!(
            bob.get("/projects/facets").await.json(),
            json!({ "tags": [], "languages": [] })
        );
    }
}

#[testkit::test]
async fn stored_counts_equal_those_of_the_projects(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    // With a filter that matches every project, the counts are made from the projects themselves.
    let check = async |what: &str| {
        let kept = app
            .anyone()
            .get("/projects/facets")
            .await
            .expect(200)
            .json();
        let counted = app
            .anyone()
            .get("/projects/facets?createdAfter=1970-01-01")
            .await
            .expect(200)
            .json();
        assert_eq!(kept, counted, "{what}");
        kept
    };
    let first = create(
        &ada,
        json!({ "title": "A", "tags": ["a", "b"], "language": "Go" }),
    )
    .await;
    let second = create(
        &bob,
        json!({ "title": "B", "tags": ["a"], "language": "go" }),
    )
    .await;
    assert_eq!(lines(&check("made").await, "tags"), ["a 2 2 0", "b 1 1 0"]);

    for change in [
        json!({ "title": "C" }),
        json!({ "tags": ["b", "c"], "language": null }),
        json!({ "isPublic": false }),
        json!({ "tags": ["d"] }),
        json!({ "isPublic": true, "language": "C" }),
    ] {
        ada.put(&format!("/projects/{first}"), change.clone())
            .await
            .expect(200);
        check(&change.to_string()).await;
    }
    for (hide, show) in HIDDEN.into_iter().zip(SHOWN) {
        sql(&db, hide, &[&bob.id]).await;
        check(hide).await;
        sql(
            &db,
            "update projects set tags = tags || array['e'] where id = $1",
            &[&second],
        )
        .await;
        check("changed while hidden").await;
        sql(&db, show, &[&bob.id]).await;
        assert!(check(show).await["tags"].to_string().contains("\"a\""));
    }
    ada.delete(&format!("/projects/{first}")).await.expect(204);
    check("deleted").await;
    sql(&db, r#"delete from "user" where id = $1"#, &[&bob.id]).await;
    assert_eq!(
        check("author deleted").await,
        json!({ "tags": [], "languages": [] })
    );
}

#[testkit::test]
async fn names_that_are_too_long_for_an_index_are_left_out(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    sql(
        &db,
        r#"insert into projects (id, title, tags, language, "authorId", "updatedAt")
           select 'p', 't', array[repeat(md5(random()::text), 300), 'a'], '', $1, now()"#,
        &[&ada.id],
    )
    .await;

    for query in ["", "?author=", "?tag=a"] {
        let path =
            format!("/projects/facets{query}").replace("author=", &format!("author={}", ada.id));
        let facets = ada.get(&path).await.expect(200).json();
        assert_eq!(lines(&facets, "tags").len(), 1, "{query}");
        assert!(lines(&facets, "languages").is_empty());
    }
}

#[testkit::test]
async fn invalid_queries_are_rejected(db: PgPool) {
    let anyone = app(&db).anyone();

    for (query, message) in [
        ("limit=0", "limit must not be less than 1"),
        ("limit=101", "limit must not be greater than 100"),
        (
            "window=1y",
            "window must be one of the following values: 24h, 7d, 30d",
        ),
        ("q=", "q should not be empty"),
        (
            "prefix=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "prefix must be shorter than or equal to 30 characters",
        ),
    ] {
        anyone
            .get(&format!("/projects/facets?{query}"))
            .await
            .expect_error(400, &[message]);
    }
    anyone
        .get("/projects/facets?prefix=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx&limit=100")
        .await
        .expect(200);
}
