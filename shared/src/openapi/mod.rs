//! OpenAPI 3.1: each group describes its operations beside its routes, and what every route has by itself is added here.
//!
//! A group says in `src/openapi.rs` only what its routes cannot know: names, query parameters, bodies and answers.
//!
//! ```ignore
//! use shared::openapi::{Operation, list, text, words};
//!
//! pub fn operations() -> Vec<Operation> {
//!     vec![
//!         Operation::get("/users/profile", "getProfile")
//!             .summary("Your own profile")
//!             .json::<ProfileAnswer>(200),
//!         Operation::put("/users/profile", "updateProfile")
//!             .summary("Change your own profile")
//!             .description("Absent fields keep their value, `null` clears them.")
//!             .body::<UpdateProfile>()
//!             .json::<SelfUser>(200),
//!         Operation::get("/users", "listUsers")
//!             .summary("Find people")
//!             .query("q", "Terms that must all occur", text().min_length(Some(1)).max_length(Some(100)))
//!             .query("skill", "All must match", list(text()).max_items(Some(10)))
//!             .query("sort", "Order", words(&["newest", "followers", "suggested"]))
//!             .page::<PublicUser>(),
//!     ]
//! }
//! ```
//!
//! [`document`] joins them with [`Api::routes`](crate::http::Api::routes), and refuses a route without an operation and
//! an operation without a route. From the routes come who may call (security, 401, 403), limits (429, `RateLimit`),
//! bodies (400, 413, 415), caching (`ETag`, 304), path parameters and their 404, and 500 and 503. Everything else that an
//! operation can answer is named by [`Operation::fails`].
//!
//! Types derive [`utoipa::ToSchema`]. Of an answer every property counts as required, as absent values are `null`; what
//! may be missing is named by [`Operation::optional`]. A body is closed, as the validation is. Its fields say their
//! limits: `#[schema(max_length = 500)]`; `#[schema(nullable = false)]` where `null` is refused.
//!
//! Nothing of this runs in a function: only tests and `cargo xtask openapi` call it.

mod document;
mod operation;
mod schema;
#[cfg(test)]
mod tests;

pub use document::{Group, document};
pub use operation::Operation;
pub use schema::{boolean, date, date_time, integer, list, object, text, words};
