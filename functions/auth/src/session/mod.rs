//! Sessions: who is signed in, the list of a user's sessions, and their end.

mod current;
mod endpoints;

pub use current::Current;
pub use endpoints::{
    SessionAnswer, SignedOut, list, refuse_post, revoke, revoke_all, revoke_others, show,
    show_or_refuse, sign_out,
};
