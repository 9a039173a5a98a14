//! The accounts of the signed-in user, and the tokens that they hold.

mod list;
mod selector;
mod tokens;

pub use list::{list, unlink};
pub use tokens::{access_token, info, refresh};
