//! Rate limits of the application's routes: fixed windows, reported in `RateLimit` headers.

use std::cmp::Reverse;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use platform::config::{Quota, Quotas};

use super::RateClass;

/// Draft-ietf-httpapi-ratelimit-headers-08.
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// A named quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    pub name: &'static str,
    pub quota: Quota,
}

/// The counter of a policy, after the request was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    pub policy: Policy,
    pub count: i64,
    pub resets_in_seconds: u64,
}

impl Counted {
    /// Returns the counters of policies, each with its count and the seconds until its window ends.
    pub fn all(policies: Vec<Policy>, counts: Vec<(i64, u64)>) -> Vec<Self> {
        policies
            .into_iter()
            .zip(counts)
            .map(|(policy, (count, resets_in_seconds))| Self {
                policy,
                count,
                resets_in_seconds,
            })
            .collect()
    }

    /// Includes the request itself in a counter that was only read. Before the first count, a whole window is left.
    pub fn include_uncounted(&mut self) {
        if self.count == 0 {
            self.resets_in_seconds = self.policy.quota.seconds.into();
        }
        self.count += 1;
    }

    fn remaining(&self) -> i64 {
        (i64::from(self.policy.quota.requests) - self.count).max(0)
    }
}

/// Returns the policies of a signed-in user's request.
pub(super) fn of_user(quotas: &Quotas, class: RateClass) -> Vec<Policy> {
    match class {
        RateClass::Unlimited => vec![],
        RateClass::Read => vec![Policy {
            name: "read",
            quota: quotas.read,
        }],
        RateClass::Write => vec![Policy {
            name: "write",
            quota: quotas.write,
        }],
        RateClass::Create => vec![
            Policy {
                name: "create",
                quota: quotas.create,
            },
            Policy {
                name: "write",
                quota: quotas.write,
            },
        ],
        RateClass::Sentry => of_address(quotas, class),
    }
}

/// Returns the policies of an anonymous request.
pub(super) fn of_address(quotas: &Quotas, class: RateClass) -> Vec<Policy> {
    match class {
        RateClass::Unlimited => vec![],
        RateClass::Sentry => vec![Policy {
            name: "sentry",
            quota: quotas.sentry,
        }],
        _ => vec![Policy {
            name: "anon",
            quota: quotas.anon,
        }],
    }
}

/// Adjusts the policies to the caller: a Pro member may write and create twice as much.
pub(super) fn adjust(policies: &mut [Counted], is_pro: bool) {
    if is_pro {
        for counted in policies {
            if matches!(counted.policy.name, "write" | "create") {
                counted.policy.quota.requests = counted.policy.quota.requests.saturating_mul(2);
            }
        }
    }
}

/// Returns the seconds to wait if a quota is exceeded: until the window of the policy in `RateLimit` ends. Each exceeded
/// quota is counted in the metrics.
pub(super) fn exceeded(counted: &[Counted]) -> Option<u64> {
    let over = counted
        .iter()
        .filter(|counted| counted.count > i64::from(counted.policy.quota.requests))
        .inspect(|counted| {
            metrics::counter!("rate_limited_total", "policy" => counted.policy.name).increment(1);
        })
        .count();
    tightest(counted)
        .filter(|_| over > 0)
        .map(|counted| counted.resets_in_seconds)
}

/// Returns the policy with the fewest requests left. Of several, it is the one whose window ends last.
fn tightest(counted: &[Counted]) -> Option<&Counted> {
    counted
        .iter()
        .min_by_key(|counted| (counted.remaining(), Reverse(counted.resets_in_seconds)))
}

/// Adds `RateLimit-Policy` with all policies, and `RateLimit` with the tightest one.
pub(super) fn add_headers(headers: &mut HeaderMap, counted: &[Counted]) {
    let Some(tightest) = tightest(counted) else {
        return;
    };
    let policies: Vec<String> = counted
        .iter()
        .rev()
        .map(|Counted { policy, .. }| {
            format!(
                "\"{}\";q={};w={}",
                policy.name, policy.quota.requests, policy.quota.seconds
            )
        })
        .collect();
    let limit = format!(
        "\"{}\";r={};t={}",
        tightest.policy.name,
        tightest.remaining(),
        tightest.resets_in_seconds
    );
    for (name, value) in [(POLICY, policies.join(", ")), (LIMIT, limit)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(name: &'static str, requests: u32, count: i64, resets_in_seconds: u64) -> Counted {
        let quota = Quota {
            requests,
            seconds: 60,
        };
        Counted {
            policy: Policy { name, quota },
            count,
            resets_in_seconds,
        }
    }

    #[test]
    fn headers_name_the_tightest_policy() {
        let mut headers = HeaderMap::new();
        add_headers(
            &mut headers,
            &[
                counted("create", 120, 79, 1803),
                counted("write", 60, 2, 40),
            ],
        );
        assert_eq!(headers[LIMIT], "\"create\";r=41;t=1803");
        assert_eq!(
            headers[POLICY],
            "\"write\";q=60;w=60, \"create\";q=120;w=60"
        );
    }

    #[test]
    fn the_last_request_of_a_quota_passes() {
        assert_eq!(exceeded(&[counted("write", 60, 60, 9)]), None);
        assert_eq!(exceeded(&[counted("write", 60, 61, 9)]), Some(9));
    }

    #[test]
    fn a_rejected_client_waits_as_long_as_the_header_says() {
        let both = [
            counted("create", 120, 120, 1803),
            counted("write", 60, 61, 9),
        ];
        let mut headers = HeaderMap::new();
        add_headers(&mut headers, &both);

        assert_eq!(headers[LIMIT], "\"create\";r=0;t=1803");
        assert_eq!(exceeded(&both), Some(1803));
    }
}
