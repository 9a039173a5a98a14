//! The table of routes, and the guard's decision on each.

use axum::http::Method;
use serde_json::json;
use sqlx::PgPool;
use testing::App;

use crate::{HIDDEN, app, project, sql};

const GUARDED: [(Method, &str); 12] = [
    (Method::POST, "/projects/p/comments"),
    (Method::PUT, "/comments/c"),
    (Method::DELETE, "/comments/c"),
    (Method::PUT, "/projects/p/like"),
    (Method::DELETE, "/projects/p/like"),
    (Method::PUT, "/users/u/follow"),
    (Method::DELETE, "/users/u/follow"),
    (Method::GET, "/feed"),
    (Method::GET, "/notifications"),
    (Method::GET, "/notifications?type=like"),
    (Method::GET, "/notifications/count"),
    (Method::PUT, "/notifications/read"),
];

/// The default is a session or an API key. Routes with the default are compared with the OpenAPI document.
#[test]
fn routes_are_guarded_unless_the_contract_opens_them() {
    let table = social::api().table();
    let (public, guarded): (Vec<_>, Vec<_>) =
        table.iter().partition(|line| line.contains("public: "));

    let paths = |lines: Vec<&String>| -> Vec<String> {
        lines
            .into_iter()
            .map(|line| {
                line.split_whitespace()
                    .take(2)
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect()
    };
    assert!(guarded.iter().all(|line| line.ends_with(" session")));
    assert_eq!(
        paths(public),
        [
            "GET /projects/{projectId}/comments",
            "GET /comments/{commentId}",
            "GET /projects/{projectId}/likes",
            "GET /users/{userId}/followers",
            "GET /users/{userId}/following",
        ]
    );
}

#[testkit::test]
async fn requests_without_a_session_are_rejected(db: PgPool) {
    let anyone = app(&db).anyone();

    for (method, path) in GUARDED {
        // The credential is checked before the body.
        let body = (method != Method::GET).then(|| json!({ "bad": 1 }));
        let answer = anyone.send(method, path, body).await;
        answer.expect_error(401, &["Unauthorized"]);
    }
}

#[testkit::test]
async fn deactivated_and_banned_callers_get_a_403(db: PgPool) {
    let app = app(&db);

    for hide in HIDDEN {
        let eve = app.user("eve").await;
        sql(&db, hide, &[&eve.id]).await;
        for (method, path) in GUARDED {
            let answer = eve.send(method, path, None).await;
            answer.expect_error(403, &["Account is deactivated"]);
        }
    }
}

#[testkit::test]
async fn a_deactivated_caller_reads_as_an_anonymous_one(db: PgPool) {
    let app = app(&db);
    let (ada, eve) = (app.user("ada").await, app.user("eve").await);
    project(&db, "p", &ada.id, true).await;
    project(&db, "draft", &eve.id, false).await;
    eve.get("/projects/draft/comments").await.expect(200);

    sql(&db, HIDDEN[0], &[&eve.id]).await;

    eve.get("/projects/p/comments").await.expect(200);
    eve.get("/projects/draft/comments").await.expect(404);
}

#[testkit::test]
async fn responses_have_their_cache_control(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    project(&db, "p", &ada.id, true).await;
    let id = crate::comment(&ada, "p", "hello").await;

    let brief = "public, max-age=0, s-maxage=15";
    for (path, expected) in [
        ("/projects/p/comments".to_owned(), brief),
        ("/projects/p/likes".to_owned(), brief),
        (format!("/users/{}/followers", ada.id), brief),
        (format!("/users/{}/following", ada.id), brief),
        (format!("/comments/{id}"), "public, no-cache"),
    ] {
        let answer = app.anyone().get(&path).await.expect(200);
        assert_eq!(answer.header("cache-control"), expected, "{path}");
        let answer = ada.get(&path).await.expect(200);
        assert_eq!(
            answer.header("cache-control"),
            "private, no-cache",
            "{path}"
        );
    }
    for path in ["/feed", "/notifications", "/notifications/count"] {
        let answer = ada.get(path).await.expect(200);
        assert_eq!(
            answer.header("cache-control"),
            "private, no-cache",
            "{path}"
        );
    }
    let answer = ada.put("/projects/p/like", json!({})).await.expect(200);
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[testkit::test]
async fn reads_and_writes_use_few_statements(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    project(&db, "p", &ada.id, true).await;
    let id = crate::comment(&ada, "p", "hello").await;
    let statements = async |method: Method, path: String, body: Option<serde_json::Value>| {
        let (answer, usage) = shared::db::measured(bob.send(method, &path, body)).await;
        assert!(answer.status.is_success(), "{path} {answer:?}");
        usage.statements
    };

    for path in [
        "/projects/p/comments".to_owned(),
        format!("/comments/{id}"),
        "/projects/p/likes".to_owned(),
        format!("/users/{}/followers", ada.id),
        format!("/users/{}/following", ada.id),
        "/feed".to_owned(),
        "/notifications".to_owned(),
        "/notifications/count".to_owned(),
    ] {
        let count = statements(Method::GET, path.clone(), None).await;
        assert!(count <= 2, "{count} for {path}");
    }
    for (method, path) in [
        (Method::PUT, "/projects/p/like".to_owned()),
        (Method::DELETE, "/projects/p/like".to_owned()),
        (Method::PUT, format!("/users/{}/follow", ada.id)),
        (Method::DELETE, format!("/users/{}/follow", ada.id)),
        (Method::PUT, "/notifications/read".to_owned()),
    ] {
        let count = statements(method, path.clone(), None).await;
        assert!(count <= 2, "{count} for {path}");
    }
    let body = Some(json!({ "content": "hello" }));
    let count = statements(Method::POST, "/projects/p/comments".to_owned(), body).await;
    assert!(count <= 4, "{count} for a comment");
}

#[testkit::test]
async fn head_and_a_trailing_slash_respond_like_get(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    project(&db, "p", &ada.id, true).await;
    let id = crate::comment(&ada, "p", "hello").await;

    for path in [
        "/projects/p/comments".to_owned(),
        format!("/comments/{id}"),
        "/projects/p/likes".to_owned(),
        format!("/users/{}/followers", ada.id),
        format!("/users/{}/following", ada.id),
        "/feed".to_owned(),
        "/notifications".to_owned(),
        "/notifications/count".to_owned(),
    ] {
        let got = ada.get(&path).await.expect(200);
        let slashed = ada.get(&format!("{path}/")).await.expect(200);
        assert_eq!(slashed.body, got.body, "{path}");
        let head = ada.send(Method::HEAD, &path, None).await.expect(200);
        assert!(head.body.is_empty(), "{path}");
        for header in ["content-type", "cache-control", "etag", "vary"] {
            assert_eq!(head.header(header), got.header(header), "{path} {header}");
        }
        let length = got.body.len().to_string();
        assert_eq!(head.header("content-length"), length, "{path}");
        let known = ada.clone().header("if-none-match", got.header("etag"));
        let known = known.get(&path).await.expect(304);
        assert!(known.body.is_empty(), "{path}");
    }
    let answer = ada.put("/projects/p/like/", json!({})).await.expect(200);
    assert_eq!(answer.json(), json!({ "isLiked": true, "likeCount": 1 }));
    ada.delete(&format!("/comments/{id}/")).await.expect(204);
}

#[testkit::test]
async fn requests_are_counted_under_the_policies_of_the_contract(db: PgPool) {
    let app = App::configured(social::api(), db.clone(), &[("RATE_LIMITS", "real")]);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    project(&db, "p", &ada.id, true).await;
    let id = crate::comment(&ada, "p", "hello").await;
    let follow = format!("/users/{}/follow", bob.id);

    let write = r#""write";q=60;w=60"#;
    let comment = || Some(json!({ "content": "hello" }));
    for (method, path, body, policy) in [
        (Method::GET, "/feed", None, r#""read";q=1200;w=60"#),
        (
            Method::GET,
            "/projects/p/likes",
            None,
            r#""read";q=1200;w=60"#,
        ),
        (Method::PUT, "/projects/p/like", None, write),
        (Method::DELETE, "/projects/p/like", None, write),
        (Method::PUT, &follow, None, write),
        (Method::DELETE, &follow, None, write),
        (Method::PUT, "/notifications/read", None, write),
        (Method::PUT, &format!("/comments/{id}"), comment(), write),
        (
            Method::POST,
            "/projects/p/comments",
            comment(),
            r#""write";q=60;w=60, "create";q=120;w=3600"#,
        ),
        (Method::DELETE, &format!("/comments/{id}"), None, write),
        // Rejected requests are counted as well.
        (Method::PUT, "/projects/none/like", None, write),
    ] {
        let answer = ada.send(method, path, body).await;
        assert_eq!(
            policies(answer.header("ratelimit-policy")),
            policies(policy),
            "{path}"
        );
    }
    let anybody = app.anyone().get("/projects/p/likes").await.expect(200);
    assert_eq!(anybody.header("ratelimit-policy"), r#""anon";q=300;w=60"#);

    for _ in 0..60 {
        bob.put("/projects/p/like", json!({})).await;
    }
    let answer = bob.put("/projects/p/like", json!({})).await;
    assert!(!answer.header("retry-after").is_empty());
    answer.expect_error(429, &["Too Many Requests"]);
    bob.get("/projects/p/likes").await.expect(200);
}

/// Returns the policies of a header in sorted order.
fn policies(header: &str) -> Vec<&str> {
    let mut policies: Vec<&str> = header.split(", ").collect();
    policies.sort_unstable();
    policies
}
