//! The group's part of the OpenAPI document.

use shared::openapi::{Group, document};

#[test]
fn every_route_is_described() {
    let group = Group::from(&social::api());

    document("1.0.0", vec![group]).expect("it is described");
}
