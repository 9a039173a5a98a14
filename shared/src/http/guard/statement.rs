//! The guard's one statement.

use serde_json::value::RawValue;
use sqlx::types::Json;

use super::{SESSION_LIFETIME, SESSION_UPDATE_AGE};
use crate::{
    AppState,
    http::{
        Result,
        quota::{Counted, Policy},
    },
    time::Timestamp,
};

/// Who is said to call.
#[derive(Clone, Copy)]
pub(super) enum Claim<'r> {
    /// By a session's token.
    Session { token: &'r str, may_refresh: bool },
    /// By an id that was proven otherwise, such as an API key's owner.
    User(&'r str),
}

/// The caller and the request's counters: everything the guard wants of the database, in one statement.
pub(super) struct Statement<'r> {
    pub claim: Claim<'r>,
    pub with_account: bool,
    pub by_user: &'r [Policy],
    pub by_address: &'r [Policy],
    pub network: &'r str,
}

/// What the statement found.
pub(super) struct Row {
    pub id: Option<String>,
    pub role: Option<String>,
    pub is_pro: bool,
    pub active: bool,
    pub created_at: Option<Timestamp>,
    pub account: Option<Json<Box<RawValue>>>,
    names: Vec<String>,
    counts: Vec<i32>,
    resets: Vec<i32>,
}

impl Row {
    /// The counters with the policies that they belong to.
    pub(super) fn counted(&self, by_user: &[Policy], by_address: &[Policy]) -> Vec<Counted> {
        by_user
            .iter()
            .chain(by_address.iter().filter(|policy| !by_user.contains(policy)))
            .filter_map(|policy| {
                let index = self.names.iter().position(|name| name == policy.name)?;
                Some(Counted {
                    policy: *policy,
                    count: i64::from(*self.counts.get(index)?),
                    resets_in_seconds: u64::try_from(*self.resets.get(index)?).unwrap_or(0).max(1),
                })
            })
            .collect()
    }
}

/// A statement for each kind of claim, with the account or without: PostgreSQL keeps a plan only if no parameter's value
/// would have made it much cheaper, which switches are. `$1` is the claim, `$2` to `$6` are the policies.
macro_rules! find {
    ($claim:literal, $account:literal, [$($refresh:literal)?], $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            Row,
            r#"
            with caller as (
                select
                    u.id,
                    u.role,
                    u."isPro" as is_pro,
                    u."isActive" and not (
                        coalesce(u.banned, false)
                        and (u."banExpires" is null or u."banExpires" > now() at time zone 'utc')
                    ) as active,
                    claim."createdAt" as created_at,
                    claim."expiresAt" as expires_at,
                    "# + $account + r#" as account
                from "# + $claim + r#" claim
                join "user" u on u.id = claim."userId"
            ),"# $(+ $refresh)? + r#"
            policy as (
                select name, seconds, name || ':user:' || caller.id as key
                from caller, unnest($2::text[], $3::int[]) as p (name, seconds)
                where caller.active and name <> 'sentry'
                union all
                select name, seconds, name || ':address:' || $6
                from unnest($4::text[], $5::int[]) as p (name, seconds)
                where name = 'sentry' or not exists (select from caller where active)
                order by key
            ),
            counted as (
                insert into quota as q (key, count, "resetAt")
                select key, 1, date_trunc('milliseconds', now() at time zone 'utc') + make_interval(secs => seconds)
                from policy
                on conflict (key) do update set
                    count = case when q."resetAt" <= now() at time zone 'utc' then 1 else least(q.count, 1000000000) + 1 end,
                    "resetAt" = case when q."resetAt" <= now() at time zone 'utc' then excluded."resetAt" else q."resetAt" end
                returning split_part(key, ':', 1) as name, count,
                    ceil(extract(epoch from "resetAt" - now() at time zone 'utc'))::int as resets_in
            )
            select
                caller.id as "id?",
                caller.role as "role?",
                coalesce(caller.is_pro, false) as "is_pro!",
                coalesce(caller.active, false) as "active!",
                caller.created_at as "created_at?: Timestamp",
                caller.account as "account?: Json<Box<RawValue>>",
                counted.names as "names!",
                counted.counts as "counts!",
                counted.resets as "resets!"
            from (
                select
                    coalesce(array_agg(name), '{}') as names,
                    coalesce(array_agg(count), '{}') as counts,
                    coalesce(array_agg(resets_in), '{}') as resets
                from counted
            ) counted
            left join caller on true
            "#,
            $($argument),+
        )
    };
}

