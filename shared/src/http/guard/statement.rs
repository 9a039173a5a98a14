//! The guard's one statement.

use serde_json::value::RawValue;

use super::{SESSION_LIFETIME, SESSION_UPDATE_AGE};
use crate::{
    AppState,
    http::{
        Result,
        quota::{Counted, Policy},
    },
    time::Timestamp,
};

/// The session, its user, and the request's counters: everything the guard wants of the database, in one statement.
pub(super) struct Statement<'r> {
    pub token: Option<&'r str>,
    /// The owner of an API key that was accepted, in place of a session's user.
    pub key_owner: Option<&'r str>,
    pub may_refresh: bool,
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
    pub account: Option<sqlx::types::Json<Box<RawValue>>>,
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

impl Statement<'_> {
    pub(super) async fn fetch(self, app: &AppState) -> Result<Row> {
        let names = |policies: &[Policy]| -> Vec<String> {
            policies
                .iter()
                .map(|policy| policy.name.to_owned())
                .collect()
        };
        let windows = |policies: &[Policy]| -> Vec<i32> {
            policies
                .iter()
                .map(|policy| i32::try_from(policy.quota.seconds).unwrap_or(i32::MAX))
                .collect()
        };
        let row = sqlx::query_as!(
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
                    s."createdAt" as created_at,
                    case when $3 then to_jsonb(u) || jsonb_build_object(
                        'privateProjectsCount',
                        (select count(*) from projects p where p."authorId" = u.id and not p."isPublic")
                    ) end as account
                from (
                    select "userId", "createdAt"
                    from session
                    where token = $1 and "expiresAt" > now() at time zone 'utc'
                    union all
                    select $11::text, null
                    where $11::text is not null
                ) s
                join "user" u on u.id = s."userId"
            ),
            -- Better Auth's guard extends a session that is a day old, and drops the cookie.
            refreshed as (
                update session
                set "expiresAt" = now() at time zone 'utc' + make_interval(secs => $9::float8),
                    "updatedAt" = now() at time zone 'utc'
                where $2
                    and token = $1
                    and "expiresAt" > now() at time zone 'utc'
                    and "expiresAt" <= now() at time zone 'utc' + make_interval(secs => $9::float8 - $10::float8)
            ),
            policy as (
                select name, seconds, name || ':user:' || caller.id as key
                from caller, unnest($4::text[], $5::int[]) as p (name, seconds)
                where caller.active and name <> 'sentry'
                union all
                select name, seconds, name || ':address:' || $8
                from unnest($6::text[], $7::int[]) as p (name, seconds)
                where name = 'sentry' or not exists (select from caller where active)
                order by key
            ),
            counted as (
                insert into quota as q (key, count, "resetAt")
                select key, 1, date_trunc('milliseconds', now() at time zone 'utc') + make_interval(secs => seconds) from policy
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
                caller.account as "account?: sqlx::types::Json<Box<RawValue>>",
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
            self.token,
            self.may_refresh && self.token.is_some(),
            self.with_account,
            &names(self.by_user),
            &windows(self.by_user),
            &names(self.by_address),
            &windows(self.by_address),
            self.network,
            f64::from(SESSION_LIFETIME),
            f64::from(SESSION_UPDATE_AGE),
            self.key_owner,
        )
        .fetch_one(&app.db)
        .await?;
        Ok(row)
    }
}
