//! The group's part of the OpenAPI document.

use shared::openapi::{Group, document};

#[test]
fn every_route_is_described_and_every_description_has_a_route() {
    let group = Group::new(&social::api(), "Social", social::openapi::operations());

    document("1.0.0", vec![group]).expect("routes and operations agree");
}
