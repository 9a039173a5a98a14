//! The routes of API Gateway and of `cargo lambda watch` lead every request to the function that mounts it.

use std::{cmp::Ordering, collections::BTreeMap};

use yaml_serde::Value as Yaml;

use crate::bundle::mounted;

/// A route of the gateway: a pattern, and the function that receives the requests that match.
#[derive(Clone, Debug)]
struct Route {
    pattern: String,
    segments: Vec<Segment>,
    function: String,
}

/// A segment of a pattern, in order of preference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(String),
    Parameter,
    /// One or more segments.
    Greedy,
}

impl Route {
    fn new(pattern: &str, function: &str) -> Self {
        let segments = pattern
            .trim_matches('/')
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| {
                if segment.starts_with("{*") || segment.ends_with("+}") {
                    Segment::Greedy
                } else if segment.starts_with('{') {
                    Segment::Parameter
                } else {
                    Segment::Literal(segment.to_owned())
                }
            });
        Self {
            segments: segments.collect(),
            pattern: pattern.to_owned(),
            function: function.to_owned(),
        }
    }

    fn matches(&self, path: &[&str]) -> bool {
        let mut rest = path.iter();
        for segment in &self.segments {
            match (segment, rest.next()) {
                (Segment::Greedy, found) => return found.is_some(),
                (Segment::Literal(literal), Some(found)) if literal == found => {}
                (Segment::Parameter, Some(_)) => {}
                _ => return false,
            }
        }
        rest.next().is_none()
    }

    /// Compares the segments from the left. Literals come before parameters, and parameters before greedy segments.
    fn cmp(&self, other: &Self) -> Ordering {
        let kind = |segment: &Segment| match segment {
            Segment::Literal(_) => 0,
            Segment::Parameter => 1,
            Segment::Greedy => 2,
        };
        self.segments
            .iter()
            .map(kind)
            .cmp(other.segments.iter().map(kind))
    }
}

/// Asserts that each mounted route leads to its function, and that each route of the gateway leads to a mounted one.
fn check(routes: &[Route], default: Option<&str>) {
    let mut used: BTreeMap<&str, usize> = BTreeMap::new();
    for mounted in mounted() {
        let path: Vec<&str> = mounted
            .path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| {
                if segment.starts_with('{') {
                    "sample"
                } else {
                    segment
                }
            })
            .collect();
        let winner = routes
            .iter()
            .filter(|route| route.matches(&path))
            .min_by(|one, other| one.cmp(other));
        let function = winner.map(|route| route.function.as_str()).or(default);
        assert_eq!(
            function,
            Some(mounted.function),
            "{} {}",
            mounted.method,
            mounted.path
        );
        if let Some(winner) = winner {
            *used
                .entry(winner.pattern.trim_end_matches('/'))
                .or_default() += 1;
        }
    }
    for route in routes {
        let pattern = route.pattern.trim_end_matches('/');
        // A prefix lets the group return its own 404s.
        let prefix = routes.iter().any(|other| {
            other.function == route.function && other.pattern.starts_with(&format!("{pattern}/{{"))
        });
        assert!(
            used.contains_key(pattern) || prefix,
            "{} matches no route that {} mounts",
            route.pattern,
            route.function
        );
    }
}

#[test]
fn the_gateway_sends_each_request_to_the_function_that_mounts_it() {
    let template = std::fs::read_to_string(testkit::workspace().join("template.yaml")).unwrap();
    let template: Yaml = yaml_serde::from_str(&template).unwrap();
    let mut routes = Vec::new();
    let mut default = None;
    for resource in template["Resources"].as_mapping().unwrap().values() {
        if resource["Type"] != "AWS::ApiGatewayV2::Route" {
            continue;
        }
        let properties = &resource["Properties"];
        let key = properties["RouteKey"].as_str().unwrap();
        // `!Sub integrations/${UsersIntegration}`
        let Yaml::Tagged(target) = &properties["Target"] else {
            panic!("{key} has no target")
        };
        let function = target
            .value
            .as_str()
            .unwrap()
            .trim_start_matches("integrations/${")
            .trim_end_matches("Integration}")
            .to_lowercase();
        if let Some(pattern) = key.strip_prefix("ANY ") {
            routes.push(Route::new(pattern, &function));
        } else {
            assert_eq!(key, "$default");
            default = Some(function);
        }
    }

    assert_eq!(default.as_deref(), Some("health"));
    check(&routes, default.as_deref());
}

#[test]
fn cargo_lambda_watch_sends_each_request_to_the_function_that_mounts_it() {
    let manifest = std::fs::read_to_string(testkit::workspace().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let router = &manifest["workspace"]["metadata"]["lambda"]["watch"]["router"];
    let routes: Vec<Route> = router
        .as_table()
        .unwrap()
        .iter()
        .map(|(pattern, function)| Route::new(pattern, function.as_str().unwrap()))
        .collect();

    check(&routes, None);
}
