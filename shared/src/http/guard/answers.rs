//! Making of answers; those to anonymous visitors may come from Redis or from a replica.

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::Guard;
use crate::{
    db,
    http::{Cache, Error, page},
    redis::{Kept, Place, Redis},
};

/// Runs the handler.
pub(super) async fn make(request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let mut response = next.run(request).await;
    if response.status().is_success() {
        page::add_link(&mut response, &query);
    }
    response
}

/// Answers a read of somebody without a credential.
pub(super) async fn anonymous(guard: &Guard, request: Request, next: Next) -> Response {
    let place = match &guard.app.redis {
        Some(redis) if guard.rules.cached_in_redis => {
            let found = redis.find(&cache_key(&request)).await;
            let result = match &found {
                Some(Kept::Answer(_)) => "hit",
                Some(Kept::Nothing(_)) => "miss",
                None => "error",
            };
            metrics::counter!("cache_requests_total", "result" => result).increment(1);
            match found {
                Some(Kept::Answer(answer)) => return unpack(&answer),
                Some(Kept::Nothing(place)) => Some((redis, place)),
                None => None,
            }
        }
        _ => None,
    };
    // What is never kept must be true now, and a replica may be seconds behind.
    let response = match guard.rules.cache {
        Cache::Brief | Cache::Revalidate => db::anonymously(make(request, next)).await,
        Cache::Never | Cache::Handler => make(request, next).await,
    };
    match place {
        Some((redis, place)) if response.status() == StatusCode::OK => {
            keep(redis, &place, response).await
        }
        _ => response,
    }
}

/// Purges the responses that Redis stores after a change that may remove things from lists.
pub(super) async fn purge(guard: &Guard, status: StatusCode) {
    if guard.rules.purges_cache
        && status.is_success()
        && let Some(redis) = &guard.app.redis
    {
        redis.forget().await;
    }
}

/// Path and query, the latter in the order of its names: `a=1&b=2` asks the same as `b=2&a=1`.
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

/// A line with the `Link` header, which may be empty, and the body.
async fn keep(redis: &Redis, place: &Place, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    // The body of a JSON answer is in memory already.
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return Error::Internal(anyhow::anyhow!("an answer's body broke off")).into_response();
    };
    let link = parts.headers.get(header::LINK);
    let link = link.map(HeaderValue::as_bytes).unwrap_or_default();
    redis.keep(place, &[link, b"\n", &body].concat()).await;
    Response::from_parts(parts, Body::from(body))
}

fn unpack(answer: &[u8]) -> Response {
    let (link, body) = answer
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or((&[][..], answer), |end| {
            (&answer[..end], &answer[end + 1..])
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
