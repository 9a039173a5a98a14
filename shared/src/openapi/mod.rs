//! OpenAPI 3.1: the document of all groups, made of their routes.
//!
//! A route says its names and rules, its handler's signature the parameters, bodies and responses
//! ([`describe`](crate::http::describe)). From the rules follow who may call (security, 401, 403), limits (429,
//! `RateLimit`), bodies (400, 413, 415), caching (`ETag`, 304), path parameters and their 404, and 500 and 503. Every
//! other refusal is named by [`Route::fails`](crate::http::Route::fails).
//!
//! Responses derive [`utoipa::ToSchema`]. Every property counts as required, as absent values are `null`; what may be
//! missing is named by [`Route::may_lack`](crate::http::Route::may_lack). Bodies are closed, as their validation is.
//!
//! Nothing of this is linked into a deployed function.

mod components;
mod document;
mod schema;
#[cfg(test)]
mod tests;

pub use document::{Group, document};
