//! `GET /projects`: filters and orders.

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{HIDDEN, SHOWN, aged, app, comment, create, draft, like, project, sql, titles};

#[testkit::test]
async fn summaries_have_no_content(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    let id = create(&ada, json!({ "title": "A", "content": "secret" })).await;
    draft(&ada, "B").await;

    let answer = app.anyone().get("/projects").await.expect(200);
    assert_eq!(
        answer.header("cache-control"),
        "public, max-age=0, s-maxage=15"
    );
    let list = answer.json();
    let mut whole = app.anyone().get(&format!("/projects/{id}")).await.json();
    for field in ["content", "files"] {
        whole.as_object_mut().unwrap().remove(field);
    }
    assert_eq!(list, json!([whole]));

    let known = app.anyone().header("if-none-match", answer.header("etag"));
    known.get("/projects").await.expect(304);
}

#[testkit::test]
async fn drafts_are_listed_for_their_author_alone(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    project(&ada, "public").await;
    let private = draft(&ada, "draft").await;
    like(&db, &ada.id, &private).await;
    let by_ada = format!("/projects?author={}", ada.id);

    assert_eq!(titles(&ada, &by_ada).await, ["draft", "public"]);
    assert_eq!(
        titles(&ada, &format!("{by_ada}&isPublic=false")).await,
        ["draft"]
    );
    assert_eq!(
        titles(&ada, &format!("{by_ada}&isPublic=true")).await,
        ["public"]
    );
    assert_eq!(titles(&ada, "/projects").await, ["public"]);
    assert!(titles(&ada, "/projects?isPublic=false").await.is_empty());
    assert!(
        titles(&ada, &format!("/projects?likedBy={}", ada.id))
            .await
            .is_empty()
    );
    assert_eq!(
        titles(&ada, &format!("{by_ada}&likedBy={}", ada.id)).await,
        ["draft"]
    );
    for caller in [&bob, &app.anyone()] {
        assert_eq!(titles(caller, &by_ada).await, ["public"]);
        assert!(
            titles(caller, &format!("{by_ada}&isPublic=false"))
                .await
                .is_empty()
        );
        assert!(titles(caller, "/projects?q=draft").await.is_empty());
    }
    for sort in [
        "newest",
        "updated",
        "likes",
        "comments",
        "views",
        "trending",
        "relevance",
    ] {
        assert_eq!(
            titles(&ada, &format!("{by_ada}&sort={sort}")).await.len(),
            2,
            "{sort}"
        );
        assert_eq!(
            titles(&bob, &format!("{by_ada}&sort={sort}")).await,
            ["public"],
            "{sort}"
        );
    }
}

#[testkit::test]
async fn projects_and_likes_of_hidden_users_are_left_out(db: PgPool) {
    let app = app(&db);
    let (ada, bob, eve) = (
        app.user("ada").await,
        app.user("bob").await,
        app.user("eve").await,
    );
    let id = project(&ada, "A").await;
    project(&bob, "B").await;
    like(&db, &bob.id, &id).await;
    let liked = format!("/projects?likedBy={}", bob.id);

    for (hide, show) in HIDDEN.into_iter().zip(SHOWN) {
        sql(&db, hide, &[&ada.id]).await;
        for sort in [
            "newest",
            "updated",
            "likes",
            "comments",
            "views",
            "trending",
            "relevance",
        ] {
            assert_eq!(
                titles(&eve, &format!("/projects?sort={sort}")).await,
                ["B"],
                "{sort}"
            );
        }
        assert!(titles(&eve, &liked).await.is_empty());
        assert!(
            titles(&eve, &format!("/projects?author={}", ada.id))
                .await
                .is_empty()
        );
        sql(&db, show, &[&ada.id]).await;

        assert_eq!(titles(&eve, &liked).await, ["A"]);
        sql(&db, hide, &[&bob.id]).await;
        assert!(titles(&eve, &liked).await.is_empty());
        assert_eq!(titles(&eve, "/projects?sort=relevance").await, ["A"]);
        sql(&db, show, &[&bob.id]).await;
    }
}

