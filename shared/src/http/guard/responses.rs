//! Runs handlers. Responses to anonymous requests may come from Redis or from a replica.

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use platform::db;
use sha2::{Digest, Sha256};

use crate::{
    http::{Cache, Error, RouteRules, page},
    redis::{CacheLookup, CacheSlot, Redis},
};

/// Runs the handler.
pub(super) async fn run_handler(request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let mut response = next.run(request).await;
    if response.status().is_success() {
        page::add_link(&mut response, &query);
    }
    response
}

/// Responds to a read without a credential.
pub(super) async fn anonymous(
    rules: &RouteRules,
    redis: Option<&Redis>,
    request: Request,
    next: Next,
) -> Response {
    let slot = match redis {
        Some(redis) if rules.cached_in_redis => {
            let lookup = redis.look_up(&cache_key(&request)).await;
            let result = match &lookup {
                Some(CacheLookup::Hit(_)) => "hit",
                Some(CacheLookup::Miss(_)) => "miss",
                None => "error",
            };
            metrics::counter!("cache_requests_total", "result" => result).increment(1);
            match lookup {
                Some(CacheLookup::Hit(cached)) => return unpack(&cached),
                Some(CacheLookup::Miss(slot)) => Some((redis, slot)),
                None => None,
            }
        }
        _ => None,
    };
    // A response that caches must not store has to be current, and a replica may be seconds behind.
    let may_lag = matches!(rules.cache, Cache::Brief | Cache::Revalidate);
    let response = db::anonymously(may_lag, run_handler(request, next)).await;
    match slot {
        Some((redis, slot)) if response.status() == StatusCode::OK => {
            store(redis, &slot, response).await
        }
        _ => response,
    }
}

/// Purges the cached responses after a change that may remove things from lists.
pub(super) async fn purge(rules: &RouteRules, redis: Option<&Redis>, status: StatusCode) {
    if rules.purges_cache
        && status.is_success()
        && let Some(redis) = redis
    {
        redis.purge().await;
    }
}

/// Returns a hash of the path and of the query with its parameters sorted by name, so that `a=1&b=2` and `b=2&a=1` share a
/// response.
fn cache_key(request: &Request) -> String {
    let query = request.uri().query().unwrap_or_default();
    let mut pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    let target = format!("{}?{query}", request.uri().path());
    URL_SAFE_NO_PAD.encode(Sha256::digest(target))
}

/// Stores a response: a line with the `Link` header, which may be empty, and the body.
async fn store(redis: &Redis, slot: &CacheSlot, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    // The body of a JSON response is in memory already.
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return Error::Internal(anyhow::anyhow!("a response's body ended early")).into_response();
    };
    let link = parts.headers.get(header::LINK);
    let link = link.map(HeaderValue::as_bytes).unwrap_or_default();
    redis.store(slot, &[link, b"\n", &body].concat()).await;
    Response::from_parts(parts, Body::from(body))
}

/// Restores the response that [`store`] has stored.
fn unpack(cached: &[u8]) -> Response {
    let (link, body) = cached
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or((&[][..], cached), |end| {
            (&cached[..end], &cached[end + 1..])
        });
    let content_type = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    let mut response = (content_type, body.to_vec()).into_response();
    if let Ok(link) = HeaderValue::from_bytes(link)
        && !link.is_empty()
    {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}
