//! The developers' commands, as functions that `main.rs` and the tests call.

pub mod bench;
pub mod bundle;
pub mod compiler;
pub mod costs;
pub mod coverage;
pub mod dev;
pub mod events;
pub mod image;
pub mod invoke;
pub mod load;
pub mod manifest;
pub mod migrate;
pub mod openapi;
pub mod prepare;
pub mod profile;
pub mod recount;
pub mod sam;
pub mod sbom;
pub mod seed;
mod sign_in;
pub mod smoke;
pub mod stage;
pub mod template;
pub mod test;
pub mod tools;
pub mod variables;
pub mod watch;
