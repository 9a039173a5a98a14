//! Types that handlers use, and the request stack around them.

mod api;
mod blocking;
pub mod body;
mod bounded_json;
mod cache;
mod client;
pub mod describe;
mod error;
mod extract;
mod fields;
mod guard;
mod idempotency;
mod json;
mod page;
mod path;
mod quota;
mod route;
mod stack;

pub use api::{Api, no_route};
pub use blocking::{BlockingPool, blocking};
pub use body::RawBody;
pub use bounded_json::{Excess, JsonError, JsonLimits};
pub use cache::matches as etag_matches;
pub use client::ClientAddress;
pub use error::{Error, Result, ResultExt};
pub use extract::{Created, Json, NoContent, Path, Query};
pub use fields::{
    Check, Field, Fields, FromFields, Rule, Text, Texts, boolean, column, date, date_time, integer,
    one_of, text, texts,
};
pub use guard::{
    CurrentUser, NO_API_KEYS, SESSION_LIFETIME, SESSION_UPDATE_AGE, SessionInfo, Viewer, spend,
};
pub use idempotency::{Attempt, First, Idempotency, Once};
pub use page::{Cursor, Page, PageQuery};
pub(crate) use path::normalized as normalized_path;
pub use route::{Access, Cache, RateClass, Route, RouteRules, delete, get, post, put, topic};
pub use stack::wrap;
