//! The vocabulary of a handler, and the request stack around it.

mod api;
pub mod body;
mod cache;
mod client;
mod error;
mod extract;
mod fields;
mod guard;
mod idempotency;
mod page;
mod quota;
mod stack;

pub use api::{Access, Api, Cache, Route, Routes, Spend, no_route};
pub use body::RawBody;
pub use client::ClientAddress;
pub use error::{Error, Result, ResultExt};
pub use extract::{Created, FromFields, Json, NoContent, Path, Query};
pub use fields::{Fields, List, Text};
pub use guard::{
    CurrentUser, NO_API_KEYS, SESSION_LIFETIME, SESSION_UPDATE_AGE, SessionInfo, Viewer, spend,
};
pub use idempotency::{Attempt, First, Idempotency};
pub use page::{Cursor, Page, PageQuery};
pub use stack::wrap;
