//! The common code below HTTP serving. Each module uses only those above it in this list:
//!
//! - primitives: [`time`], [`random`], [`uri_component`], [`cookie`], [`trusted_origins`];
//! - [`config`], the typed configuration.
//!
//! No module depends on a web framework or on Redis, so that a program that serves no HTTP does not build them.

pub mod config;
pub mod cookie;
pub mod random;
pub mod time;
pub mod trusted_origins;
pub mod uri_component;
