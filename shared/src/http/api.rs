//! A group's routes: guarded unless somebody says, with a reason, that they are open.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    extract::{FromRef, Request, State},
    handler::Handler,
    http::Method,
    middleware::{Next, from_fn, from_fn_with_state},
    response::Response,
    routing::{MethodFilter, MethodRouter, on},
};
use futures_util::future::BoxFuture;

use super::{error, guard, stack};
use crate::AppState;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody; the caller is recognised where a credential comes along. The reason says why it is open.
    Public(&'static str),
    /// A session cookie or an API key.
    Session,
    /// A session cookie; an API key is refused.
    SessionOnly,
    /// The metrics token, an admin, or a key with the metrics scope.
    Metrics,
}

/// Which quotas a request is counted under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spend {
    /// Not limited here.
    Nothing,
    /// `read`, or `anon`.
    Read,
    /// `write`, or `anon`.
    Write,
    /// `write` and `create`, or `anon`.
    Create,
    /// `sentry`, by address.
    Sentry,
}

/// How answers to a GET without a credential may be kept by shared caches. With one they are private.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// Lists, facets, statistics, profiles: for 15 seconds.
    Brief,
    /// One project or comment: kept, and asked for again each time.
    Revalidate,
    /// Never kept.
    Never,
    /// The handler says so itself.
    Handler,
}

/// One route and its rules.
#[derive(Clone)]
pub struct Route<S> {
    /// Method.
    pub method: Method,
    /// Path in axum's syntax, e.g. `/users/{userId}`.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// What it is counted under.
    pub spend: Spend,
    /// How answers may be kept.
    pub cache: Cache,
    /// Answers to anonymous visitors may come from Redis.
    pub shared: bool,
    /// Success may take something out of what others are shown.
    pub hides: bool,
    /// The caller's whole row is loaded with the session.
    pub account: bool,
    /// Whether the handler reads the body itself, without the JSON rules of the guard.
    pub raw_body: bool,
    handler: MethodRouter<S>,
}

/// A list of routes. What follows a route describes it: `.post(…).creates()`.
#[derive(Clone)]
pub struct Routes<S>(Vec<Route<S>>);

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No routes yet.
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// `GET` (and `HEAD`), counted as a read.
    pub fn get<T: 'static>(self, path: &'static str, handler: impl Handler<T, S>) -> Self {
        self.route(Method::GET, MethodFilter::GET, path, handler)
    }

    /// `POST`, counted as a write.
    pub fn post<T: 'static>(self, path: &'static str, handler: impl Handler<T, S>) -> Self {
        self.route(Method::POST, MethodFilter::POST, path, handler)
    }

    /// `PUT`, counted as a write.
    pub fn put<T: 'static>(self, path: &'static str, handler: impl Handler<T, S>) -> Self {
        self.route(Method::PUT, MethodFilter::PUT, path, handler)
    }

    /// `DELETE`, counted as a write.
    pub fn delete<T: 'static>(self, path: &'static str, handler: impl Handler<T, S>) -> Self {
        self.route(Method::DELETE, MethodFilter::DELETE, path, handler)
    }

    /// The last route takes a session cookie, and no API key.
    pub fn session_only(self) -> Self {
        self.last(|route| route.access = Access::SessionOnly)
    }

    /// The last route takes the metrics token, an admin, or a key with the metrics scope.
    pub fn metrics_only(self) -> Self {
        self.last(|route| route.access = Access::Metrics)
    }

    /// The last route makes something: counted under `create` too.
    pub fn creates(self) -> Self {
        self.spends(Spend::Create)
    }

    /// The last route is counted under other quotas than its method says.
    pub fn spends(self, spend: Spend) -> Self {
        self.last(|route| route.spend = spend)
    }

    /// Answers of the last route are kept by other rules than a list's.
    pub fn cached(self, cache: Cache) -> Self {
        self.last(|route| route.cache = cache)
    }

    /// The last route answers every anonymous visitor the same, for some seconds: Redis may keep its answers.
    pub fn shared(self) -> Self {
        self.last(|route| route.shared = true)
    }

    /// What the last route does may take something out of lists: answers that Redis keeps are dropped.
    pub fn hides(self) -> Self {
        self.last(|route| route.hides = true)
    }

    /// The last route is about the caller: their whole row comes with the session, in the same round trip.
    pub fn with_account(self) -> Self {
        self.last(|route| route.account = true)
    }

    /// The handler of the last route reads the body itself, without the JSON rules of the guard.
    pub fn raw_body(self) -> Self {
        self.last(|route| route.raw_body = true)
    }

    fn route<T: 'static>(
        mut self,
        method: Method,
        filter: MethodFilter,
        path: &'static str,
        handler: impl Handler<T, S>,
    ) -> Self {
        let spend = if method == Method::GET {
            Spend::Read
        } else {
            Spend::Write
        };
        self.0.push(Route {
            method,
            path,
            access: Access::Session,
            spend,
            cache: Cache::Brief,
            shared: false,
            hides: false,
            account: false,
            raw_body: false,
            handler: on(filter, handler),
        });
        self
    }

    fn last(mut self, change: impl FnOnce(&mut Route<S>)) -> Self {
        if let Some(route) = self.0.last_mut() {
            change(route);
        }
        self
    }
}

type Around<S> = Arc<dyn Fn(S, Request, Next) -> BoxFuture<'static, Response> + Send + Sync>;

