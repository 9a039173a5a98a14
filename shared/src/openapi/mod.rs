//! The OpenAPI 3.1 document of all groups, which is generated from their routes.
//!
//! A route has its name and its rules. The handler's signature describes the parameters, bodies and responses
//! ([`describe`](crate::http::describe)). The rules determine access (security, 401, 403), limits (429, `RateLimit`), bodies
//! (400, 413, 415), caching (`ETag`, 304), path parameters and their 404, and 500 and 503. All other errors are listed
//! with [`Route::fails`](crate::http::Route::fails).
//!
//! Responses derive [`utoipa::ToSchema`]. Every property is required, because absent values are `null`. Properties that
//! may be missing are listed with [`Route::may_lack`](crate::http::Route::may_lack). Bodies are closed, as in their validation.
//!
//! The document is not linked into deployed functions.

mod components;
mod document;
mod refusals;
mod schema;
#[cfg(test)]
mod tests;

pub use document::{DescribedGroup, document};
