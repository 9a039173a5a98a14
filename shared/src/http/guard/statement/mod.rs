//! The statements of the guard, each one round trip: they find the caller, and read the counter of a read, count a write, or
//! leave the counters alone.
//!
//! There is one statement for each kind of principal, with the account and without. PostgreSQL keeps a generic plan only
//! if no parameter value would make a custom plan much cheaper; a parameter that switched between the kinds would.

mod count_session;
mod count_user;
mod counter;
mod extend;
mod policies;
mod read_session;
mod read_session_with_account;
mod read_user_with_account;
mod row;
mod uncounted;

use self::policies::PolicyColumns;
pub(super) use self::{
    counter::{Counter, CounterRow, add, read},
    extend::extend_session,
    row::CallerRow,
};
use crate::{http::quota::Policy, state::AppState};

/// The identity that the request claims.
#[derive(Clone, Copy)]
pub(super) enum Principal<'r> {
    /// The owner of a session token.
    Session { token: &'r str, may_refresh: bool },
    /// A user id that was verified otherwise, such as the owner of an API key.
    User(&'r str),
}

/// Finds the caller, and reads the counter of the policy `read` for the user.
pub(super) async fn find_reading(
    app: &AppState,
    principal: Principal<'_>,
    with_account: bool,
) -> sqlx::Result<CallerRow> {
    match (principal, with_account) {
        (Principal::Session { token, .. }, false) => read_session::fetch(app, token).await,
        (Principal::Session { token, .. }, true) => {
            read_session_with_account::fetch(app, token).await
        }
        // Without the account, the owner of a key is found by the statement that verifies the key.
        (Principal::User(id), _) => read_user_with_account::fetch(app, id).await,
    }
}

/// Finds the caller, and counts the request: under `by_user` if the caller is an active user, otherwise under `by_address`
/// for that network.
pub(super) async fn find_counting(
    app: &AppState,
    principal: Principal<'_>,
    by_user: &[Policy],
    by_address: &[Policy],
    network: &str,
) -> sqlx::Result<CallerRow> {
    let policies = PolicyColumns::new(by_user, by_address, network);
    match principal {
        Principal::Session { token, .. } => count_session::fetch(app, token, &policies).await,
        Principal::User(id) => count_user::fetch(app, id, &policies).await,
    }
}

/// Finds the caller and touches no counter.
pub(super) async fn find(
    app: &AppState,
    principal: Principal<'_>,
    with_account: bool,
) -> sqlx::Result<CallerRow> {
    match principal {
        Principal::Session { token, .. } => uncounted::by_session(app, token, with_account).await,
        Principal::User(id) => uncounted::by_user(app, id, with_account).await,
    }
}