#[testkit::test]
async fn filters_narrow_the_list(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    for (title, tags, language) in [
        ("one", json!(["rust", "cli"]), json!("Rust")),
        ("two", json!(["rust"]), json!("Go")),
        ("three", json!(["cli", "c++"]), Value::Null),
    ] {
        create(
            &ada,
            json!({ "title": title, "tags": tags, "language": language }),
        )
        .await;
    }
    let fourth = project(&bob, "four").await;
    aged(&db, &fourth, 3_600_000 * 48).await;

    for (query, expected) in [
        ("", vec!["three", "two", "one", "four"]),
        ("tag=rust", vec!["two", "one"]),
        ("tag=rust&tag=cli", vec!["one"]),
        ("tag=%23Rust", vec!["two", "one"]),
        ("tag=c%2B%2B", vec!["three"]),
        ("tag=", vec![]),
        ("language=rust", vec!["one"]),
        ("language=RUST&language=go", vec!["two", "one"]),
        ("language=c", vec![]),
        ("author=nobody", vec![]),
        ("likedBy=nobody", vec![]),
        ("author=", vec![]),
        ("isPublic=true&language=go", vec!["two"]),
        ("limit=2&tag=cli", vec!["three", "one"]),
        ("unknown=x&tag=rust", vec!["two", "one"]),
        ("isPublic=false&isPublic=true&tag=rust", vec!["two", "one"]),
    ] {
        assert_eq!(
            titles(&bob, &format!("/projects?{query}")).await,
            expected,
            "{query}"
        );
    }
    assert_eq!(
        titles(&ada, &format!("/projects?author={}", bob.id)).await,
        ["four"]
    );
    assert!(
        titles(&ada, &format!("/projects?author={}&author=x", bob.id))
            .await
            .is_empty()
    );
    let day_ago = "createdAfter=2999-01-01";
    assert!(
        titles(&ada, &format!("/projects?{day_ago}"))
            .await
            .is_empty()
    );
    let created = ada.get(&format!("/projects/{fourth}")).await.json()["createdAt"].clone();
    let after = format!("/projects?createdAfter={}", created.as_str().unwrap());
    assert_eq!(titles(&ada, &after).await, ["three", "two", "one"]);
    assert_eq!(
        titles(&ada, "/projects?createdAfter=2000-01-01")
            .await
            .len(),
        4
    );
}

#[testkit::test]
async fn every_term_must_occur_somewhere(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    create(&ada, json!({ "title": "Alpha Éditeur", "description": "beta 100% a_b c\\d", "tags": ["gamma"], "language": "Delta", "content": "hidden words" })).await;
    create(
        &ada,
        json!({ "title": "Other", "description": "beta 1000 axb cd" }),
    )
    .await;

    for (q, expected) in [
        ("alpha", vec!["Alpha Éditeur"]),
        ("ALPHA%20gam%20DELT%20bet", vec!["Alpha Éditeur"]),
        ("%C3%A9DIT", vec!["Alpha Éditeur"]),
        ("alpha%20missing", vec![]),
        ("100%25", vec!["Alpha Éditeur"]),
        ("a_b", vec!["Alpha Éditeur"]),
        ("c%5Cd", vec!["Alpha Éditeur"]),
        ("hidden", vec![]),
        ("pha", vec!["Alpha Éditeur"]),
        ("p", vec![]),
        ("%20%20beta%09", vec!["Other", "Alpha Éditeur"]),
        ("'%3B--", vec![]),
    ] {
        assert_eq!(
            titles(&ada, &format!("/projects?q={q}")).await,
            expected,
            "{q}"
        );
    }
}

#[testkit::test]
async fn relevance_ranks_title_then_tag_then_the_rest(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    for (title, description, tags) in [
        ("x rust web", "", json!([])),
        ("title rust", "web", json!([])),
        ("tagged", "web", json!(["rust"])),
        ("both tags", "", json!(["rust", "web"])),
        ("text", "rust web", json!([])),
        ("part of a tag", "web", json!(["rustc"])),
    ] {
        create(
            &ada,
            json!({ "title": title, "description": description, "tags": tags }),
        )
        .await;
    }

    // The scores are 8, 5, 4, 3, 2 and 2. The newer of the last two comes first.
    let expected = [
        "x rust web",
        "title rust",
        "both tags",
        "tagged",
        "part of a tag",
        "text",
    ];
    assert_eq!(titles(&ada, "/projects?q=RUST%20web").await, expected);
    assert_eq!(
        titles(&ada, "/projects?q=rust%20web&sort=relevance").await,
        expected
    );
    assert_eq!(
        titles(&ada, "/projects?q=rust%20web&sort=newest").await[0],
        "part of a tag"
    );
}

#[testkit::test]
async fn each_sort_has_its_order(db: PgPool) {
    let app = app(&db);
    let (ada, bob, eve) = (
        app.user("ada").await,
        app.user("bob").await,
        app.user("eve").await,
    );
    let (one, two, three) = (
        project(&ada, "one").await,
        project(&ada, "two").await,
        project(&ada, "three").await,
    );
    ada.put(
        &format!("/projects/{one}"),
        json!({ "description": "changed" }),
    )
    .await
    .expect(200);
    like(&db, &bob.id, &two).await;
    comment(&db, &bob.id, &one).await;
    comment(&db, &bob.id, &one).await;
    comment(&db, &eve.id, &three).await;
    bob.post(&format!("/projects/{two}/views"), json!({}))
        .await
        .expect(204);

    for (sort, expected) in [
        ("newest", ["three", "two", "one"]),
        ("updated", ["one", "three", "two"]),
        ("likes", ["two", "three", "one"]),
        ("comments", ["one", "three", "two"]),
        ("views", ["two", "three", "one"]),
        // The scores are 3, 2 and 2.
        ("trending", ["two", "three", "one"]),
        ("relevance", ["three", "two", "one"]),
    ] {
        assert_eq!(
            titles(&ada, &format!("/projects?sort={sort}")).await,
            expected,
            "{sort}"
        );
    }

    like(&db, &bob.id, &one).await;
    let liked = format!("/projects?likedBy={}", bob.id);
    assert_eq!(titles(&ada, &liked).await, ["one", "two"]);
    assert_eq!(
        titles(&ada, &format!("{liked}&sort=newest")).await,
        ["one", "two"]
    );
    assert_eq!(
        titles(&ada, &format!("{liked}&sort=views")).await,
        ["two", "one"]
    );
    assert_eq!(
        titles(&ada, &format!("{liked}&sort=trending")).await,
        ["one", "two"]
    );
    assert_eq!(titles(&ada, &format!("{liked}&q=t")).await, ["two"]);
}

