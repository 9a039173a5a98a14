//! The guard in front of every route: credential, active caller, rate limit, body, in one database round trip.

mod counting;
mod credential;
mod responses;
mod session;
mod statement;
mod user;

use std::{sync::Arc, time::Instant};

use axum::{
    extract::Request,
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use platform::telemetry;

use self::{
    counting::Counting,
    credential::{Credential, check_origin, has_metrics_token},
    statement::Principal,
    user::{Caller, has_role},
};
pub use self::{
    counting::spend,
    session::{SESSION_LIFETIME, SESSION_UPDATE_AGE},
    user::{CurrentUser, NO_API_KEYS, SessionInfo, Viewer},
};
use super::{
    Access, ClientAddress, Error, Fields, RateClass, Result, RouteRules,
    body::{self, RawBody},
    cache, error,
    quota::{self, Counted},
};
use crate::{
    api_key::{ApiKey, ApiKeyRefusal},
    state::AppState,
};

/// The guard of one route.
pub(super) struct Guard {
    pub app: AppState,
    pub rules: RouteRules,
}

/// Lets a request pass in the contract's order: credential, active caller, rate limit, body, then the handler.
pub(super) async fn run(guard: Arc<Guard>, request: Request, next: Next) -> Response {
    telemetry::set_route(guard.rules.path);
    if matches!(guard.rules.access, Access::ByHandler(_)) {
        return pass(&guard, request, next).await;
    }
    // The handler takes the request. Of its headers, the response needs only these.
    let known: Vec<HeaderValue> = request
        .headers()
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .cloned()
        .collect();
    let is_get = request.method() == Method::GET;
    let query = if is_get {
        check_query(&request)
    } else {
        Ok(())
    };
    let redis = guard.app.redis.as_ref();
    let mut checked = Checked::default();
    let response = match authorize(&guard, request, &mut checked).await {
        Ok(request) if is_get && !checked.with_credential => {
            responses::anonymous(&guard.rules, redis, request, next).await
        }
        Ok(request) => responses::run_handler(request, next).await,
        Err(error) => error.into_response(),
    };
    let response = match query {
        // A handler that reads the query has reported this together with its other errors.
        Err(refusal) if is_answered(&response) => refusal.into_response(),
        _ => response,
    };
    responses::purge(&guard.rules, redis, response.status()).await;
    let with_credential = checked.with_credential;
    let mut response =
        cache::finish(&known, is_get, guard.rules.cache, with_credential, response).await;
    quota::add_headers(response.headers_mut(), &checked.counted);
    response
}

/// Returns whether the handler has accepted the request. It returns 404 only after the validation.
fn is_answered(response: &Response) -> bool {
    response.status().is_success() || response.status() == StatusCode::NOT_FOUND
}

/// Runs a route whose handler authorizes requests itself. axum's GET routes accept HEAD, which such a route does not have.
async fn pass(guard: &Guard, request: Request, next: Next) -> Response {
    if request.method() == Method::HEAD {
        return error::empty_not_found();
    }
    let response = next.run(request).await;
    responses::purge(&guard.rules, guard.app.redis.as_ref(), response.status()).await;
    response
}

/// The data about a request from which its response is made, whether or not the request is rejected.
#[derive(Default)]
struct Checked {
    with_credential: bool,
    counted: Vec<Counted>,
}

async fn authorize(guard: &Guard, request: Request, checked: &mut Checked) -> Result<Request> {
    let config = &guard.app.config;
    let credential = Credential::of(config, request.headers());
    let by_cookie = matches!(credential, Credential::Session { .. });
    checked.with_credential = !matches!(credential, Credential::None);
    if guard.rules.access == Access::Metrics && has_metrics_token(config, request.headers()) {
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
    let started = Instant::now();
    let found = identify_caller(guard, &credential, address, is_safe(request.method())).await;
    telemetry::record_session(started.elapsed());
    let mut found = found?;
    if let Some(user) = &found.user {
        telemetry::set_user(user.id());
    }
    checked.counted = std::mem::take(&mut found.counted);
    let is_pro = found.user.as_ref().is_some_and(CurrentUser::is_pro);
    quota::adjust(&mut checked.counted, is_pro);
    let limited = quota::exceeded(&checked.counted)
        .map_or(Ok(()), |seconds| Err(Error::TooManyRequests(seconds)));
    if let Some(refusal) = found.refusal {
        // Over the quota, a guessed key must not be distinguishable from any other.
        return Err(limited.err().unwrap_or(Error::ApiKey(refusal)));
    }
    if found.user.is_none() && !guard.rules.is_open() {
        return Err(match limited {
            _ if found.inactive => Error::Forbidden("Account is deactivated"),
            Err(limited) => limited,
            Ok(()) => Error::Unauthorized,
        });
    }
    limited?;
    check_access(guard.rules.access, &request, &found)?;
    let mut request = if is_safe(request.method()) {
        request
    } else {
        let request = read_body(request).await?;
        check_query(&request)?;
        request
    };
    if let Some(user) = found.user {
        request.extensions_mut().insert(user);
    }
    Ok(request)
}

/// Checks whether the route accepts the user and the key.
fn check_access(access: Access, request: &Request, found: &IdentifiedCaller) -> Result<()> {
    let is_admin = found.user.as_ref().is_some_and(CurrentUser::is_admin);
    match (access, &found.key) {
        (Access::SessionOnly, Some(_)) => Err(Error::Forbidden(NO_API_KEYS)),
        (Access::Metrics, key) => {
            let has_scope = key.as_ref().is_none_or(|key| key.allows("metrics", "read"));
            if is_admin && has_scope {
                Ok(())
            } else {
                Err(Error::Forbidden("Forbidden resource"))
            }
        }
        (_, None) => Ok(()),
        (_, Some(key)) => {
            let (scope, refusal) = if is_safe(request.method()) {
                ("read", "API key lacks the read scope")
            } else {
                ("write", "API key lacks the write scope")
            };
            if key.allows("api", scope) {
                Ok(())
            } else {
                Err(Error::Forbidden(refusal))
            }
        }
    }
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Rejects NUL characters in the query, which PostgreSQL cannot store. For a write this is checked before the handler runs.
fn check_query(request: &Request) -> Result<()> {
    Fields::check_query(request.uri().query().unwrap_or_default()).map_err(Error::Validation)
}

async fn read_body(request: Request) -> Result<Request> {
    let (mut parts, body) = request.into_parts();
    let bytes = body::read(body).await?;
    let json = body::parse(&parts.headers, &bytes)?;
    parts.extensions.insert(json);
    parts.extensions.insert(RawBody(bytes));
    Ok(Request::from_parts(parts, axum::body::Body::empty()))
}

/// The caller of a request, and its counters.
#[derive(Default)]
struct IdentifiedCaller {
    user: Option<CurrentUser>,
    /// The key that identified the user.
    key: Option<ApiKey>,
    /// Why the key was rejected.
    refusal: Option<ApiKeyRefusal>,
    /// The credential is valid, and its owner is deactivated or banned.
    inactive: bool,
    counted: Vec<Counted>,
}

async fn identify_caller(
    guard: &Guard,
    credential: &Credential,
    address: ClientAddress,
    is_read: bool,
) -> Result<IdentifiedCaller> {
    // If neither the response nor a limit depends on the caller, the caller is not identified, so that the health check needs
    // no database. An API key is verified even then, because an invalid one is always rejected.
    let by_key = matches!(credential, Credential::ApiKey(_));
    let rules = &guard.rules;
    if rules.is_open() && rules.counted_as == RateClass::Unlimited && !by_key {
        return Ok(IdentifiedCaller::default());
    }
    let _span = telemetry::span("auth.session", "session check");
    let config = &guard.app.config;
    let by_user = quota::of_user(&config.quotas, rules.counted_as);
    // Every failed key is counted, so that no route lets keys be guessed.
    let counted_as = match rules.counted_as {
        RateClass::Unlimited if by_key => RateClass::Read,
        class => class,
    };
    let by_address = quota::of_address(&config.quotas, counted_as);
    let counting = Counting {
        app: &guard.app,
        by_user: &by_user,
        by_address: &by_address,
        network: &address.network(),
        sampled: is_read && rules.counted_as == RateClass::Read,
    };
    let (key, row, counted) = match credential {
        Credential::None => {
            return Ok(IdentifiedCaller {
                counted: counting.count(None, counting.sampled).await,
                ..IdentifiedCaller::default()
            });
        }
        Credential::ApiKey(key) => match counting.verify(key, rules.with_account).await? {
            (Ok((key, row)), counted) => (Some(key), row, counted),
            (Err(refusal), counted) => {
                return Ok(IdentifiedCaller {
                    refusal: Some(refusal),
                    counted,
                    ..IdentifiedCaller::default()
                });
            }
        },
        Credential::Session {
            token,
            dont_remember,
        } => {
            let session = Principal::Session {
                token,
                may_refresh: !dont_remember,
            };
            let (row, counted) = counting.find(session, rules.with_account).await?;
            (None, row, counted)
        }
    };
    let found = IdentifiedCaller {
        counted,
        inactive: row.id.is_some() && !row.active,
        ..IdentifiedCaller::default()
    };
    let Some(id) = row.id.filter(|_| row.active) else {
        return Ok(found);
    };
    let role = row.role.unwrap_or_default();
    let is_admin = has_role(&role, "admin") || config.admin_user_ids.contains(&id);
    let user = CurrentUser::new(Caller {
        is_admin,
        role,
        id,
        is_pro: row.is_pro,
        session: row.created_at.map(|created_at| SessionInfo {
            created_at,
            impersonated: row.impersonated,
        }),
        account: row.account.map(|account| account.0),
    });
    Ok(IdentifiedCaller {
        user: Some(user),
        key,
        ..found
    })
}
