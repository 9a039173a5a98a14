//! The guard in front of every route: credential, active caller, rate limit, body, in one database round trip.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts, Request},
    http::{HeaderMap, HeaderName, Method, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::value::RawValue;
use subtle::ConstantTimeEq;

use super::{
    Access, Cache, ClientAddress, Error, Result, Spend,
    body::{self, RawBody},
    cache, page, quota,
    quota::{Counted, Policy},
};
use crate::{AppState, config::Config, time::Timestamp};

/// How long a session lives, and from when on it is extended (Better Auth 1.7: `expiresIn`, `updateAge`), in seconds.
pub const SESSION_LIFETIME: i64 = 604_800;
/// Age from which a session's expiry is moved, in seconds.
pub const SESSION_UPDATE_AGE: i64 = 86_400;
/// How old a session may be for what needs a fresh one.
const FRESH: Duration = Duration::from_secs(86_400);

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// One route's rules.
pub(super) struct Rule {
    pub app: AppState,
    pub access: Access,
    pub spend: Spend,
    pub cache: Cache,
    pub account: bool,
    pub raw_body: bool,
    pub path: &'static str,
}

/// The signed-in caller. Only the guard makes one.
#[derive(Clone, Debug)]
pub struct CurrentUser(Arc<Caller>);

#[derive(Debug)]
struct Caller {
    id: String,
    role: String,
    is_pro: bool,
    is_admin: bool,
    session: Option<SessionInfo>,
    account: Option<Box<RawValue>>,
}

/// The session that the caller came with.
#[derive(Clone, Debug)]
pub struct SessionInfo {
    /// When it was made; refreshing does not move it.
    pub created_at: Timestamp,
}

impl CurrentUser {
    /// `user.id`.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Whether they pay; doubles some quotas.
    pub fn is_pro(&self) -> bool {
        self.0.is_pro
    }

    /// Has the role `admin`, or is named in `ADMIN_USER_IDS`.
    pub fn is_admin(&self) -> bool {
        self.0.is_admin
    }

    /// May moderate content: a moderator or an admin, with a session of their own. Never through an API key.
    pub fn is_staff(&self) -> bool {
        self.0.session.is_some() && (self.is_admin() || has_role(&self.0.role, "moderator"))
    }

    /// Whether the session is young enough for what cannot be undone; a refresh does not make it younger.
    pub fn is_fresh(&self) -> bool {
        self.0.session.as_ref().is_some_and(|session| {
            (Timestamp::now() - session.created_at)
                .to_std()
                .unwrap_or_default()
                < FRESH
        })
    }

    /// The caller's whole row as PostgreSQL writes it in JSON, with `privateProjectsCount`; only on routes
    /// [`with_account`](super::Routes::with_account).
    pub fn account(&self) -> Option<&RawValue> {
        self.0.account.as_deref()
    }
}

/// Roles are stored in one text, separated by commas, as the Better Auth admin plugin does.
fn has_role(roles: &str, role: &str) -> bool {
    roles.split(',').any(|found| found.trim() == role)
}

impl<S: Send + Sync> FromRequestParts<S> for CurrentUser {
    type Rejection = Error;

    /// Fails closed: on a route that was mounted public by mistake there is no user without a credential.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or(Error::Unauthorized)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for CurrentUser {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned())
    }
}

/// Who looks at a public route: a signed-in user, or nobody known.
#[derive(Clone, Debug)]
pub struct Viewer(pub Option<CurrentUser>);

impl Viewer {
    /// `user.id` of a signed-in viewer.
    pub fn id(&self) -> Option<&str> {
        self.0.as_ref().map(CurrentUser::id)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Viewer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.extensions.get::<CurrentUser>().cloned()))
    }
}

/// The caller's id on its way to the request's log line.
#[derive(Clone)]
pub(super) struct LoggedUser(pub String);

