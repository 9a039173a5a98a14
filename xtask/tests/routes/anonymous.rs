//! Without a credential, only public routes respond.

use std::{collections::BTreeSet, iter};

use serde_json::json;
use sqlx::PgPool;

use crate::bundle::{Bundle, mounted};

/// Public routes, by reason. Each line is a decision.
const OPEN: [(&str, &[&str]); 7] = [
    (
        "profiles and public projects are visible to everybody",
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
        "files are as public as their project, and avatars are public",
        &[
            "GET /images/{uploadId}",
            "GET /uploads/{uploadId}",
            "GET /uploads/{uploadId}/content",
        ],
    ),
    (
        "visitors without an account count as viewers, too",
        &["POST /projects/{projectId}/views"],
    ),
    ("the landing page shows the numbers", &["GET /stats"]),
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
        "operators test Sentry from a browser",
        &["GET /sentry-error", "GET /sentry-test"],
    ),
    (
        "the contract is public",
        &["GET /docs", "GET /openapi.json"],
    ),
];

#[test]
fn public_routes_are_those_of_the_list() {
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
async fn other_routes_respond_with_401_without_a_credential(db: PgPool) {
    let bundle = Bundle::new(&db);
    let anyone = bundle.anyone();
    for operation in bundle.operations() {
        let path = operation.filled(&[]);
        let mut answer = bundle.send(&anyone, &operation, &path).await;
        // Better Auth validates query and body before the session, and accepts one selector of several.
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
