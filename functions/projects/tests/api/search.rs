//! Searches find short words, signs and scripts without blanks, in every order, and in bounded time.

use sqlx::PgPool;

use crate::{app, project, titles};

const TITLES: [&str; 11] = [
    "Golang server",
    "mongo",
    "Modern C++ renderer",
    "C# and .NET tools",
    "A node.js bot",
    "日本語の辞書",
    "用Go写的程序",
    "Crab 🦀 terminal",
    "a.b-c_d",
    "100% C",
    "Éclair",
];

const ORDERS: [&str; 7] = [
    "newest",
    "updated",
    "likes",
    "comments",
    "views",
    "trending",
    "relevance",
];

#[testkit::test]
async fn short_words_signs_and_ideographs_are_found_in_every_order(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    for title in TITLES {
        project(&ada, title).await;
    }
    for (q, expected) in [
        ("zq", vec![]),
        ("zq+qz", vec![]),
        ("go", vec!["Golang server", "用Go写的程序"]),
        ("GO+server", vec!["Golang server"]),
        (
            "c",
            vec![
                "100% C",
                "C# and .NET tools",
                "Crab 🦀 terminal",
                "Modern C++ renderer",
                "a.b-c_d",
            ],
        ),
        ("c%2B%2B", vec!["Modern C++ renderer"]),
        ("c%23", vec!["C# and .NET tools"]),
        (".net", vec!["C# and .NET tools"]),
        (".n", vec!["C# and .NET tools"]),
        ("node.js", vec!["A node.js bot"]),
        ("e.j", vec!["A node.js bot"]),
        (".js+a", vec!["A node.js bot"]),
        ("日本", vec!["日本語の辞書"]),
        ("語", vec!["日本語の辞書"]),
        ("本日", vec![]),
        ("o写", vec!["用Go写的程序"]),
        ("🦀", vec!["Crab 🦀 terminal"]),
        ("b-c_", vec!["a.b-c_d"]),
        ("%25", vec!["100% C"]),
        ("0%25", vec!["100% C"]),
        ("éc", vec!["Éclair"]),
        ("%CC%81", vec![]),
    ] {
        for order in ORDERS {
            for caller in [&ada, &app.anyone()] {
                let mut found = titles(caller, &format!("/projects?q={q}&sort={order}")).await;
                found.sort_unstable();
                assert_eq!(found, expected, "{q} by {order}");
            }
        }
    }
}

/// More projects than are read in order, the newest without the word.
#[testkit::test]
async fn rare_words_are_found_behind_the_newest_projects(db: PgPool) {
    let app = app(&db);
    for statement in [
        r#"insert into "user" (id, name, email, "updatedAt") values ('a', 'A', 'a', now()), ('b', 'B', 'b', now())"#,
        r#"insert into projects (id, title, tags, "authorId", "createdAt", "updatedAt")
           select 'p' || i, case when i % 1000 = 0 then 'Qi ' || i else 'Plain' end, array['t'], 'a',
               timestamp '2025-01-01' - interval '1 minute' * i, now()
           from generate_series(1, 5000) i"#,
        r#"insert into likes (id, "userId", "projectId", "createdAt")
           select id, 'b', id, now() at time zone 'utc' - interval '1 minute' from projects"#,
        "analyze",
    ] {
        sqlx::query(statement).execute(&db).await.unwrap();
    }
    for query in [
        "q=qi",
        "q=qi&tag=t",
        "q=qi&sort=newest",
        "q=qi&sort=likes",
        "q=qi&sort=trending",
        "q=qi+q&sort=trending&window=30d",
        "q=qi+q",
        "q=q+qi&sort=comments",
    ] {
        let first = app
            .anyone()
            .get(&format!("/projects?{query}&limit=3"))
            .await
            .expect(200);
        let next = first.header("link").split(['<', '>']).nth(1).unwrap();
        let second = titles(&app.anyone(), &format!("/projects{next}")).await;
        let mut all = titles(&app.anyone(), &format!("/projects?{query}")).await;
        assert_eq!(
            all,
            ["Qi 1000", "Qi 2000", "Qi 3000", "Qi 4000", "Qi 5000"],
            "{query}"
        );
        assert_eq!(second, all.split_off(3), "{query}");
    }
    let facets = app.anyone().get("/projects/facets?q=qi").await.expect(200);
    assert_eq!(facets.json()["tags"][0]["count"], 5);
}

/// More matches than are ranked.
#[testkit::test]
async fn the_newest_of_very_many_matches_are_ranked(db: PgPool) {
    let app = app(&db);
    for statement in [
        r#"insert into "user" (id, name, email, "updatedAt") values ('a', 'A', 'a', now())"#,
        r#"insert into projects (id, title, tags, "authorId", "createdAt", "updatedAt")
           select 'p' || i, case when i = 400 then 'Go it' else 'Plain' end, array['go', 'it'], 'a',
               timestamp '2025-01-01' - interval '1 minute' * i, now()
           from generate_series(1, 11000) i"#,
        "analyze",
    ] {
        sqlx::query(statement).execute(&db).await.unwrap();
    }
    for (query, first) in [
        ("q=go", "Go it"),
        ("q=go+it", "Go it"),
        ("q=go+plain", "Plain"),
    ] {
        let list = titles(&app.anyone(), &format!("/projects?{query}&limit=2")).await;
        assert_eq!(list, [first, "Plain"], "{query}");
    }
    for query in ["q=go", "tag=go"] {
        let facets = app
            .anyone()
            .get(&format!("/projects/facets?{query}"))
            .await
            .expect(200);
        assert_eq!(facets.json()["tags"][0]["count"], 500, "{query}");
    }
}
