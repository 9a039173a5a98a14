//! The table of routes.

use shared::openapi::{DescribedGroup, document};

#[test]
fn routes_are_guarded_unless_the_contract_opens_them() {
    let open =
        "public: projects are there to be found and seen; handlers answer what the viewer may see";
    let files = "public: files are as public as their project, and avatars are public";
    let expected = [
        ("GET", "/projects", open),
        ("POST", "/projects", "session"),
        ("GET", "/projects/facets", open),
        ("GET", "/projects/{projectId}", open),
        ("PUT", "/projects/{projectId}", "session"),
        ("DELETE", "/projects/{projectId}", "session"),
        ("POST", "/projects/{projectId}/views", open),
        ("GET", "/projects/{projectId}/files", open),
        ("POST", "/uploads", "session"),
        ("GET", "/uploads/{uploadId}", files),
        ("DELETE", "/uploads/{uploadId}", "session"),
        ("POST", "/uploads/{uploadId}/complete", "session"),
        ("GET", "/uploads/{uploadId}/content", files),
        ("GET", "/images/{uploadId}", files),
    ];
    let expected: Vec<String> = expected
        .into_iter()
        .map(|(method, path, access)| format!("{method:<7}{path:<44}{access}"))
        .collect();
    assert_eq!(projects::api().table(), expected);
}

#[test]
fn every_route_is_in_the_openapi_document() {
    let topics = [("Projects", ""), ("Files and images", "")];
    document("1.0.0", &topics, vec![DescribedGroup::from(&projects::api())]).unwrap();
}
