//! The result of the guard's statement.

use platform::time::Timestamp;
use serde_json::value::RawValue;
use sqlx::types::Json;

use crate::{
    api_key::{KeyOwner, OwnerCounter},
    http::quota::{Counted, Policy},
};

/// The caller and the counters of the request.
#[derive(Default)]
pub(crate) struct CallerRow {
    /// `None` if the principal does not exist.
    pub id: Option<String>,
    pub role: Option<String>,
    pub is_pro: bool,
    /// The user is neither deactivated nor banned.
    pub active: bool,
    /// Creation time of the session.
    pub created_at: Option<Timestamp>,
    /// An admin impersonates the user.
    pub impersonated: bool,
    /// The session is old enough to be extended.
    pub refresh_due: bool,
    pub account: Option<Json<Box<RawValue>>>,
    /// The database accepts no writes.
    pub read_only: bool,
    pub(super) names: Vec<String>,
    pub(super) counts: Vec<i32>,
    pub(super) resets: Vec<i32>,
}

impl CallerRow {
    /// Returns the row of a key's owner, with the owner's counter if it was read.
    pub(crate) fn of_owner(user_id: &str, owner: KeyOwner) -> Self {
        let counters = owner.counter.map(|counter| {
            let OwnerCounter {
                policy,
                count,
                resets_in,
            } = counter;
            (vec![policy.to_owned()], vec![count], vec![resets_in])
        });
        let (names, counts, resets) = counters.unwrap_or_default();
        Self {
            id: Some(user_id.to_owned()),
            role: owner.role,
            is_pro: owner.is_pro,
            active: owner.is_active,
            names,
            counts,
            resets,
            ..Self::default()
        }
    }

    /// Returns the id of a user who is neither deactivated nor banned.
    pub(crate) fn active_id(&self) -> Option<&str> {
        self.id.as_deref().filter(|_| self.active)
    }

    /// Returns the counters, each with its policy.
    pub(crate) fn counted(&self, by_user: &[Policy], by_address: &[Policy]) -> Vec<Counted> {
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
