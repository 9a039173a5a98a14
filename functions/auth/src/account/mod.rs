//! The accounts of the signed-in user, and their tokens.

mod list;
mod selector;
mod tokens;

pub use list::{AccountAnswer, list, unlink};
pub use tokens::{
    AccessTokenAnswer, AccountInfo, AccountInfoUser, RefreshedTokens, access_token, info, refresh,
};
