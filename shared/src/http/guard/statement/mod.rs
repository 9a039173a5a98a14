//! The statement of the guard: one round trip finds the caller, extends the session and counts the request.
//!
//! There is one statement for each kind of principal, with the account and without. PostgreSQL keeps a generic plan only
//! if no parameter value would make a custom plan much cheaper; a parameter that switched between the kinds would.

mod policies;
mod row;
mod session;
mod session_with_account;
mod user;
mod user_with_account;

use self::policies::{PolicyColumns, window};
pub(super) use self::row::CallerRow;
use crate::{
    http::{Result, quota::Policy},
    state::AppState,
};

/// The identity that the request claims.
#[derive(Clone, Copy)]
pub(super) enum Principal<'r> {
    /// The owner of a session token.
    Session { token: &'r str, may_refresh: bool },
    /// A user id that was verified otherwise, such as the owner of an API key.
    User(&'r str),
}

/// What the guard requests from the database.
pub(super) struct CallerQuery<'r> {
    pub principal: Principal<'r>,
    /// Whether the handler needs the whole row of the user.
    pub with_account: bool,
    /// Policies that apply if the caller is an active user.
    pub by_user: &'r [Policy],
    /// Policies that apply to everybody else.
    pub by_address: &'r [Policy],
    /// Network of the client, the key of `by_address`.
    pub network: &'r str,
}

impl CallerQuery<'_> {
    /// Runs the statement of this kind of principal.
    pub(super) async fn fetch(self, app: &AppState) -> Result<CallerRow> {
        let policies = PolicyColumns::new(self.by_user, self.by_address, self.network);
        let row = match (self.principal, self.with_account) {
            (Principal::Session { token, may_refresh }, false) => {
                session::fetch(app, token, may_refresh, &policies).await
            }
            (Principal::Session { token, may_refresh }, true) => {
                session_with_account::fetch(app, token, may_refresh, &policies).await
            }
            (Principal::User(id), false) => user::fetch(app, id, &policies).await,
            (Principal::User(id), true) => user_with_account::fetch(app, id, &policies).await,
        };
        Ok(row?)
    }
}

/// A counter: its key, and the length of its window in seconds.
pub(super) type Counter = (String, u32);

/// Counts a request whose caller need not be found. Returns the count and the seconds until the reset of each counter, in
/// the order of the arguments.
pub(super) async fn count(app: &AppState, counters: &[Counter]) -> Result<Vec<(i64, u64)>> {
    let (keys, windows): (Vec<String>, Vec<i32>) = counters
        .iter()
        .map(|(key, seconds)| (key.clone(), window(*seconds)))
        .unzip();
    let rows = sqlx::query!(
        r#"
        insert into quota as q (key, count, "resetAt")
        select key, 1, date_trunc('milliseconds', now() at time zone 'utc') + make_interval(secs => seconds)
        from unnest($1::text[], $2::int[]) as counter (key, seconds)
        order by key
        on conflict (key) do update set
            count = case when q."resetAt" <= now() at time zone 'utc' then 1 else least(q.count, 1000000000) + 1 end,
            "resetAt" = case when q."resetAt" <= now() at time zone 'utc' then excluded."resetAt" else q."resetAt" end
        returning key, count, ceil(extract(epoch from "resetAt" - now() at time zone 'utc'))::int as "resets_in!"
        "#,
        &keys,
        &windows,
    )
    .fetch_all(&app.db)
    .await?;
    // The rows are in the order of the keys, not of the arguments.
    let counted = |key: &String| {
        let row = rows.iter().find(|row| row.key == *key);
        row.map_or((0, 1), |row| {
            let resets_in = u64::try_from(row.resets_in).unwrap_or(0).max(1);
            (i64::from(row.count), resets_in)
        })
    };
    Ok(keys.iter().map(counted).collect())
}
