//! The common code below HTTP serving. Each module uses only those above it in this list:
//!
//! - primitives: [`time`], [`random`], [`uri_component`], [`cookie`], [`trusted_origins`];
//! - [`config`], the typed configuration;
//! - [`telemetry`]: logs, metrics, Sentry;
//! - [`secrets`], the part of the configuration that AWS Secrets Manager stores;
//! - [`db`], the connections to PostgreSQL;
//! - [`storage`], the bucket with files and images.
//!
//! No module depends on a web framework or on Redis, so that a program that serves no HTTP does not build them.

#![warn(missing_docs)]

pub mod breaker;
pub mod config;
pub mod cookie;
pub mod db;
pub mod random;
pub mod secrets;
pub mod storage;
pub mod telemetry;
pub mod time;
pub mod trusted_origins;
pub mod uri_component;
