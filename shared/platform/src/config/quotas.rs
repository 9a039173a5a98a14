//! Limits on the number of requests.

use std::{str::FromStr, time::Duration};

use anyhow::Context;

use super::variables::Variables;

/// The number of requests allowed in a window of seconds, written `60/60` in `RATE_LIMIT_<POLICY>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Requests allowed in one window.
    pub requests: u32,
    /// Length of the window.
    pub seconds: u32,
}

impl Quota {
    const fn new(requests: u32, seconds: u32) -> Self {
        Self { requests, seconds }
    }
}

impl FromStr for Quota {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (requests, seconds) = text
            .split_once('/')
            .context("a quota has the form REQUESTS/SECONDS")?;
        let quota = Self::new(requests.trim().parse()?, seconds.trim().parse()?);
        anyhow::ensure!(
            quota.requests > 0 && quota.seconds > 0,
            "both numbers of a quota must be positive"
        );
        Ok(quota)
    }
}

/// The quotas of the application's routes. The routes under `/api/auth` have Better Auth's own limits.
#[derive(Clone, Copy, Debug)]
pub struct Quotas {
    /// GET and HEAD with a credential, and recording a view (`RATE_LIMIT_READ`).
    pub read: Quota,
    /// Anonymous requests and requests with an invalid credential, by address (`RATE_LIMIT_ANON`).
    pub anon: Quota,
    /// POST, PUT and DELETE (`RATE_LIMIT_WRITE`).
    pub write: Quota,
    /// Creations, counted in addition to `write` (`RATE_LIMIT_CREATE`).
    pub create: Quota,
    /// The two Sentry test routes, by address (`RATE_LIMIT_SENTRY`).
    pub sentry: Quota,
    /// Sampling of reads (`RATE_LIMIT_SAMPLE`): one of this many is counted, at random, with this weight. 1 counts
    /// every read.
    pub sample: u32,
    /// Maximum time of a statement on the counters.
    pub timeout: Duration,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            read: Quota::new(1200, 60),
            anon: Quota::new(300, 60),
            write: Quota::new(60, 60),
            create: Quota::new(120, 3600),
            sentry: Quota::new(5, 60),
            sample: 8,
            timeout: Self::TIMEOUT,
        }
    }
}

impl Quotas {
    /// A request is served without being counted after this time.
    pub const TIMEOUT: Duration = Duration::from_millis(250);

    /// Reads the variables; a quota that is not set keeps its default.
    pub fn read(variables: &Variables) -> anyhow::Result<Self> {
        let defaults = Self::default();
        Ok(Self {
            read: variables.parsed("RATE_LIMIT_READ", defaults.read)?,
            anon: variables.parsed("RATE_LIMIT_ANON", defaults.anon)?,
            write: variables.parsed("RATE_LIMIT_WRITE", defaults.write)?,
            create: variables.parsed("RATE_LIMIT_CREATE", defaults.create)?,
            sentry: variables.parsed("RATE_LIMIT_SENTRY", defaults.sentry)?,
            sample: variables
                .parsed("RATE_LIMIT_SAMPLE", defaults.sample)?
                .max(1),
            ..defaults
        })
    }
}
