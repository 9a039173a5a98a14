//! A route: method, path, handler, and every rule that applies to its requests, in one value.

use axum::{
    http::Method,
    routing::{MethodFilter, MethodRouter, on},
};
use utoipa::ToSchema;

#[cfg(feature = "description")]
use super::describe::Operation;
use super::describe::{self, Endpoint, Failure, ParameterPlace, Property, Schema};

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody; a caller with a credential is recognised. The reason says why the route is open.
    Public(&'static str),
    /// Anybody, as far as the guard is concerned: the handler verifies credentials itself. The reason says why.
    ByHandler(&'static str),
    /// A session cookie or an API key.
    Session,
    /// A session cookie; an API key is rejected.
    SessionOnly,
    /// The metrics token, an admin, or a key with the metrics scope.
    Metrics,
}

/// Which quotas a request is counted under.
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
    /// Who may call it.
    pub access: Access,
    /// Which quotas its requests are counted under.
    pub counted_as: RateClass,
    /// How responses may be stored.
    pub cache: Cache,
    /// Responses to anonymous visitors may come from Redis.
    pub cached_in_redis: bool,
    /// A success purges cached anonymous responses.
    pub purges_cache: bool,
    /// The caller's whole row is loaded with the session.
    pub with_account: bool,
}

impl RouteRules {
    /// Whether the route only reads.
    pub fn is_read(&self) -> bool {
        self.method == Method::GET
    }

    /// Whether anybody may call it without a credential.
    pub fn is_open(&self) -> bool {
        matches!(self.access, Access::Public(_) | Access::ByHandler(_))
    }
}

/// One route. Without a call of [`public`](Self::public) it needs a session or an API key.
#[derive(Clone)]
pub struct Route<S> {
    /// The rules of its requests.
    pub rules: RouteRules,
    pub(super) handler: MethodRouter<S>,
    /// The first mistake in its rules; reported when the router is built.
    mistake: Option<&'static str>,
    #[cfg(feature = "description")]
    pub(crate) operation: Operation,
}

/// `GET` (and `HEAD`), counted as a read. `name` is the operation's: `<verb><Resource>`, e.g. `listProjects`.
pub fn get<S, T>(name: &'static str, path: &'static str, handler: impl Endpoint<T, S>) -> Route<S>
where
    S: Clone + Send + Sync + 'static,
    T: 'static,
{
    Route::new(name, Method::GET, MethodFilter::GET, path, handler)
}

/// `POST`, counted as a write.
pub fn post<S, T>(name: &'static str, path: &'static str, handler: impl Endpoint<T, S>) -> Route<S>
where
    S: Clone + Send + Sync + 'static,
    T: 'static,
{
    Route::new(name, Method::POST, MethodFilter::POST, path, handler)
}

/// `PUT`, counted as a write.
pub fn put<S, T>(name: &'static str, path: &'static str, handler: impl Endpoint<T, S>) -> Route<S>
where
    S: Clone + Send + Sync + 'static,
    T: 'static,
{
    Route::new(name, Method::PUT, MethodFilter::PUT, path, handler)
}

/// `DELETE`, counted as a write.
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

    /// Anybody may call it. The reason is for the reader, and for the table of routes.
    pub fn public(self, reason: &'static str) -> Self {
        self.access(Access::Public(reason))
    }

    /// Accepts a session cookie, and no API key.
    pub fn session_only(self) -> Self {
        self.access(Access::SessionOnly)
    }

    /// Accepts the metrics token, an admin, or a key with the metrics scope.
    pub fn metrics_only(self) -> Self {
        self.access(Access::Metrics)
    }

    fn access(mut self, access: Access) -> Self {
        if self.rules.access != Access::Session {
            self.mistake = Some("says twice who may call it");
        }
        self.rules.access = access;
        self
    }

    /// The handler verifies credentials, origin, body and limits itself, in the protocol of its group.
    pub(super) fn by_handler(self, reason: &'static str) -> Self {
        let mut route = self.access(Access::ByHandler(reason));
        route.rules.counted_as = RateClass::Unlimited;
        route.rules.cache = Cache::Handler;
        route
    }

    /// Makes something: counted under `create` too.
    pub fn creates(self) -> Self {
        self.counted_as(RateClass::Create)
    }

    /// Counted under other quotas than its method says.
    pub fn counted_as(mut self, class: RateClass) -> Self {
        self.rules.counted_as = class;
        self
    }

    /// Responses are stored by other rules than a list's.
    pub fn cached(mut self, cache: Cache) -> Self {
        if !self.rules.is_read() {
            self.mistake = Some("has a cache rule and is no GET");
        }
        self.rules.cache = cache;
        self
    }

    /// Every anonymous visitor gets the same response for some seconds, so that Redis may store it.
    pub fn cached_in_redis(mut self) -> Self {
        if !self.rules.is_read() {
            self.mistake = Some("is stored in Redis and is no GET");
        }
        self.rules.cached_in_redis = true;
        self
    }

    /// A success purges the anonymous responses that Redis stores, because it may remove something from them.
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

    /// Panics where the rules contradict each other or the handler, with the route's name.
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

