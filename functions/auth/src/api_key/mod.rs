//! The endpoints of API keys (Better Auth's API-key plugin 1.7).

mod create;
mod delete;
mod errors;
mod lifetime;
mod list;
mod server_fields;
mod update;

pub use create::{CreatedKey, create};
pub use delete::delete;
pub use list::{KeyList, list, show};
pub use update::update;
