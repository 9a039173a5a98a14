//! A group of routes, and the router that they become.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::{
    Router,
    extract::{FromRef, Request, State},
    middleware::{Next, from_fn, from_fn_with_state},
    response::Response,
    routing::MethodRouter,
};
use futures_util::future::BoxFuture;

use super::{
    error,
    guard::{self, Guard},
    route::{Access, Route},
    stack,
};
use crate::{config::Required, state::AppState};

type Around<S> = Arc<dyn Fn(S, Request, Next) -> BoxFuture<'static, Response> + Send + Sync>;

/// A group: its name, its routes, and the secrets that it may read.
#[derive(Clone)]
pub struct Api<S = AppState> {
    name: &'static str,
    about: &'static str,
    routes: Vec<Route<S>>,
    secrets: &'static [&'static str],
    required: Required,
    exact: bool,
    connects_late: bool,
    prefix: Option<&'static str>,
    around: Option<Around<S>>,
}

impl<S> Api<S>
where
    S: Clone + Send + Sync + 'static,
    AppState: FromRef<S>,
{
    /// Creates a group. `name` is that of its folder in `functions/`, and `about` describes its routes in one line.
    ///
    /// # Panics
    /// If the rules of a route contradict each other, or if two routes have the same name.
    pub fn new(
        name: &'static str,
        about: &'static str,
        routes: impl IntoIterator<Item = Route<S>>,
    ) -> Self {
        let routes: Vec<Route<S>> = routes.into_iter().collect();
        let mut names = BTreeSet::new();
        for route in &routes {
            route.check();
            let route = route.rules.name;
            assert!(names.insert(route), "two routes have the name {route}");
        }
        Self {
            name,
            about,
            routes,
            secrets: &[],
            required: Required::default(),
            exact: false,
            connects_late: false,
            prefix: None,
            around: None,
        }
    }

    /// Creates a group with Better Auth's protocol: paths match exactly, HEAD is not GET, and a request without a route
    /// gets an empty 404. Its handlers verify origin, credential, body and limits themselves, in the order and with the
    /// messages of that protocol, so the guard lets every request pass.
    ///
    /// # Panics
    /// As for [`Self::new`], or if a route has rules for its callers.
    pub fn better_auth(
        name: &'static str,
        about: &'static str,
        reason: &'static str,
        routes: impl IntoIterator<Item = Route<S>>,
    ) -> Self {
        let routes = routes.into_iter().map(|route| route.by_handler(reason));
        Self {
            exact: true,
            ..Self::new(name, about, routes)
        }
    }

    /// Names that only this group may take from the deployment's secret.
    pub fn secrets(mut self, names: &'static [&'static str]) -> Self {
        self.secrets = names;
        self
    }

    /// Variables that this group requires in production, in addition to those of all groups.
    pub fn requires(mut self, required: Required) -> Self {
        self.required = required;
        self
    }

    /// Runs `work` around the whole group, inside the request stack, also for requests without a route.
    pub fn around<F>(mut self, work: impl Fn(S, Request, Next) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response> + Send + 'static,
    {
        self.around = Some(Arc::new(move |state, request, next| {
            Box::pin(work(state, request, next))
        }));
        self
    }

    /// Connects to the database when a request needs it, and not at the start. This suits a group whose requests mostly
    /// do not need the database.
    pub fn connecting_late(mut self) -> Self {
        self.connects_late = true;
        self
    }

    /// Gives the group every request to the path and below it, also those without a route. Without this, a group that is
    /// served together with others receives the requests to the paths of its routes.
    pub fn below(mut self, prefix: &'static str) -> Self {
        self.prefix = Some(prefix);
        self
    }

    /// Returns whether the group connects to the database only when a request needs it.
    pub fn connects_late(&self) -> bool {
        self.connects_late
    }

    /// Returns whether the group has Better Auth's protocol.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// Returns the group's name, as in `functions/`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the description of the group's routes.
    pub fn about(&self) -> &'static str {
        self.about
    }

    /// Returns the names that this group may take from the deployment's secret.
    pub fn secret_names(&self) -> &'static [&'static str] {
        self.secrets
    }

    /// Returns the variables that this group requires in addition to the common ones.
    pub fn required_names(&self) -> Required {
        self.required.clone()
    }

    /// Returns the path below which all requests belong to this group, also those without a route.
    pub fn prefix(&self) -> Option<&'static str> {
        self.prefix
    }

    /// Returns all routes in their order.
    pub fn routes(&self) -> &[Route<S>] {
        &self.routes
    }

    /// Returns a line for each route, with method, path and access.
    pub fn table(&self) -> Vec<String> {
        self.routes
            .iter()
            .map(|Route { rules, .. }| {
                let access = match rules.access {
                    Access::Public(reason) | Access::ByHandler(reason) => {
                        format!("public: {reason}")
                    }
                    Access::Session => "session".to_owned(),
                    Access::SessionOnly => "session only".to_owned(),
                    Access::Metrics => "metrics token or admin".to_owned(),
                };
                format!("{:<7}{:<44}{access}", rules.method.as_str(), rules.path)
            })
            .collect()
    }

    /// Returns the router with every route behind the guard, inside the request stack.
    ///
    /// # Panics
    /// If two routes have the same method and path.
    pub fn router(self, state: S) -> Router {
        let app = AppState::from_ref(&state);
        let mut paths: BTreeMap<&'static str, MethodRouter<S>> = BTreeMap::new();
        for Route { rules, handler, .. } in self.routes {
            let path = rules.path;
            let guard = Arc::new(Guard {
                app: app.clone(),
                rules,
            });
            let guarded = handler.layer(from_fn(move |request: Request, next: Next| {
                guard::run(guard.clone(), request, next)
            }));
            let methods = paths.remove(path).unwrap_or_default();
            paths.insert(path, methods.merge(guarded));
        }
        let mut router = Router::new();
        for (path, methods) in paths {
            router = router.route(path, methods);
        }
        let exact = self.exact;
        let missing = move |request: Request| async move {
            if exact {
                error::empty_not_found()
            } else {
                no_route(&request)
            }
        };
        let router = router
            .fallback(missing)
            .method_not_allowed_fallback(missing);
        let router = match self.around {
            None => router,
            Some(around) => router.layer(from_fn_with_state(
                state.clone(),
                move |State(state): State<S>, request: Request, next: Next| {
                    around(state, request, next)
                },
            )),
        };
        let router = router.with_state(state);
        stack::wrap(router, app, self.name, exact)
    }
}