/// The same for a session. Better Auth's guard extends one that is a day old, and drops the cookie.
macro_rules! find_by_session {
    ($account:literal, $($argument:expr),+ $(,)?) => {
        find!(
            r#"(
                select "userId", "createdAt", "expiresAt"
                from session
                where token = $1 and "expiresAt" > now() at time zone 'utc'
            )"#,
            $account,
            [
                r#"
                refreshed as (
                    update session
                    set "expiresAt" = now() at time zone 'utc' + make_interval(secs => $8::float8),
                        "updatedAt" = now() at time zone 'utc'
                    from caller
                    where $7
                        and token = $1
                        and session."expiresAt" > now() at time zone 'utc'
                        and caller.expires_at <= now() at time zone 'utc' + make_interval(secs => $8::float8 - $9::float8)
                        and session."expiresAt" <= now() at time zone 'utc' + make_interval(secs => $8::float8 - $9::float8)
                ),"#
            ],
            $($argument),+
        )
    };
}

/// The same for a user.
macro_rules! find_by_user {
    ($account:literal, $($argument:expr),+ $(,)?) => {
        find!(
            r#"(select $1::text as "userId", null::timestamp as "createdAt", null::timestamp as "expiresAt")"#,
            $account,
            [],
            $($argument),+
        )
    };
}

impl Statement<'_> {
    pub(super) async fn fetch(self, app: &AppState) -> Result<Row> {
        let (user_names, user_windows) = columns(self.by_user);
        let (address_names, address_windows) = columns(self.by_address);
        let network = self.network;
        let (lifetime, update_age) = (f64::from(SESSION_LIFETIME), f64::from(SESSION_UPDATE_AGE));
        macro_rules! fetch {
            ($find:ident, $($argument:expr),+) => {
                if self.with_account {
                    $find!(
                        r#"
                        to_jsonb(u) || jsonb_build_object(
                            'privateProjectsCount',
                            (select count(*) from projects p where p."authorId" = u.id and not p."isPublic")
                        )"#,
                        $($argument),+
                    )
                    .fetch_one(&app.db)
                    .await
                } else {
                    $find!("null::jsonb", $($argument),+).fetch_one(&app.db).await
                }
            };
        }
        let row = match self.claim {
            Claim::Session { token, may_refresh } => fetch!(
                find_by_session,
                token,
                &user_names,
                &user_windows,
                &address_names,
                &address_windows,
                network,
                may_refresh,
                lifetime,
                update_age
            ),
            Claim::User(id) => fetch!(
                find_by_user,
                id,
                &user_names,
                &user_windows,
                &address_names,
                &address_windows,
                network
            ),
        };
        Ok(row?)
    }
}

/// Names, and windows in seconds.
fn columns(policies: &[Policy]) -> (Vec<String>, Vec<i32>) {
    policies
        .iter()
        .map(|policy| (policy.name.to_owned(), window(policy.quota.seconds)))
        .unzip()
}

fn window(seconds: u32) -> i32 {
    i32::try_from(seconds).unwrap_or(i32::MAX)
}

/// What is counted: a key, and how long it is until the count starts anew, in seconds.
pub(super) type Counter = (String, u32);

/// Counts a request whose caller need not be looked for. Gives the count of each and the seconds until it starts anew, in
/// the order of the counters.
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
    // Rows come in the order of their keys.
    let found = |key: &String| {
        let row = rows.iter().find(|row| row.key == *key);
        row.map_or((0, 1), |row| {
            let resets_in = u64::try_from(row.resets_in).unwrap_or(0).max(1);
            (i64::from(row.count), resets_in)
        })
    };
    Ok(keys.iter().map(found).collect())
}
