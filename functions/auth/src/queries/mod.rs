//! All SQL of the auth function, a file per table.

pub mod account;
pub mod admin;
pub mod api_key;
pub mod rate_limit;
pub mod session;
pub mod user;
pub mod verification;
