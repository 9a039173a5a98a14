//! A route: method, path, handler, and every rule that applies to its requests, in one value.

use axum::{
    http::Method,
    routing::{MethodFilter, MethodRouter, on},
};
use utoipa::ToSchema;

#[cfg(feature = "description")]
use super::describe::Operation;
use super::describe::{self, Endpoint, Failure, ParameterPlace, Property, Schema};

/// Access to a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Every caller. Callers with a credential are identified. The value is the reason why the route is public.
    Public(&'static str),
    /// Every caller, because the handler verifies credentials itself. The value is the reason.
    ByHandler(&'static str),
    /// A session cookie or an API key.
    Session,
    /// A session cookie; an API key is rejected.
    SessionOnly,
    /// The metrics token, an admin, or a key with the metrics scope.
    Metrics,
}

/// The quotas that a request counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateClass {
    /// None.
    Unlimited,
    /// `read`, or `anon`.
    Read,
    /// `write`, or `anon`.
    Write,
    /// `write` and `create`, or `anon`.
    Create,
    /// `sentry`, by address.
    Sentry,
}

/// How shared caches may store responses to a GET without a credential. With a credential they are private.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// For 15 seconds: lists, facets, statistics, profiles.
    Brief,
    /// Stored, and revalidated each time: one project or comment.
    Revalidate,
    /// Never stored.
    Never,
    /// The handler sets `Cache-Control` itself.
    Handler,
}

/// The rules of one route.
#[derive(Clone, Debug)]
pub struct RouteRules {
    /// Name of the operation, as in the OpenAPI document: `updateProfile`.
    pub name: &'static str,
    /// Method.
    pub method: Method,
    /// Path in axum's syntax, e.g. `/users/{userId}`.
    pub path: &'static str,
    /// Access to the route.
    pub access: Access,
    /// The quotas that its requests count against.
    pub counted_as: RateClass,
    /// Caching of its responses.
    pub cache: Cache,
    /// Whether Redis may cache responses to anonymous requests.
    pub cached_in_redis: bool,
    /// Whether a success purges cached anonymous responses.
    pub purges_cache: bool,
    /// Whether the caller's whole row is loaded with the session.
    pub with_account: bool,
}

impl RouteRules {
    /// Returns whether the route only reads.
    pub fn is_read(&self) -> bool {
        self.method == Method::GET
    }

    /// Returns whether the route accepts callers without a credential.
    pub fn is_open(&self) -> bool {
        matches!(self.access, Access::Public(_) | Access::ByHandler(_))
    }
}

/// One route. It requires a session or an API key unless it is made [`public`](Self::public).
#[derive(Clone)]
pub struct Route<S> {
    /// The rules of its requests.
    pub rules: RouteRules,
    pub(super) handler: MethodRouter<S>,
    /// The first contradiction in its rules, which is reported when the router is built.
    mistake: Option<&'static str>,
    #[cfg(feature = "description")]
    pub(crate) operation: Operation,
}

/// A route for `GET` and `HEAD`, counted as a read. `name` is that of the operation: `<verb><Resource>`, e.g.
/// `listProjects`.
pub fn get<S, T>(name: &'static str, path: &'static str, handler: impl Endpoint<T, S>) -> Route<S>
where
    S: Clone + Send + Sync + 'static,
    T: 'static,
{
    Route::new(name, Method::GET, MethodFilter::GET, path, handler)
}

/// A route for `POST`, counted as a write.
pub fn post<S, T>(name: &'static str, path: &'static str, handler: impl Endpoint<T, S>) -> Route<S>
where
    S: Clone + Send + Sync + 'static,
    T: 'static,
{
    Route::new(name, Method::POST, MethodFilter::POST, path, handler)
}

/// A route for `PUT`, counted as a write.
pub fn put<S, T>(name: &'static str, path: &'static str, handler: impl Endpoint<T, S>) -> Route<S>
where
    S: Clone + Send + Sync + 'static,
    T: 'static,
{
    Route::new(name, Method::PUT, MethodFilter::PUT, path, handler)
}

/// A route for `DELETE`, counted as a write.
pub fn delete<S, T>(
    name: &'static str,
    path: &'static str,
    handler: impl Endpoint<T, S>,
) -> Route<S>
where
    S: Clone + Send + Sync + 'static,
    T: 'static,
{
    Route::new(name, Method::DELETE, MethodFilter::DELETE, path, handler)
}

