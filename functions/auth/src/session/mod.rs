//! Sessions: the session of a request, the list of a user's sessions, and their end.

mod current;
mod endpoints;

pub use endpoints::{
    SessionAnswer, SignedOut, list, refuse_post, revoke, revoke_all, revoke_others, show,
    show_or_refuse, sign_out,
};
