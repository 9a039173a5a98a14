//! A group as a program serves it, alone or together with others.

use std::sync::Arc;

use anyhow::Context as _;
use axum::{
    Router,
    extract::{FromRef, Request},
};
use tower::ServiceExt as _;

use crate::{
    config::Required,
    http::{Api, normalized_path},
    state::AppState,
};

type MakeRouter = Box<dyn FnOnce(AppState) -> anyhow::Result<Router>>;

/// A group: what it needs at the start, the paths of its requests, and its router.
pub struct Group {
    name: &'static str,
    prefix: Option<&'static str>,
    paths: Vec<&'static str>,
    secrets: &'static [&'static str],
    required: Required,
    connects_late: bool,
    router: MakeRouter,
}

impl Group {
    /// A group whose handlers have the state that `state` creates at the start.
    pub fn new<S>(api: Api<S>, state: impl FnOnce(AppState) -> anyhow::Result<S> + 'static) -> Self
    where
        S: Clone + Send + Sync + 'static,
        AppState: FromRef<S>,
    {
        Self {
            name: api.name(),
            prefix: api.prefix(),
            paths: api.routes().iter().map(|route| route.rules.path).collect(),
            secrets: api.secret_names(),
            required: api.required_names(),
            connects_late: api.connects_late(),
            router: Box::new(|app| Ok(api.router(state(app)?))),
        }
    }

    /// The patterns of all paths whose requests this group receives when it is served together with others.
    fn patterns(&self) -> Vec<String> {
        if let Some(prefix) = self.prefix {
            return vec![prefix.to_owned(), format!("{prefix}/{{*rest}}")];
        }
        let mut paths: Vec<String> = self.paths.iter().map(ToString::to_string).collect();
        paths.sort_unstable();
        paths.dedup();
        paths
    }
}

/// The groups of a program. All share one database pool, one connection to Redis and one store of limits.
pub(super) struct Groups(Vec<Group>);

impl Groups {
    pub fn new(groups: impl IntoIterator<Item = Group>) -> Self {
        Self(groups.into_iter().collect())
    }

    /// Names that the groups may take from the deployment's secret. They live as long as the program, which uses them again
    /// whenever it reads the secret.
    pub fn secret_names(&self) -> &'static [&'static str] {
        match self.0.as_slice() {
            [group] => group.secrets,
            groups => groups
                .iter()
                .flat_map(|group| group.secrets)
                .copied()
                .collect::<Vec<_>>()
                .leak(),
        }
    }

    /// Variables that the groups need beside the common ones.
    pub fn required_names(&self) -> Required {
        self.0.iter().fold(Required::default(), |required, group| {
            required.and(group.required.clone())
        })
    }

    /// Whether the connection to the database waits for a request.
    pub fn connect_late(&self) -> bool {
        self.0.iter().all(|group| group.connects_late)
    }

    /// The router of the only group, or one that sends each request to its group.
    pub fn router(self, app: &AppState) -> anyhow::Result<Router> {
        let mut patterns = matchit::Router::new();
        let mut routers = Vec::new();
        for group in self.0 {
            for pattern in group.patterns() {
                patterns
                    .insert(pattern.clone(), routers.len())
                    .with_context(|| format!("the path {pattern} of {}", group.name))?;
            }
            routers.push((group.router)(app.clone())?);
        }
        let last = routers.pop().context("a program serves a group")?;
        if routers.is_empty() {
            return Ok(last);
        }
        let dispatcher = Arc::new(Dispatcher {
            patterns,
            routers,
            last,
        });
        Ok(Router::new().fallback(move |request: Request| {
            let router = dispatcher.router(&request).clone();
            router.oneshot(request)
        }))
    }
}

/// Finds the group of a request.
struct Dispatcher {
    /// The index of a router by the pattern of a path.
    patterns: matchit::Router<usize>,
    routers: Vec<Router>,
    /// The router of the last group, which also receives the requests that belong to no group.
    last: Router,
}

