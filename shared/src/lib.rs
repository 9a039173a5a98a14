//! The common code of the five functions: configuration, database, session guard, request stack, telemetry.
//!
//! The lower layers are the crate `platform`, whose modules this crate re-exports. Above them, each module uses only those
//! before it: [`redis`], [`limits`], [`api_key`] and [`search`], [`state`], [`http`], [`serve`]. `openapi` describes the API and is not
//! linked into deployed programs.

#![warn(missing_docs)]

pub mod api_key;
pub mod http;
pub mod limits;
pub mod markdown;
#[cfg(feature = "description")]
pub mod openapi;
pub mod redis;
pub mod search;
pub mod serve;
pub mod state;

pub use platform::{
    config, cookie, db, random, secrets, storage, telemetry, time, trusted_origins, uri_component,
};

pub use state::AppState;