/// Returns NestJS's response to an unknown path or method, for a handler whose route is switched off.
pub fn no_route(request: &Request) -> Response {
    let original = request.extensions().get::<stack::OriginalRequest>();
    original.map_or_else(
        || error::no_route(request.method(), request.uri().path()),
        |original| error::no_route(&original.method, &original.path),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fields,
        http::{
            Cache, Check as _, CurrentUser, Json, NoContent, RateClass, delete, get, post, put,
            text,
        },
    };

    fields! {
        struct Note {
            text: String = "text", text().required();
        }
    }

    async fn nothing() -> NoContent {
        NoContent
    }

    async fn with_user(_: CurrentUser) -> NoContent {
        NoContent
    }

    async fn with_body(Json(note): Json<Note>) -> Json<String> {
        Json(note.text)
    }

    /// The message of the panic when a group is made of these routes.
    fn mistake(routes: Vec<Route<AppState>>) -> String {
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            Api::new("group", "A group", routes)
        }));
        *panic.err().unwrap().downcast::<String>().unwrap()
    }

    #[test]
    fn rules_that_contradict_each_other_are_reported_with_the_name_of_the_route() {
        for (route, expected) in [
            (
                get("listNotes", "/notes", nothing)
                    .session_only()
                    .public("open"),
                "the route listNotes sets its access twice",
            ),
            (
                get("listNotes", "/notes", nothing).purges_cache(),
                "the route listNotes purges the cache and changes nothing",
            ),
            (
                put("updateNote", "/notes", nothing).cached(Cache::Never),
                "the route updateNote has a cache rule and is no GET",
            ),
            (
                post("createNote", "/notes", nothing).cached_in_redis(),
                "the route createNote is stored in Redis and is no GET",
            ),
            (
                get("listNotes", "/notes", nothing).cached_in_redis(),
                "the route listNotes is stored in Redis for anonymous visitors, who may not call it",
            ),
            (
                get("getNote", "/users/{userId}/notes/{noteId}", nothing),
                "the route getNote has more than one parameter in its path, and `Path` reads one",
            ),
        ] {
            assert_eq!(mistake(vec![route]), expected);
        }
    }

    #[cfg(feature = "description")]
    #[test]
    fn rules_that_contradict_the_handler_are_reported_with_the_name_of_the_route() {
        for (route, expected) in [
            (
                get("getMe", "/me", with_user).public("open"),
                "the route getMe is public, and its handler rejects anonymous callers",
            ),
            (
                get("getNote", "/note", with_body),
                "the route getNote is a GET, and its handler reads a body",
            ),
        ] {
            assert_eq!(mistake(vec![route]), expected);
        }
    }

    #[test]
    fn a_name_belongs_to_one_route() {
        let routes = vec![
            get("notes", "/notes", nothing),
            delete("notes", "/notes", nothing),
        ];
        assert_eq!(mistake(routes), "two routes have the name notes");
    }

    #[test]
    fn every_route_of_better_auths_protocol_is_left_to_its_handler() {
        let routes = [
            get("one", "/one", nothing),
            post("two", "/two", nothing).purges_cache(),
        ];
        let api: Api = Api::better_auth("auth", "Sign-in", "handlers verify", routes);

        for route in api.routes() {
            assert_eq!(route.rules.access, Access::ByHandler("handlers verify"));
            assert_eq!(route.rules.counted_as, RateClass::Unlimited);
        }
    }
}
