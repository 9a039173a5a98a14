//! The accounts of the signed-in user, and the tokens that they hold.

mod list;
mod selector;
mod tokens;

pub use list::{AccountAnswer, list, unlink};
pub use tokens::{Info, InfoUser, RefreshedTokens, TokenAnswer, access_token, info, refresh};