/// Lists the routes under a heading of the OpenAPI document, which names the task that they serve.
pub fn topic<S: Clone + Send + Sync + 'static>(
    name: &'static str,
    routes: impl IntoIterator<Item = Route<S>>,
) -> Vec<Route<S>> {
    let listed = |route: Route<S>| route.describe(|operation| operation.topic = name);
    routes.into_iter().map(listed).collect()
}

impl<S: Clone + Send + Sync + 'static> Route<S> {
    fn new<T: 'static, H: Endpoint<T, S>>(
        name: &'static str,
        method: Method,
        filter: MethodFilter,
        path: &'static str,
        handler: H,
    ) -> Self {
        let counted_as = if method == Method::GET {
            RateClass::Read
        } else {
            RateClass::Write
        };
        Self {
            rules: RouteRules {
                name,
                method,
                path,
                access: Access::Session,
                counted_as,
                cache: Cache::Brief,
                cached_in_redis: false,
                purges_cache: false,
                with_account: false,
            },
            handler: on(filter, handler),
            mistake: None,
            #[cfg(feature = "description")]
            operation: {
                let mut operation = Operation::default();
                H::describe(&mut operation);
                operation
            },
        }
    }

    /// Accepts every caller. The reason is for readers and for the table of routes.
    pub fn public(self, reason: &'static str) -> Self {
        self.access(Access::Public(reason))
    }

    /// Accepts a session cookie, but no API key.
    pub fn session_only(self) -> Self {
        self.access(Access::SessionOnly)
    }

    /// Accepts the metrics token, an admin, or a key with the metrics scope.
    pub fn metrics_only(self) -> Self {
        self.access(Access::Metrics)
    }

    fn access(mut self, access: Access) -> Self {
        if self.rules.access != Access::Session {
            self.mistake = Some("sets its access twice");
        }
        self.rules.access = access;
        self
    }

    /// Lets the handler verify credentials, origin, body and limits, in the protocol of its group.
    pub(super) fn by_handler(self, reason: &'static str) -> Self {
        let mut route = self.access(Access::ByHandler(reason));
        route.rules.counted_as = RateClass::Unlimited;
        route.rules.cache = Cache::Handler;
        route
    }

    /// Counts requests against the quota `create`, too.
    pub fn creates(self) -> Self {
        self.counted_as(RateClass::Create)
    }

    /// Counts requests against other quotas than those of the method.
    pub fn counted_as(mut self, class: RateClass) -> Self {
        self.rules.counted_as = class;
        self
    }

    /// Caches responses by other rules than those of lists.
    pub fn cached(mut self, cache: Cache) -> Self {
        if !self.rules.is_read() {
            self.mistake = Some("has a cache rule and is no GET");
        }
        self.rules.cache = cache;
        self
    }

    /// Lets Redis cache the response to anonymous requests for some seconds.
    pub fn cached_in_redis(mut self) -> Self {
        if !self.rules.is_read() {
            self.mistake = Some("is stored in Redis and is no GET");
        }
        self.rules.cached_in_redis = true;
        self
    }

    /// Purges the cached anonymous responses after a success, which may remove something from them.
    pub fn purges_cache(mut self) -> Self {
        if self.rules.is_read() {
            self.mistake = Some("purges the cache and changes nothing");
        }
        self.rules.purges_cache = true;
        self
    }

    /// Loads the caller's whole row with the session, in the same round trip.
    pub fn with_account(mut self) -> Self {
        self.rules.with_account = true;
        self
    }

    /// Panics with the route's name if its rules contradict each other or the handler.
    pub(super) fn check(&self) {
        let name = self.rules.name;
        if let Some(mistake) = self.mistake {
            panic!("the route {name} {mistake}");
        }
        assert!(
            self.rules.path.matches('{').count() <= 1,
            "the route {name} has more than one parameter in its path, and `Path` reads one"
        );
        assert!(
            !self.rules.cached_in_redis || self.rules.is_open(),
            "the route {name} is stored in Redis for anonymous visitors, who may not call it"
        );
        #[cfg(feature = "description")]
        {
            assert!(
                !(self.operation.takes_user && matches!(self.rules.access, Access::Public(_))),
                "the route {name} is public, and its handler rejects anonymous callers"
            );
            assert!(
                !(self.operation.body.is_some() && self.rules.is_read()),
                "the route {name} is a GET, and its handler reads a body"
            );
        }
    }
}

