//! The guard in front of every route: credential, active caller, rate limit, body, in one database round trip.

mod credential;
mod statement;
mod user;

use std::sync::Arc;

use axum::{
    extract::Request,
    http::Method,
    middleware::Next,
    response::{IntoResponse, Response},
};

pub use self::user::{CurrentUser, SessionInfo, Viewer};
use self::{
    credential::{Credential, check_origin, has_metrics_token},
    statement::Statement,
    user::{Caller, has_role},
};
use super::{
    Access, Cache, ClientAddress, Error, Result, Spend,
    body::{self, RawBody},
    cache, page,
    quota::{self, Counted},
};
use crate::AppState;

/// How long a session lives, in seconds (Better Auth 1.7: `expiresIn`).
pub const SESSION_LIFETIME: u32 = 604_800;
/// Age from which a session's expiry is moved, in seconds (Better Auth 1.7: `updateAge`).
pub const SESSION_UPDATE_AGE: u32 = 86_400;

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

/// The caller's id on its way to the request's log line.
#[derive(Clone)]
pub(super) struct LoggedUser(pub String);

/// The route's template on its way to the request's log line.
#[derive(Clone, Copy)]
pub(super) struct LoggedRoute(pub &'static str);

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
    let user = CurrentUser::new(Caller {
        is_admin,
        role,
        id,
        is_pro: row.is_pro,
        session: row.created_at.map(|created_at| SessionInfo { created_at }),
        account: row.account.map(|account| account.0),
    });
    Ok(Found {
        user: Some(user),
        inactive: false,
        counted,
    })
}
