//! The buckets in which requests are counted: one for each route, and one for all paths without a route.

use std::collections::BTreeSet;

use crate::paths;

/// The bucket of all paths without a route.
const NO_ROUTE: &str = "no-route";

/// The buckets of all routes.
#[derive(Debug)]
pub struct RateBuckets {
    /// Paths below the base path. A path with a parameter ends with it.
    routes: BTreeSet<&'static str>,
}

impl RateBuckets {
    /// `routes` are the paths of all routes, in axum's syntax.
    pub fn new(routes: impl IntoIterator<Item = &'static str>) -> Self {
        Self {
            routes: routes.into_iter().map(paths::below_base).collect(),
        }
    }

    /// Returns the bucket of a path. It is that of its route, regardless of the method and a trailing slash.
    pub fn bucket(&self, path: &str) -> &'static str {
        let path = paths::below_base(path).trim_end_matches('/');
        if let Some(route) = self.routes.get(path) {
            return route;
        }
        let with_parameter = self.routes.iter().find(|route| {
            let Some((before, _)) = route.split_once('{') else {
                return false;
            };
            path.strip_prefix(before)
                .is_some_and(|value| !value.is_empty() && !value.contains('/'))
        });
        with_parameter.copied().unwrap_or(NO_ROUTE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_route_has_a_bucket() {
        let buckets = RateBuckets::new(["/api/auth/ok", "/api/auth/callback/{provider}"]);
        for (path, bucket) in [
            ("/api/auth/ok", "/ok"),
            ("/api/auth/ok/", "/ok"),
            ("/api/auth/callback/github", "/callback/{provider}"),
            ("/api/auth/callback/x", "/callback/{provider}"),
            ("/api/auth/callback/", NO_ROUTE),
            ("/api/auth/callback/a/b", NO_ROUTE),
            ("/api/auth/other", NO_ROUTE),
            ("/api/auth", NO_ROUTE),
        ] {
            assert_eq!(buckets.bucket(path), bucket, "{path}");
        }
    }
}
