//! Counts requests: in the guard's statement, in Redis, or in a statement of its own.

use super::statement::{self, CallerQuery, CallerRow, Counter, Principal};
use crate::{
    http::{
        RateClass,
        quota::{self, Counted, Policy},
    },
    state::AppState,
};

/// A request to be counted.
pub(super) struct Counting<'r> {
    pub app: &'r AppState,
    pub by_user: &'r [Policy],
    pub by_address: &'r [Policy],
    pub network: &'r str,
}

impl Counting<'_> {
    /// Returns the guard's statement. If Redis is configured, the statement counts nothing.
    pub(super) fn statement<'s>(&'s self, principal: Principal<'s>) -> CallerQuery<'s> {
        let (by_user, by_address) = match self.app.redis {
            None => (self.by_user, self.by_address),
            Some(_) => (&[][..], &[][..]),
        };
        CallerQuery {
            principal,
            with_account: false,
            by_user,
            by_address,
            network: self.network,
        }
    }

    /// Returns the counters of the statement. If Redis is configured, counts there, now that the caller is known.
    pub(super) async fn counted(&self, row: &CallerRow) -> Vec<Counted> {
        match self.app.redis {
            None => row.counted(self.by_user, self.by_address),
            Some(_) => self.count(row.id.as_deref().filter(|_| row.active)).await,
        }
    }

    /// Counts the request in Redis, or in the database if that fails. Limits fail open: without both, there are no counters.
    pub(super) async fn count(&self, user_id: Option<&str>) -> Vec<Counted> {
        let (policies, counters): (Vec<_>, Vec<_>) = self.counters(user_id).into_iter().unzip();
        if counters.is_empty() {
            return Vec::new();
        }
        let counts = match &self.app.redis {
            Some(redis) => redis.count(&counters).await,
            None => None,
        };
        let counts = match counts {
            Some(counts) => counts,
            None => match statement::count(self.app, &counters).await {
                Ok(counts) => counts,
                Err(error) => {
                    tracing::warn!(?error, "requests cannot be counted");
                    return Vec::new();
                }
            },
        };
        policies
            .into_iter()
            .zip(counts)
            .map(|(policy, (count, resets_in_seconds))| Counted {
                policy,
                count,
                resets_in_seconds,
            })
            .collect()
    }

    /// Returns the counters as the statement defines them: by user for an active user, except policies that are always by
    /// address.
    fn counters(&self, user_id: Option<&str>) -> Vec<(Policy, Counter)> {
        let by_address = |policy: &Policy| {
            let key = format!("{}:address:{}", policy.name, self.network);
            (*policy, (key, policy.quota.seconds))
        };
        match user_id {
            None => self.by_address.iter().map(by_address).collect(),
            Some(id) => self
                .by_user
                .iter()
                .map(|policy| match policy.name {
                    "sentry" => by_address(policy),
                    name => (*policy, (format!("{name}:user:{id}"), policy.quota.seconds)),
                })
                .collect(),
        }
    }
}

/// Counts a signed-in user's request under the quotas of the application's routes, for a route without the guard. Returns
/// the seconds to wait if a quota is exceeded.
pub async fn spend(app: &AppState, user_id: &str, class: RateClass) -> Option<u64> {
    let counting = Counting {
        app,
        by_user: &quota::of_user(&app.config.quotas, class),
        by_address: &[],
        network: "",
    };
    match counting
        .statement(Principal::User(user_id))
        .fetch(app)
        .await
    {
        Ok(row) => {
            let mut counted = counting.counted(&row).await;
            quota::adjust(&mut counted, row.is_pro);
            quota::exceeded(&counted)
        }
        Err(error) => {
            tracing::warn!(?error, "requests cannot be counted");
            None
        }
    }
}
