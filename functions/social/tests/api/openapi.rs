//! The OpenAPI document of the group.

use shared::openapi::{Group, document};

#[test]
fn every_route_is_in_the_document() {
    let group = Group::from(&social::api());

    document("1.0.0", vec![group]).expect("a document");
}
