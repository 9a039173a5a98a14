//! The mounted routes, the OpenAPI document, the gateway's routes and those of `cargo lambda watch` agree. Access to each
//! route is as the document describes it.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod anonymous;
mod bundle;
mod cost;
mod document;
mod erasure;
mod everywhere;
mod examples;
mod gateway;
mod keys;
mod privacy;
mod roles;
mod sample;
mod updates;