/// The parts of the OpenAPI document that the signature of the handler does not contain.
impl<S: Clone + Send + Sync + 'static> Route<S> {
    /// Sets the summary: one line in the third person, such as "Lists projects, newest first".
    pub fn summary(self, summary: &'static str) -> Self {
        self.describe(|operation| operation.summary = summary)
    }

    /// Sets the description, in Markdown.
    pub fn description(self, description: &'static str) -> Self {
        self.describe(|operation| operation.description = description)
    }

    /// Documents that the handler requires a session, although the guard does not.
    pub fn signed_in(self) -> Self {
        self.describe(|operation| operation.signed_in = true)
    }

    /// Adds an optional parameter of the query.
    pub fn query(self, name: &'static str, about: &'static str, schema: fn() -> Schema) -> Self {
        self.parameter(ParameterPlace::Query, false, name, about, schema)
    }

    /// Adds a required parameter of the query. A request without it gets a 400.
    pub fn required_query(
        self,
        name: &'static str,
        about: &'static str,
        schema: fn() -> Schema,
    ) -> Self {
        self.parameter(ParameterPlace::Query, true, name, about, schema)
    }

    /// Adds a parameter of the path that is not an opaque id.
    pub fn path_parameter(
        self,
        name: &'static str,
        about: &'static str,
        schema: fn() -> Schema,
    ) -> Self {
        self.parameter(ParameterPlace::Path, true, name, about, schema)
    }

    fn parameter(
        self,
        place: ParameterPlace,
        required: bool,
        name: &'static str,
        about: &'static str,
        schema: fn() -> Schema,
    ) -> Self {
        self.describe(|operation| {
            let parameter = Property {
                name,
                required,
                schema: schema(),
                about,
            };
            operation.parameters.push((place, parameter));
        })
    }

    /// Adds a JSON response of this type.
    pub fn json<T: ToSchema>(self, status: u16) -> Self {
        self.describe(|operation| operation.json_of::<T>(status))
    }

    /// Adds a JSON response of one of two types.
    pub fn json_either<T: ToSchema, U: ToSchema>(self, status: u16) -> Self {
        self.describe(|operation| {
            operation.json_of::<T>(status);
            operation.json_of::<U>(status);
            let either = describe::either(describe::reference::<T>(), describe::reference::<U>());
            operation.json(status, either);
        })
    }

    /// Adds a JSON response of this type, or `null`.
    pub fn json_or_null<T: ToSchema>(self, status: u16) -> Self {
        self.describe(|operation| {
            operation.json_of::<T>(status);
            operation.json(status, describe::or_null(describe::reference::<T>()));
        })
    }

    /// Adds a JSON response with a complete list.
    pub fn list<T: ToSchema>(self) -> Self {
        self.describe(|operation| {
            operation.json_of::<T>(200);
            operation.json(200, describe::array_of::<T>());
        })
    }

    /// Adds a JSON response with an object of any properties.
    pub fn json_object(self, status: u16) -> Self {
        self.describe(|operation| operation.json(status, describe::object()))
    }

    /// Adds a response in another media type than JSON, e.g. `text/html`.
    pub fn media(self, status: u16, media_type: &'static str) -> Self {
        self.describe(|operation| {
            let schema = media_type
                .starts_with("text/")
                .then(|| describe::text(None, None));
            operation.media(status, media_type, schema);
        })
    }

    /// Adds an `ETag`, which the handler sets and compares, to a response in another media type than JSON.
    pub fn with_etag(self) -> Self {
        self.describe(|operation| operation.header(200, "ETag"))
    }

    /// Adds a redirect with the status 302.
    pub fn redirect(self) -> Self {
        self.describe(|operation| operation.header(302, "Location"))
    }

    /// Adds errors with these statuses and an error body.
    pub fn fails(self, statuses: &'static [u16]) -> Self {
        self.failing(statuses, Failure::Error)
    }

    /// Adds errors with these statuses and without a body.
    pub fn fails_empty(self, statuses: &'static [u16]) -> Self {
        self.failing(statuses, Failure::Empty)
    }

    fn failing(self, statuses: &'static [u16], failure: Failure) -> Self {
        self.describe(|operation| {
            let failures = statuses.iter().map(|status| (*status, failure));
            operation.failures.extend(failures);
        })
    }

    /// Documents properties of a response's type that may be missing, wherever the type is used.
    pub fn may_lack<T: ToSchema>(self, properties: &'static [&'static str]) -> Self {
        self.describe(|operation| {
            operation
                .optional
                .push((T::name().into_owned(), properties));
        })
    }

    #[cfg(feature = "description")]
    fn describe(mut self, change: impl FnOnce(&mut Operation)) -> Self {
        change(&mut self.operation);
        self
    }

    /// Without this feature, the functions contain no description of the API.
    #[cfg(not(feature = "description"))]
    fn describe(self, _: impl FnOnce(&mut describe::Operation)) -> Self {
        self
    }
}