impl Dispatcher {
    /// One trailing slash makes no difference: groups ignore it, or respond to it themselves.
    fn router(&self, request: &Request) -> &Router {
        let path = normalized_path(request);
        let path = path.strip_suffix('/').unwrap_or(&path);
        self.patterns
            .at(path)
            .ok()
            .and_then(|found| self.routers.get(*found.value))
            .unwrap_or(&self.last)
    }
}

#[cfg(test)]
mod tests {
    use axum::{
        body::{Body, to_bytes},
        http::StatusCode,
    };

    use super::*;
    use crate::{
        config::Variables,
        http::{Json, Path, RateClass, Route, get},
    };

    fn open(route: Route<AppState>) -> Route<AppState> {
        route.public("a test").counted_as(RateClass::Unlimited)
    }

    fn group(name: &'static str, routes: Vec<Route<AppState>>) -> Api {
        Api::new(name, "A group", routes.into_iter().map(open))
    }

    fn router(groups: Vec<Api>) -> anyhow::Result<Router> {
        let variables: Variables = [("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .collect();
        let groups = Groups::new(groups.into_iter().map(|api| Group::new(api, Ok)));
        let app = AppState::new(variables, groups.required_names(), groups.secret_names())?;
        groups.router(&app)
    }

    async fn people(Path(id): Path) -> Json<String> {
        Json(format!("person {id}"))
    }

    async fn follows(Path(id): Path) -> Json<String> {
        Json(format!("follows of {id}"))
    }

    async fn sign_in() -> Json<String> {
        Json("signed in".to_owned())
    }

    async fn greeting() -> Json<String> {
        Json("hello".to_owned())
    }

    fn three() -> Vec<Api> {
        let sign_in = get("signIn", "/api/auth/sign-in", sign_in);
        let auth = Api::better_auth("auth", "Sign-in", "a test", [sign_in]).below("/api/auth");
        let users = group("users", vec![get("getPerson", "/users/{userId}", people)]);
        let follows = get("getFollows", "/users/{userId}/follows", follows);
        let social = group("social", vec![follows]);
        let health = group("health", vec![get("getGreeting", "/", greeting)]);
        vec![auth, users, social, health]
    }

    async fn response(path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router(three()).unwrap().oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), 1000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_request_reaches_the_group_of_its_path() {
        for (path, expected) in [
            ("/users/1", r#""person 1""#),
            ("/users/1/", r#""person 1""#),
            ("/users/%31?x=/users/1/follows", r#""person 1""#),
            ("/users/1/follows", r#""follows of 1""#),
            ("/users/1%2Ffollows", r#""follows of 1""#),
            ("/api/auth/sign-in", r#""signed in""#),
            ("/", r#""hello""#),
        ] {
            let found = response(path).await;
            assert_eq!(found, (StatusCode::OK, expected.to_owned()), "{path}");
        }
    }

    #[tokio::test]
    async fn a_path_below_a_prefix_belongs_to_its_group_and_an_unknown_one_to_the_last() {
        for path in [
            "/api/auth",
            "/api/auth/",
            "/api/auth/nope",
            "/api/auth/sign-in/",
        ] {
            let found = response(path).await;
            assert_eq!(found, (StatusCode::NOT_FOUND, String::new()), "{path}");
        }
        for path in ["/api", "/users", "/users/1/2/3", "/nope", "/api/authx"] {
            let (status, body) = response(path).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
            let expected = format!("Cannot GET {path}");
            assert!(body.contains(&expected), "{path}: {body}");
        }
    }

    #[tokio::test]
    async fn a_path_of_two_groups_is_rejected_at_the_start() {
        let two = ["one", "other"].map(|name| group(name, vec![get("greet", "/x", greeting)]));

        let error = router(two.into()).err().unwrap();

        assert_eq!(error.to_string(), "the path /x of other");
    }

    #[test]
    fn a_program_may_take_the_secrets_of_all_its_groups() {
        let groups = [["A"], ["B"]].map(|secrets: [&'static str; 1]| {
            Group::new(group("some", vec![]).secrets(Vec::from(secrets).leak()), Ok)
        });

        assert_eq!(Groups::new(groups).secret_names(), ["A", "B"]);
    }
}
