//! Nobody gets anything without a credential that is not meant for everybody.

use std::{collections::BTreeSet, iter};

use serde_json::json;
use sqlx::PgPool;

use crate::bundle::{Bundle, mounted};

/// Why routes are open, and which. A line here is a decision.
const OPEN: [(&str, &[&str]); 6] = [
    (
        "profiles and public projects are there to be shown",
        &[
            "GET /comments/{commentId}",
            "GET /projects",
            "GET /projects/facets",
            "GET /projects/{projectId}",
            "GET /projects/{projectId}/comments",
            "GET /projects/{projectId}/files",
            "GET /projects/{projectId}/likes",
            "GET /users/by-github/{githubUsername}",
            "GET /users/{userId}",
            "GET /users/{userId}/contributions",
            "GET /users/{userId}/followers",
            "GET /users/{userId}/following",
        ],
    ),
    (
        "somebody without an account sees a project too",
        &["POST /projects/{projectId}/views"],
    ),
    ("the landing page has numbers", &["GET /stats"]),
    (
        "monitors have no account",
        &[
            "GET /",
            "GET /health",
            "GET /health/live",
            "GET /health/ready",
        ],
    ),
    (
        "operators try Sentry from a browser",
        &["GET /sentry-error", "GET /sentry-test"],
    ),
    (
        "the contract is no secret",
        &["GET /docs", "GET /openapi.json"],
    ),
];

#[test]
fn open_routes_are_those_that_were_decided() {
    let open: BTreeSet<String> = mounted()
        .into_iter()
        .filter(|route| route.function != "auth" && route.public.is_some())
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    let decided: BTreeSet<String> = OPEN
        .iter()
        .flat_map(|(_, routes)| *routes)
        .map(|route| (*route).to_owned())
        .collect();

    assert_eq!(open, decided);
}

#[testkit::test]
async fn whatever_is_not_open_answers_401_without_a_credential(db: PgPool) {
    let bundle = Bundle::new(&db);
    let anyone = bundle.anyone();
    for operation in bundle.operations() {
        let path = operation.filled(&[]);
        let mut answer = bundle.send(&anyone, &operation, &path).await;
        // Better Auth judges query and body before the session, and takes one selector of several.
        let selectors = operation.queries().into_iter().map(|query| {
            let path = format!("{path}?{query}=sample");
            (path, None)
        });
        let bodies = iter::once(json!({})).chain(bundle.single_fields(&operation));
        for (path, body) in selectors.chain(bodies.map(|body| (path.clone(), Some(body)))) {
            if operation.public || answer.status != 400 {
                break;
            }
            answer = bundle.send_body(&anyone, &operation, &path, body).await;
        }
        let id = &operation.id;
        assert_eq!(
            answer.status.as_u16() == 401,
            !operation.public,
            "{id}: {answer:?}"
        );
    }
}
