//! The table of routes.

use shared::openapi::{DescribedGroup, document};

/// The default is a session or an API key. Routes with the default are compared with the OpenAPI document.
#[test]
fn routes_are_guarded_unless_the_contract_opens_them() {
    let open =
        "public: projects are there to be found and seen; handlers answer what the viewer may see";
    let files = "public: files are as public as their project, and avatars are public";
    let expected = [
        ("GET", "/projects", open),
        ("GET", "/projects/facets", open),
        ("GET", "/projects/{projectId}", open),
        ("POST", "/projects/{projectId}/views", open),
        ("GET", "/projects/{projectId}/files", open),
        ("GET", "/uploads/{uploadId}", files),
        ("GET", "/uploads/{uploadId}/content", files),
        ("GET", "/images/{uploadId}", files),
    ];
    let expected: Vec<String> = expected
        .into_iter()
        .map(|(method, path, access)| format!("{method:<7}{path:<44}{access}"))
        .collect();
    let table = projects::api().table().into_iter();
    let exceptions: Vec<String> = table.filter(|line| !line.ends_with(" session")).collect();
    assert_eq!(exceptions, expected);
}

#[test]
fn every_route_is_in_the_openapi_document() {
    let topics = [("Projects", ""), ("Files and images", "")];
    document(
        "1.0.0",
        &topics,
        vec![DescribedGroup::from(&projects::api())],
    )
    .unwrap();
}