/// A group: its name, its routes, and the secrets that it may be given.
#[derive(Clone)]
pub struct Api<S = AppState> {
    name: &'static str,
    routes: Vec<Route<S>>,
    secrets: &'static [&'static str],
    required: &'static [&'static str],
    exact: bool,
    connects_late: bool,
    around: Option<Around<S>>,
}

impl<S> Api<S>
where
    S: Clone + Send + Sync + 'static,
    AppState: FromRef<S>,
{
    /// A group whose routes all need a session.
    pub fn new(name: &'static str, guarded: Routes<S>) -> Self {
        Self {
            name,
            routes: guarded.0,
            secrets: &[],
            required: &[],
            exact: false,
            connects_late: false,
            around: None,
        }
    }

    /// Adds routes that anybody may call. The reason is for the reader, and for the table of routes.
    pub fn public(mut self, reason: &'static str, routes: Routes<S>) -> Self {
        self.routes.extend(routes.0.into_iter().map(|route| Route {
            access: Access::Public(reason),
            ..route
        }));
        self
    }

    /// Names that only this group may take from the deployment's secret.
    pub fn secrets(mut self, names: &'static [&'static str]) -> Self {
        self.secrets = names;
        self
    }

    /// Variables without which this group does not start in production, beside those that all groups need.
    pub fn requires(mut self, names: &'static [&'static str]) -> Self {
        self.required = names;
        self
    }

    /// Better Auth's protocol: paths match exactly, HEAD is not GET, and what has no route answers 404 with nothing. The
    /// guard leaves the public routes named so far alone: they judge origin, credential, body and limits in that
    /// protocol's order and words.
    pub fn exact(mut self) -> Self {
        self.exact = true;
        for route in &mut self.routes {
            if matches!(route.access, Access::Public(_)) {
                route.spend = Spend::Nothing;
                route.cache = Cache::Handler;
                route.raw_body = true;
            }
        }
        self
    }

    /// Runs `work` around the whole group, inside the request stack: it sees requests that have no route, too.
    pub fn around<F>(mut self, work: impl Fn(S, Request, Next) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response> + Send + 'static,
    {
        self.around = Some(Arc::new(move |state, request, next| {
            Box::pin(work(state, request, next))
        }));
        self
    }

    /// The connection to the database is opened when a request needs it, and not at the start: for a group that is mostly
    /// asked what needs none.
    pub fn connecting_late(mut self) -> Self {
        self.connects_late = true;
        self
    }

    /// Whether the connection to the database waits for a request.
    pub fn connects_late(&self) -> bool {
        self.connects_late
    }

    /// Whether it has Better Auth's routing, and with it Better Auth's protocol.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// The group's name, as in `functions/`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Names that this group may take from the deployment's secret.
    pub fn secret_names(&self) -> &'static [&'static str] {
        self.secrets
    }

    /// Variables that this group needs beside the common ones.
    pub fn required_names(&self) -> &'static [&'static str] {
        self.required
    }

    /// All routes in the order they were named.
    pub fn routes(&self) -> &[Route<S>] {
        &self.routes
    }

    /// A line for each route: method, path, and who may call it.
    pub fn table(&self) -> Vec<String> {
        self.routes
            .iter()
            .map(|route| {
                let access = match route.access {
                    Access::Public(reason) => format!("public: {reason}"),
                    Access::Session => "session".to_owned(),
                    Access::SessionOnly => "session only".to_owned(),
                    Access::Metrics => "metrics token or admin".to_owned(),
                };
                format!("{:<7}{:<44}{access}", route.method.as_str(), route.path)
            })
            .collect()
    }

    /// The router with every route behind the guard, inside the request stack.
    pub fn router(self, state: S) -> Router {
        let app = AppState::from_ref(&state);
        let mut paths: BTreeMap<&'static str, MethodRouter<S>> = BTreeMap::new();
        for route in self.routes {
            let rule = Arc::new(guard::Rule {
                app: app.clone(),
                access: route.access,
                spend: route.spend,
                cache: route.cache,
                shared: route.shared,
                hides: route.hides,
                account: route.account,
                raw_body: route.raw_body,
                path: route.path,
            });
            let left_alone = self.exact && matches!(route.access, Access::Public(_));
            let guarded = route
                .handler
                .layer(from_fn(move |request: Request, next: Next| {
                    let rule = rule.clone();
                    async move {
                        if left_alone {
                            guard::leave_alone(&rule, request, next).await
                        } else {
                            guard::run(rule, request, next).await
                        }
                    }
                }));
            let methods = paths.remove(route.path).unwrap_or_default();
            paths.insert(route.path, methods.merge(guarded));
        }
        let mut router = Router::new();
        for (path, methods) in paths {
            router = router.route(path, methods);
        }
        let exact = self.exact;
        let missing = move |request: Request| async move {
            if exact {
                nothing_here()
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

/// The NestJS answer to a path or method that no route has; for a handler whose route is switched off.
pub fn no_route(request: &Request) -> Response {
    let asked = request.extensions().get::<stack::Asked>();
    asked.map_or_else(
        || error::no_route(request.method(), request.uri().path()),
        |asked| error::no_route(&asked.method, &asked.path),
    )
}

/// Better Auth's 404.
pub(super) fn nothing_here() -> Response {
    let mut response = Response::default();
    *response.status_mut() = axum::http::StatusCode::NOT_FOUND;
    response
}