#[testkit::test]
async fn trending_counts_users_within_the_window(db: PgPool) {
    let app = app(&db);
    let (ada, bob, eve) = (
        app.user("ada").await,
        app.user("bob").await,
        app.user("eve").await,
    );
    let (quiet, talked, liked, own) = (
        project(&ada, "quiet").await,
        project(&ada, "talked").await,
        project(&ada, "liked").await,
        project(&ada, "own").await,
    );
    // Two users give 4 points. Repeated comments of one user count once.
    for _ in 0..5 {
        comment(&db, &bob.id, &talked).await;
    }
    comment(&db, &eve.id, &talked).await;
    like(&db, &bob.id, &liked).await;
    // Actions of the author do not count.
    like(&db, &ada.id, &own).await;
    comment(&db, &ada.id, &own).await;
    let order = async |window: &str| {
        titles(&ada, &format!("/projects?sort=trending&window={window}")).await
    };

    assert_eq!(order("7d").await, ["talked", "liked", "own", "quiet"]);
    sql(&db, HIDDEN[1], &[&eve.id]).await;
    assert_eq!(order("7d").await, ["liked", "talked", "own", "quiet"]);
    sql(&db, SHOWN[1], &[&eve.id]).await;
    for (age, windows) in [
        ("2 days", ["7d", "30d"].as_slice()),
        ("10 days", &["30d"]),
        ("40 days", &[]),
    ] {
        sql(
            &db,
            r#"update comments set "createdAt" = now() at time zone 'utc' - $1::interval"#,
            &[age],
        )
        .await;
        for window in ["24h", "7d", "30d"] {
            let first = order(window).await.remove(0);
            assert_eq!(
                first == "talked",
                windows.contains(&window),
                "{age} {window}"
            );
        }
    }
    assert_eq!(quiet.len(), 36);
}

#[testkit::test]
async fn invalid_queries_are_rejected(db: PgPool) {
    let anyone = app(&db).anyone();
    let many = |name: &str| vec![format!("{name}=a"); 11].join("&");
    let sorts = "sort must be one of the following values: newest, updated, likes, comments, views, trending, relevance";

    for (query, messages) in [
        ("limit=0".to_owned(), vec!["limit must not be less than 1"]),
        (
            "limit=101".to_owned(),
            vec!["limit must not be greater than 100"],
        ),
        (
            "limit=x".to_owned(),
            vec!["limit must be an integer number"],
        ),
        ("limit=".to_owned(), vec!["limit must be an integer number"]),
        ("sort=best".to_owned(), vec![sorts]),
        (
            "sort=Newest&window=1d".to_owned(),
            vec![
                sorts,
                "window must be one of the following values: 24h, 7d, 30d",
            ],
        ),
        (
            "isPublic=1".to_owned(),
            vec!["isPublic must be a boolean value"],
        ),
        (
            "createdAfter=soon".to_owned(),
            vec!["createdAfter must be a valid ISO 8601 date string"],
        ),
        (
            "createdAfter=-262143-01-01".to_owned(),
            vec!["createdAfter must be a valid ISO 8601 date string"],
        ),
        ("q=".to_owned(), vec!["q should not be empty"]),
        ("q=%20".to_owned(), vec!["q should not be empty"]),
        (
            format!("q={}", "x".repeat(101)),
            vec!["q must be shorter than or equal to 100 characters"],
        ),
        (
            "q=a+b+c+d+e+f+g+h+i".to_owned(),
            vec!["q must contain no more than 8 terms"],
        ),
        (
            "q=a%00".to_owned(),
            vec!["q must not contain NUL characters"],
        ),
        (
            "tag=a%00".to_owned(),
            vec!["tag must not contain NUL characters"],
        ),
        (
            "author=%00".to_owned(),
            vec!["author must not contain NUL characters"],
        ),
        (
            many("tag"),
            vec!["tag must contain no more than 10 elements"],
        ),
        (
            many("language"),
            vec!["language must contain no more than 10 elements"],
        ),
    ] {
        anyone
            .get(&format!("/projects?{query}"))
            .await
            .expect_error(400, &messages);
    }
    for query in [
        "limit=100".to_owned(),
        "limit=5&limit=1".to_owned(),
        format!("q={}", "x".repeat(100)),
        "q=a+b+c+d+e+f+g+h".to_owned(),
        many("tag").replacen("tag=a&", "", 1),
        format!("author={}", "x".repeat(8000)),
    ] {
        anyone.get(&format!("/projects?{query}")).await.expect(200);
    }
}
