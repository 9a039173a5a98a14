//! The OpenAPI document of the group.

use shared::openapi::{Group, document};

#[test]
fn every_route_is_in_the_document() {
    let group = Group::from(&social::api());

    let topics = ["Comments", "Likes", "Follows", "Feed and notifications"].map(|name| (name, ""));

    document("1.0.0", &topics, vec![group]).expect("a document");
}