/// The route's template on its way to the request's log line.
#[derive(Clone, Copy)]
pub(super) struct LoggedRoute(pub &'static str);

enum Credential {
    None,
    ApiKey,
    /// The token of a well-signed session cookie.
    Session {
        token: String,
        dont_remember: bool,
    },
}

impl Credential {
    /// An API key comes before a cookie; a cookie with a bad signature counts as absent.
    fn of(config: &Config, headers: &HeaderMap) -> Self {
        if headers.contains_key(API_KEY) || bearer(headers).is_some() {
            return Self::ApiKey;
        }
        match config.cookies.read(headers, "session_token") {
            None => Self::None,
            Some(token) => Self::Session {
                token,
                dont_remember: config.cookies.read(headers, "dont_remember").is_some(),
            },
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Judges a request in the contract's order: credential, active caller, rate limit, body, then the handler.
pub(super) async fn run(rule: Arc<Rule>, request: Request, next: Next) -> Response {
    let headers = request.headers().clone();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let is_get = request.method() == Method::GET;
    let mut judged = Judged::default();
    let mut response = match judge(&rule, request, &mut judged).await {
        Ok(request) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    if response.status().is_success() {
        page::add_link(&mut response, &query);
    }
    let mut response = cache::finish(
        &headers,
        is_get,
        rule.cache,
        judged.with_credential,
        response,
    )
    .await;
    quota::add_headers(response.headers_mut(), &judged.counted);
    if let Some(user) = &judged.user {
        response
            .extensions_mut()
            .insert(LoggedUser(user.id().to_owned()));
    }
    response.extensions_mut().insert(LoggedRoute(rule.path));
    response
}

/// What was found out about a request, whether or not it was refused.
#[derive(Default)]
struct Judged {
    with_credential: bool,
    user: Option<CurrentUser>,
    counted: Vec<Counted>,
}

async fn judge(rule: &Rule, request: Request, judged: &mut Judged) -> Result<Request> {
    let config = &rule.app.config;
    let credential = Credential::of(config, request.headers());
    let by_cookie = matches!(credential, Credential::Session { .. });
    judged.with_credential = !matches!(credential, Credential::None);
    if rule.access == Access::Metrics && has_metrics_token(config, request.headers()) {
        return Ok(request);
    }
    if by_cookie && !is_safe(request.method()) {
        check_origin(config, request.headers())?;
    }
    let address = request
        .extensions()
        .get()
        .copied()
        .unwrap_or(ClientAddress(None));
    let found = find_caller(rule, &credential, address).await;
    let found = match found {
        Ok(found) => found,
        // Limits fail open: what needs no database is answered without one.
        Err(Error::Unavailable(cause)) if is_open(rule) && !judged.with_credential => {
            tracing::warn!(error = %format_args!("{cause:#}"), "requests cannot be counted");
            Found::default()
        }
        Err(error) => return Err(error),
    };
    judged.counted = found.counted;
    quota::adjust(&mut judged.counted, found.user.as_ref());
    let limited = quota::exceeded(&judged.counted)
        .map_or(Ok(()), |seconds| Err(Error::TooManyRequests(seconds)));
    match (rule.access, &found.user) {
        (Access::Public(_), _) if !matches!(credential, Credential::ApiKey) => {}
        (_, None) if found.inactive => return Err(Error::Forbidden("Account is deactivated")),
        // A guessed key must not be told from a used-up quota.
        (_, None) => return Err(limited.err().unwrap_or(Error::Unauthorized)),
        (Access::Metrics, Some(user)) if !user.is_admin() => {
            return Err(Error::Forbidden("Forbidden resource"));
        }
        _ => {}
    }
    limited?;
    let mut request = if is_safe(request.method()) || rule.raw_body {
        request
    } else {
        read_body(request).await?
    };
    if let Some(user) = found.user {
        judged.user = Some(user.clone());
        request.extensions_mut().insert(user);
    }
    Ok(request)
}

fn is_open(rule: &Rule) -> bool {
    matches!(rule.access, Access::Public(_))
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// A cookie must not be used by other sites. Clients that are no browsers send no Origin.
fn check_origin(config: &Config, headers: &HeaderMap) -> Result<()> {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let trusted = origin
        .to_str()
        .is_ok_and(|origin| config.trusted_origins.allows_origin(origin));
    if trusted {
        Ok(())
    } else {
        Err(Error::Forbidden("Invalid origin"))
    }
}

fn has_metrics_token(config: &Config, headers: &HeaderMap) -> bool {
    let Some(token) = config.variables.get("METRICS_TOKEN") else {
        return false;
    };
    bearer(headers).is_some_and(|sent| sent.as_bytes().ct_eq(token.as_bytes()).into())
}

async fn read_body(request: Request) -> Result<Request> {
    let (mut parts, body) = request.into_parts();
    let bytes = body::read(body).await?;
    let json = body::parse(&parts.headers, &bytes)?;
    parts.extensions.insert(json);
    parts.extensions.insert(RawBody(bytes));
    Ok(Request::from_parts(parts, axum::body::Body::empty()))
}

#[derive(Default)]
struct Found {
    user: Option<CurrentUser>,
    /// The credential is good, and its owner deactivated or banned.
    inactive: bool,
    counted: Vec<Counted>,
}

async fn find_caller(
    rule: &Rule,
    credential: &Credential,
    address: ClientAddress,
) -> Result<Found> {
    let config = &rule.app.config;
    let by_user = quota::of_user(&config.quotas, rule.spend);
    let by_address = quota::of_address(&config.quotas, rule.spend);
    let (token, dont_remember) = match credential {
        Credential::Session {
            token,
            dont_remember,
        } => (Some(token.as_str()), *dont_remember),
        Credential::ApiKey | Credential::None => (None, false),
    };
    if token.is_none() && by_address.is_empty() {
        return Ok(Found::default());
    }
    let row = Statement {
        token,
        may_refresh: !dont_remember,
        with_account: rule.account,
        by_user: &by_user,
        by_address: &by_address,
        network: address.network(),
    }
    .fetch(&rule.app)
    .await?;
    let counted = row.counted(&by_user, &by_address);
    let Some(id) = row.id else {
        return Ok(Found {
            counted,
            ..Found::default()
        });
    };
    if !row.active {
        return Ok(Found {
            user: None,
            inactive: true,
            counted,
        });
    }
    let role = row.role.unwrap_or_default();
    let is_admin = has_role(&role, "admin") || config.admin_user_ids.contains(&id);
    let user = CurrentUser(Arc::new(Caller {
        is_admin,
        role,
        id,
        is_pro: row.is_pro,
        session: row.created_at.map(|created_at| SessionInfo { created_at }),
        account: row.account.map(|account| account.0),
    }));
    Ok(Found {
        user: Some(user),
        inactive: false,
        counted,
    })
}

/// The session, its user, and the request's counters: everything the guard wants of the database, in one statement.
struct Statement<'r> {
    token: Option<&'r str>,
    may_refresh: bool,
    with_account: bool,
    by_user: &'r [Policy],
    by_address: &'r [Policy],
    network: String,
}

struct Row {
    id: Option<String>,
    role: Option<String>,
    is_pro: bool,
    active: bool,
    created_at: Option<Timestamp>,
    account: Option<sqlx::types::Json<Box<RawValue>>>,
    names: Vec<String>,
    counts: Vec<i32>,
    resets: Vec<i32>,
}

impl Row {
    fn counted(&self, by_user: &[Policy], by_address: &[Policy]) -> Vec<Counted> {
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

impl Statement<'_> {
    async fn fetch(self, app: &AppState) -> Result<Row> {
        let names = |policies: &[Policy]| -> Vec<String> {
            policies
                .iter()
                .map(|policy| policy.name.to_owned())
                .collect()
        };
        let windows = |policies: &[Policy]| -> Vec<i32> {
            policies
                .iter()
                .map(|policy| i32::try_from(policy.quota.seconds).unwrap_or(i32::MAX))
                .collect()
        };
        let row = sqlx::query_as!(
            Row,
            r#"
            with caller as (
                select
                    u.id,
                    u.role,
                    u."isPro" as is_pro,
                    u."isActive" and not (
                        coalesce(u.banned, false)
                        and (u."banExpires" is null or u."banExpires" > now() at time zone 'utc')
                    ) as active,
                    s."createdAt" as created_at,
                    case when $3 then to_jsonb(u) || jsonb_build_object(
                        'privateProjectsCount',
                        (select count(*) from projects p where p."authorId" = u.id and not p."isPublic")
                    ) end as account
                from session s
                join "user" u on u.id = s."userId"
                where s.token = $1 and s."expiresAt" > now() at time zone 'utc'
            ),
            -- Better Auth's guard extends a session that is a day old, and drops the cookie.
            refreshed as (
                update session
                set "expiresAt" = now() at time zone 'utc' + make_interval(secs => $9::float8),
                    "updatedAt" = now() at time zone 'utc'
                where $2
                    and token = $1
                    and "expiresAt" > now() at time zone 'utc'
                    and "expiresAt" <= now() at time zone 'utc' + make_interval(secs => $9::float8 - $10::float8)
            ),
            policy as (
                select name, seconds, name || ':user:' || caller.id as key
                from caller, unnest($4::text[], $5::int[]) as p (name, seconds)
                where caller.active and name <> 'sentry'
                union all
                select name, seconds, name || ':address:' || $8
                from unnest($6::text[], $7::int[]) as p (name, seconds)
                where name = 'sentry' or not exists (select from caller where active)
                order by key
            ),
            counted as (
                insert into quota as q (key, count, "resetAt")
                select key, 1, now() at time zone 'utc' + make_interval(secs => seconds) from policy
                on conflict (key) do update set
                    count = case when q."resetAt" <= now() at time zone 'utc' then 1 else least(q.count, 1000000000) + 1 end,
                    "resetAt" = case when q."resetAt" <= now() at time zone 'utc' then excluded."resetAt" else q."resetAt" end
                returning split_part(key, ':', 1) as name, count,
                    ceil(extract(epoch from "resetAt" - now() at time zone 'utc'))::int as resets_in
            )
            select
                caller.id as "id?",
                caller.role as "role?",
                coalesce(caller.is_pro, false) as "is_pro!",
                coalesce(caller.active, false) as "active!",
                caller.created_at as "created_at?: Timestamp",
                caller.account as "account?: sqlx::types::Json<Box<RawValue>>",
                counted.names as "names!",
                counted.counts as "counts!",
                counted.resets as "resets!"
            from (
                select
                    coalesce(array_agg(name), '{}') as names,
                    coalesce(array_agg(count), '{}') as counts,
                    coalesce(array_agg(resets_in), '{}') as resets
                from counted
            ) counted
            left join caller on true
            "#,
            self.token,
            self.may_refresh && self.token.is_some(),
            self.with_account,
            &names(self.by_user),
            &windows(self.by_user),
            &names(self.by_address),
            &windows(self.by_address),
            self.network,
            SESSION_LIFETIME as f64,
            SESSION_UPDATE_AGE as f64,
        )
        .fetch_one(&app.db)
        .await?;
        Ok(row)
    }
}
