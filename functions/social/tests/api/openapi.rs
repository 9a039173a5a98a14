//! The OpenAPI document of the group.

use shared::openapi::{DescribedGroup, document};

#[test]
fn every_route_is_in_the_document() {
    let group = DescribedGroup::from(&social::api());

    let topics = ["Comments", "Likes", "Follows", "Feed and notifications"].map(|name| (name, ""));

    document("1.0.0", &topics, vec![group]).expect("a document");
}