/// What the signature of the handler does not say, for the OpenAPI document.
impl<S: Clone + Send + Sync + 'static> Route<S> {
    /// One line on what it does, in the third person: "Lists projects, newest first".
    pub fn summary(self, summary: &'static str) -> Self {
        self.describe(|operation| operation.summary = summary)
    }

    /// The rest, in Markdown.
    pub fn description(self, description: &'static str) -> Self {
        self.describe(|operation| operation.description = description)
    }

    /// The handler requires a session, although the guard does not look for one.
    pub fn signed_in(self) -> Self {
        self.describe(|operation| operation.signed_in = true)
    }

    /// A parameter of the query that may be left out.
    pub fn query(self, name: &'static str, about: &'static str, schema: fn() -> Schema) -> Self {
        self.parameter(ParameterPlace::Query, false, name, about, schema)
    }

    /// A parameter of the query without which the request is rejected with 400.
    pub fn required_query(
        self,
        name: &'static str,
        about: &'static str,
        schema: fn() -> Schema,
    ) -> Self {
        self.parameter(ParameterPlace::Query, true, name, about, schema)
    }

    /// A parameter of the path that is no opaque id.
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

    /// A JSON response of this type.
    pub fn json<T: ToSchema>(self, status: u16) -> Self {
        self.describe(|operation| operation.json_of::<T>(status))
    }

    /// A JSON response of either type.
    pub fn json_either<T: ToSchema, U: ToSchema>(self, status: u16) -> Self {
        self.describe(|operation| {
            operation.json_of::<T>(status);
            operation.json_of::<U>(status);
            let either = describe::either(describe::reference::<T>(), describe::reference::<U>());
            operation.json(status, either);
        })
    }

    /// A JSON response of this type, or `null`.
    pub fn json_or_null<T: ToSchema>(self, status: u16) -> Self {
        self.describe(|operation| {
            operation.json_of::<T>(status);
            operation.json(status, describe::or_null(describe::reference::<T>()));
        })
    }

    /// A whole list as JSON.
    pub fn list<T: ToSchema>(self) -> Self {
        self.describe(|operation| {
            operation.json_of::<T>(200);
            operation.json(200, describe::array_of::<T>());
        })
    }

    /// A JSON object of any properties.
    pub fn json_object(self, status: u16) -> Self {
        self.describe(|operation| operation.json(status, describe::object()))
    }

    /// A response in another media type than JSON, e.g. `text/html`.
    pub fn media(self, status: u16, media_type: &'static str) -> Self {
        self.describe(|operation| {
            let schema = media_type
                .starts_with("text/")
                .then(|| describe::text(None, None));
            operation.media(status, media_type, schema);
        })
    }

    /// An `ETag`, which the handler sets and compares, of a response in another media type than JSON.
    pub fn with_etag(self) -> Self {
        self.describe(|operation| operation.header(200, "ETag"))
    }

    /// A redirect with 302.
    pub fn redirect(self) -> Self {
        self.describe(|operation| operation.header(302, "Location"))
    }

    /// Refuses with these statuses too, and the error body.
    pub fn fails(self, statuses: &'static [u16]) -> Self {
        self.failing(statuses, Failure::Error)
    }

    /// Refuses with these statuses and no body.
    pub fn fails_empty(self, statuses: &'static [u16]) -> Self {
        self.failing(statuses, Failure::Empty)
    }

    fn failing(self, statuses: &'static [u16], failure: Failure) -> Self {
        self.describe(|operation| {
            let failures = statuses.iter().map(|status| (*status, failure));
            operation.failures.extend(failures);
        })
    }

    /// Properties of a response's type that may be missing, here and wherever else the type is used.
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

    /// Nothing that describes the API is linked into a deployed function.
    #[cfg(not(feature = "description"))]
    fn describe(self, _: impl FnOnce(&mut describe::Operation)) -> Self {
        self
    }
}
