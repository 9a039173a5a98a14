//! What is mounted, and who may call it.

use shared::openapi::{Group, document};

#[test]
fn the_table_of_routes_is_this() {
    let open =
        "public: projects are there to be found and seen; handlers answer what the viewer may see";
    let expected = [
        ("POST", "/projects", "session"),
        ("PUT", "/projects/{projectId}", "session"),
        ("DELETE", "/projects/{projectId}", "session"),
        ("GET", "/projects", open),
        ("GET", "/projects/facets", open),
        ("GET", "/projects/{projectId}", open),
        ("POST", "/projects/{projectId}/views", open),
        ("GET", "/projects/{projectId}/files", open),
    ];
    let expected: Vec<String> = expected
        .into_iter()
        .map(|(method, path, access)| format!("{method:<7}{path:<44}{access}"))
        .collect();
    assert_eq!(projects::api().table(), expected);
}

#[test]
fn every_route_has_its_operation() {
    let api = projects::api();
    document(
        "1.0.0",
        vec![Group::new(
            &api,
            "Projects",
            projects::openapi::operations(),
        )],
    )
    .unwrap();
}
