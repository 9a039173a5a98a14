//! All SQL of the auth function, a file per table, and one for the sign-in.

pub mod account;
pub mod admin;
pub mod api_key;
pub mod rate_limit;
pub mod session;
pub mod sign_in;
pub mod user;
pub mod verification;
