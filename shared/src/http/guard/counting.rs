//! Counting of requests outside the guard's one statement.

use super::statement::{self, CallerQuery, CallerRow, Counter, Principal};
use crate::{
    AppState,
    http::{
        RateClass,
        quota::{self, Counted, Policy},
    },
};

/// A request to be counted.
pub(super) struct Counting<'r> {
    pub app: &'r AppState,
    pub by_user: &'r [Policy],
    pub by_address: &'r [Policy],
    pub network: &'r str,
}

impl Counting<'_> {
    /// The guard's statement; where there is Redis, it counts nothing.
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

    /// What the statement has counted, or Redis now that it is known who calls.
    pub(super) async fn counted(&self, row: &CallerRow) -> Vec<Counted> {
        match self.app.redis {
            None => row.counted(self.by_user, self.by_address),
            Some(_) => self.count(row.id.as_deref().filter(|_| row.active)).await,
        }
    }

    /// Counts it in Redis, or else in the database. Limits fail open: where nobody can count, nothing was counted.
    pub(super) async fn count(&self, user_id: Option<&str>) -> Vec<Counted> {
        let (policies, counters): (Vec<_>, Vec<_>) = self.counters(user_id).into_iter().unzip();
        if counters.is_empty() {
            return Vec::new();
        }
        let kept = match &self.app.redis {
            Some(redis) => redis.count(&counters).await,
            None => None,
        };
        let counts = match kept {
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

    /// What the statement does with the policies: a user's own count by user, but for those that are always by address.
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

/// Counts a signed-in user's request under the quotas of the application's routes, for a route that is not behind the
/// guard. Gives the seconds to wait where one of them is used up.
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
