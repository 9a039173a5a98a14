//! The table of routes, and the guard's decision on each.

use axum::http::Method;
use shared::openapi::DescribedGroup;
use sqlx::PgPool;

use crate::{HIDDEN, app, sql};

/// The default is a session or an API key. Routes with the default are compared with the OpenAPI document.
#[test]
fn routes_are_guarded_unless_the_contract_opens_them() {
    let table = users::api().table();
    let exceptions: Vec<&String> = table
        .iter()
        .filter(|line| !line.ends_with(" session"))
        .collect();
    assert_eq!(
        exceptions,
        [
            "DELETE /users/profile                              session only",
            "GET    /users/{userId}                             public: profile pages are for everybody",
            "GET    /users/by-github/{githubUsername}           public: profile pages are for everybody",
            "GET    /users/{userId}/contributions               public: profile pages are for everybody",
        ]
    );
}

#[testkit::test]
async fn requests_without_a_session_are_rejected(db: PgPool) {
    let anyone = app(&db).anyone();

    for (method, path) in [
        (Method::GET, "/users/profile"),
        (Method::PUT, "/users/profile"),
        (Method::DELETE, "/users/profile"),
        (Method::GET, "/users"),
        (Method::GET, "/users/facets"),
    ] {
        let answer = anyone.send(method, path, None).await;
        answer.expect_error(401, &["Unauthorized"]);
    }
}

#[testkit::test]
async fn deactivated_and_banned_callers_are_rejected(db: PgPool) {
    let app = app(&db);
    let bob = app.user("bob").await;

    for hide in HIDDEN {
        let ada = app.user("ada").await;
        sql(&db, hide, &[&ada.id]).await;
        for (method, path) in [
            (Method::GET, "/users/profile"),
            (Method::PUT, "/users/profile"),
            (Method::DELETE, "/users/profile"),
            (Method::GET, "/users"),
            (Method::GET, "/users/facets"),
        ] {
            let answer = ada.send(method, path, None).await;
            answer.expect_error(403, &["Account is deactivated"]);
        }
        ada.get(&format!("/users/{}", bob.id)).await.expect(200);
    }
}

#[testkit::test]
async fn other_methods_and_paths_have_no_route(db: PgPool) {
    let ada = app(&db).user("ada").await;

    for (method, path) in [
        (Method::PATCH, "/users/profile"),
        (Method::POST, "/users"),
        (Method::DELETE, "/users/someone"),
        (Method::PUT, "/users/someone"),
        (Method::GET, "/users/someone/likes"),
        (Method::POST, "/users/profile"),
    ] {
        let message = format!("Cannot {method} {path}");
        let answer = ada.send(method, path, None).await;
        answer.expect_error(404, &[&message]);
    }
}

#[testkit::test]
async fn reads_have_an_etag_and_answer_304_to_it(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    let id = ada.id.clone();

    for path in [
        "/users/profile".to_owned(),
        "/users".to_owned(),
        "/users/facets".to_owned(),
        format!("/users/{id}"),
        "/users/by-github/ada".to_owned(),
        format!("/users/{id}/contributions"),
    ] {
        let answer = ada.get(&path).await.expect(200);
        assert_eq!(
            answer.header("cache-control"),
            "private, no-cache",
            "{path}"
        );
        let etag = answer.header("etag").to_owned();
        assert!(etag.starts_with("W/\""), "{path}");

        let again = ada.clone().header("if-none-match", &etag).get(&path).await;
        let again = again.expect(304);
        assert_eq!(again.header("etag"), etag);
        assert!(again.body.is_empty());

        let head = ada.send(Method::HEAD, &path, None).await.expect(200);
        assert!(head.body.is_empty());
        ada.get(&format!("{path}/")).await.expect(200);
    }
    for path in [format!("/users/{id}"), format!("/users/{id}/contributions")] {
        let answer = app.anyone().get(&path).await.expect(200);
        assert_eq!(
            answer.header("cache-control"),
            "public, max-age=0, s-maxage=15"
        );
    }
}

#[test]
fn every_route_is_in_the_openapi_document() {
    let group = DescribedGroup::from(&users::api());

    let document =
        shared::openapi::document("1", &[("People", "")], vec![group]).expect("they agree");

    let schemas = &document.components.as_ref().expect("schemas").schemas;
    let public = serde_json::to_value(&schemas["PublicUser"]).expect("JSON");
    for secret in [
        "email",
        "emailVerified",
        "provider",
        "providerId",
        "isActive",
        "role",
    ] {
        assert_eq!(public["properties"].get(secret), None, "{secret}");
    }
    // An absent value is null and never missing. Two fields exist in suggestions only.
    let required = public["required"].as_array().expect("a list");
    let properties = public["properties"].as_object().expect("an object");
    for name in properties.keys() {
        let is_of_suggestions = ["mutualCount", "sharedSkillsCount"].contains(&name.as_str());
        assert_ne!(
            required.contains(&name.as_str().into()),
            is_of_suggestions,
            "{name}"
        );
    }
}
