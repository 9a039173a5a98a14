//! Counts requests: in the guard's statement, in Redis, or in a statement of its own.

use super::statement::{self, CallerRow, Counter, CounterRow, Principal};
use crate::{
    api_key::{self, ApiKey, ApiKeyRefusal},
    http::{
        RateClass, Result,
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
    /// The request is a read, of which only some are counted in the database.
    pub sampled: bool,
}

impl Counting<'_> {
    /// Finds the caller, counts the request, and extends a session that is due. Limits fail open: if the counters cannot be
    /// used, the caller is found without them.
    pub(super) async fn find(
        &self,
        principal: Principal<'_>,
        with_account: bool,
    ) -> Result<(CallerRow, Vec<Counted>)> {
        let app = self.app;
        let is_counted_later =
            app.redis.is_some() || (with_account && !self.sampled) || self.by_user.is_empty();
        let counting = async {
            if self.sampled {
                statement::find_reading(app, principal, with_account).await
            } else {
                let (by_user, by_address) = (self.by_user, self.by_address);
                statement::find_counting(app, principal, by_user, by_address, self.network).await
            }
        };
        let row = if is_counted_later {
            None
        } else {
            app.limits.attempt(counting).await
        };
        let (row, counted) = if let Some(row) = row {
            let counted = self.counted(&row).await;
            (row, counted)
        } else {
            let row = statement::find(app, principal, with_account).await?;
            let counted = if is_counted_later {
                // A credential that identifies nobody is always counted.
                let sampled = self.sampled && row.active;
                self.count(row.active_id(), sampled).await
            } else {
                Vec::new()
            };
            (row, counted)
        };
        if let Principal::Session {
            token,
            may_refresh: true,
        } = principal
            && row.refresh_due
            && !row.read_only
            && let Err(error) = statement::extend_session(app, token).await
        {
            // The session is valid, and the next request tries again.
            tracing::warn!(%error, "a session cannot be extended");
        }
        Ok((row, counted))
    }

    /// Verifies an API key, finds its owner, and counts the request. For a read, one statement does all of it.
    pub(super) async fn verify(
        &self,
        key: &str,
        with_account: bool,
    ) -> Result<(Result<(ApiKey, CallerRow), ApiKeyRefusal>, Vec<Counted>)> {
        let app = self.app;
        let policy = self.by_user.first().map(|policy| policy.name).filter(|_| {
            self.sampled && !with_account && app.redis.is_none() && !app.limits.is_paused()
        });
        let (key, owner) = match api_key::verify_with_owner(&app.db, key, policy).await? {
            Ok(verified) => verified,
            // A failed credential is always counted.
            Err(refusal) => return Ok((Err(refusal), self.count(None, false).await)),
        };
        if with_account {
            let (row, counted) = self.find(Principal::User(&key.user_id), true).await?;
            return Ok((Ok((key, row)), counted));
        }
        let is_counter_missing = policy.is_some() && owner.counter.is_none();
        let row = CallerRow::of_owner(&key.user_id, owner);
        let counted = if is_counter_missing {
            app.limits.pause("the counters are locked or missing");
            Vec::new()
        } else if policy.is_some() {
            self.counted(&row).await
        } else {
            let sampled = self.sampled && row.active;
            self.count(row.active_id(), sampled).await
        };
        Ok((Ok((key, row)), counted))
    }

    /// Returns the counters of a row. A read that is chosen is added, and so is a credential that identifies nobody.
    async fn counted(&self, row: &CallerRow) -> Vec<Counted> {
        if !self.sampled {
            return row.counted(self.by_user, self.by_address);
        }
        let Some(id) = row.active_id() else {
            return self.count(None, false).await;
        };
        if row.read_only {
            self.app.limits.record_read_only(&self.app.db);
            return Vec::new();
        }
        if let Some(weight) = self.app.limits.reads.weight() {
            return self.add(Some(id), weight).await;
        }
        let mut counted = row.counted(self.by_user, &[]);
        for counted in &mut counted {
            counted.include_uncounted();
        }
        counted
    }

    /// Counts the request of that user, or of the client's network: in Redis, or in the database if there is none. Limits fail
    /// open: without both, there are no counters.
    pub(super) async fn count(&self, user_id: Option<&str>, sampled: bool) -> Vec<Counted> {
        let (policies, counters): (Vec<_>, Vec<_>) = self.counters(user_id).into_iter().unzip();
        if counters.is_empty() {
            return Vec::new();
        }
        if let Some(redis) = &self.app.redis
            && let Some(counts) = redis.count(&counters).await
        {
            return Counted::all(policies, counts);
        }
        let limits = &self.app.limits;
        let sampler = match user_id {
            Some(_) => &limits.reads,
            None => &limits.anonymous,
        };
        let weight = if sampled { sampler.weight() } else { Some(1) };
        match (weight, counters.as_slice(), policies.as_slice()) {
            (None, [(key, _)], [policy]) => {
                let row = limits.attempt(statement::read(self.app, key)).await;
                let counted = row.and_then(|row| self.read(*policy, &row));
                counted.into_iter().collect()
            }
            (weight, ..) => self.add(user_id, weight.unwrap_or(1)).await,
        }
    }

    /// Returns the counter that was read for a request that is not counted.
    fn read(&self, policy: Policy, row: &CounterRow) -> Option<Counted> {
        if row.read_only {
            self.app.limits.record_read_only(&self.app.db);
            return None;
        }
        let mut counted = Counted {
            policy,
            count: i64::from(row.count),
            resets_in_seconds: u64::try_from(row.resets_in).unwrap_or(0),
        };
        counted.include_uncounted();
        Some(counted)
    }

    /// Adds the request to the counters in the database. Of a weight, only the request itself is reported.
    async fn add(&self, user_id: Option<&str>, weight: u32) -> Vec<Counted> {
        let (policies, counters): (Vec<_>, Vec<_>) = self.counters(user_id).into_iter().unzip();
        let added = statement::add(self.app, &counters, weight);
        let Some(mut counts) = self.app.limits.attempt(added).await else {
            return Vec::new();
        };
        for (count, _) in &mut counts {
            *count -= i64::from(weight) - 1;
        }
        Counted::all(policies, counts)
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
        sampled: false,
    };
    match counting.find(Principal::User(user_id), false).await {
        Ok((row, mut counted)) => {
            quota::adjust(&mut counted, row.is_pro);
            quota::exceeded(&counted)
        }
        Err(error) => {
            tracing::warn!(?error, "requests cannot be counted");
            None
        }
    }
}
