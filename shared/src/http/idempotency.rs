//! `Idempotency-Key`: a repeated POST returns the first response and has no second effect.

use std::marker::PhantomData;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use platform::db::{Db, Tx};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{
    Created, CurrentUser, Error, RawBody, Result, ResultExt,
    describe::{Input, Operation, Output},
};

/// Maximum length of a key.
const MAX_KEY_LENGTH: usize = 255;
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

const BUSY: Error = Error::Conflict("Request is still being processed");

/// The key and the fingerprint of a request that creates something. It is an extractor. Without the header, every request
/// counts as the first.
#[derive(Clone, Debug)]
pub struct Idempotency(Option<IdempotencyKey>);

#[derive(Clone, Debug)]
struct IdempotencyKey {
    /// Method and path. A key is unique per route, so it may be used for another project again.
    route: String,
    value: String,
    request_hash: Vec<u8>,
}

impl<S: Send + Sync> FromRequestParts<S> for Idempotency {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let Some(key) = key(&parts.headers)? else {
            return Ok(Self(None));
        };
        let body = parts.extensions.get::<RawBody>();
        Ok(Self(Some(IdempotencyKey {
            route: format!("{} {}", parts.method, parts.uri.path()),
            value: key,
            request_hash: Sha256::digest(body.map_or(&[][..], |body| &body.0)).to_vec(),
        })))
    }
}

impl Input for Idempotency {
    fn describe(operation: &mut Operation) {
        operation.idempotent = true;
    }
}

fn key(headers: &HeaderMap) -> Result<Option<String>> {
    let mut values = headers.get_all(KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let printable = |key: &&str| {
        (1..=MAX_KEY_LENGTH).contains(&key.len())
            && key.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    };
    value
        .to_str()
        .ok()
        .filter(printable)
        .filter(|_| values.next().is_none())
        .map(|key| Some(key.to_owned()))
        .ok_or(Error::BadRequest(
            "Idempotency-Key must be 1 to 255 printable ASCII characters",
        ))
}

/// A started request, whose work is to be done or was done before.
#[must_use]
pub enum Attempt<T> {
    /// The work is to be done in the transaction, which [`First::answer`] commits.
    First(First),
    /// The work was done before, and this is its response.
    Again(Once<T>),
}

/// The response of a request whose work is done once. It is new or replayed.
#[derive(Debug)]
pub struct Once<T>(Response, PhantomData<T>);

impl<T> Once<T> {
    fn new(response: impl IntoResponse) -> Self {
        Self(response.into_response(), PhantomData)
    }
}

impl<T> IntoResponse for Once<T> {
    fn into_response(self) -> Response {
        self.0
    }
}

impl<T: Output> Output for Once<T> {
    fn describe(operation: &mut Operation) {
        T::describe(operation);
    }
}

/// The transaction of a first request. Dropping it discards the work and releases the key.
#[derive(Debug)]
pub struct First {
    /// The transaction for the work.
    pub tx: Tx,
    user_id: String,
    key: Option<IdempotencyKey>,
}

impl Idempotency {
    /// Starts a transaction and locks the key in it.
    ///
    /// # Errors
    /// 409 while the first request is still running, 422 if the key was used with another body.
    pub async fn begin<T>(self, db: &Db, user: &CurrentUser) -> Result<Attempt<T>> {
        let mut tx = db.begin().await?;
        if let Some(key) = &self.0 {
            let claim = claim(&mut tx, user.id(), key).await?;
            if let Some(stored) = claim.stored {
                tx.rollback().await?;
                if stored.request_hash != key.request_hash {
                    return Err(Error::Unprocessable(
                        "Idempotency-Key was used with a different request",
                    ));
                }
                return Ok(Attempt::Again(Once::new(stored.replay()?)));
            }
            if !claim.is_mine {
                return Err(BUSY);
            }
        }
        Ok(Attempt::First(First {
            tx,
            user_id: user.id().to_owned(),
            key: self.0,
        }))
    }
}

impl First {
    /// Stores the response for 24 hours and commits it together with the work.
    pub async fn answer<T: Serialize>(
        mut self,
        Created(location, thing): Created<T>,
    ) -> Result<Once<Created<T>>> {
        let body = serde_json::to_string(&thing).map_err(anyhow::Error::from)?;
        let answer = StoredResponse {
            request_hash: Vec::new(),
            status: StatusCode::CREATED.as_u16().cast_signed(),
            body: Some(body),
            location: Some(location),
        };
        if let Some(key) = &self.key {
            let kept = insert_answer(&mut self.tx, &self.user_id, key, &answer)
                .await
                .on_constraint("idempotencyKey_userId_fkey", Error::Unauthorized)?;
            // The first request was committed after the lookup and before the lock was acquired.
            if !kept {
                return Err(BUSY);
            }
        }
        self.tx.commit().await?;
        Ok(Once::new(answer))
    }
}

/// A stored response.
struct StoredResponse {
    request_hash: Vec<u8>,
    status: i16,
    /// `None` if the created resource was deleted.
    body: Option<String>,
    location: Option<String>,
}

impl StoredResponse {
    /// Returns the stored response, or 409 if the created resource was deleted and the body with it.
    fn replay(self) -> Result<Response> {
        if self.body.is_none() {
            return Err(Error::Conflict("What the first request made was deleted"));
        }
        let mut response = self.into_response();
        response
            .headers_mut()
            .insert(REPLAYED, HeaderValue::from_static("true"));
        Ok(response)
    }
}

impl IntoResponse for StoredResponse {
    fn into_response(self) -> Response {
        let status = u16::try_from(self.status)
            .ok()
            .and_then(|status| StatusCode::from_u16(status).ok())
            .unwrap_or(StatusCode::OK);
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json; charset=utf-8"),
        );
        if let Some(location) = self
            .location
            .and_then(|location| HeaderValue::try_from(location).ok())
        {
            headers.insert(header::LOCATION, location);
        }
        (status, headers, self.body.unwrap_or_default()).into_response()
    }
}

struct Claim {
    is_mine: bool,
    stored: Option<StoredResponse>,
}

/// Locks the key until the end of the transaction, and looks up its stored response.
async fn claim(tx: &mut Tx, user_id: &str, key: &IdempotencyKey) -> sqlx::Result<Claim> {
    let row = sqlx::query!(
        r#"
        select
            -- A lock of its own name space, which no row has: nothing stays claimed when the transaction ends.
            pg_try_advisory_xact_lock(
                hashtextextended(concat_ws(e'\n', 'idempotencyKey', $1::text, $2::text, $3::text), 0)
            ) as "is_mine!",
            stored."requestHash" as "request_hash?",
            stored.status as "status?",
            stored.body as "body?",
            stored.location as "location?"
        from (values (1)) as one (row)
        left join "idempotencyKey" stored
            on stored."userId" = $1
            and stored.route = $2
            and stored.key = $3
            and stored."createdAt" > now() at time zone 'utc' - interval '24 hours'
        "#,
        user_id,
        key.route,
        key.value,
    )
    .fetch_one(tx)
    .await?;
    let stored = row
        .request_hash
        .zip(row.status)
        .map(|(request_hash, status)| StoredResponse {
            request_hash,
            status,
            body: row.body,
            location: row.location,
        });
    Ok(Claim {
        is_mine: row.is_mine,
        stored,
    })
}

/// Stores a response. Returns whether the key was still free.
async fn insert_answer(
    tx: &mut Tx,
    user_id: &str,
    key: &IdempotencyKey,
    answer: &StoredResponse,
) -> sqlx::Result<bool> {
    let result = sqlx::query!(
        r#"
        insert into "idempotencyKey" as stored
            ("userId", route, key, "requestHash", status, body, location, "createdAt")
        values ($1, $2, $3, $4, $5, $6, $7, now() at time zone 'utc')
        on conflict ("userId", route, key) do update set
            "requestHash" = excluded."requestHash",
            status = excluded.status,
            body = excluded.body,
            location = excluded.location,
            "createdAt" = excluded."createdAt"
        where stored."createdAt" <= now() at time zone 'utc' - interval '24 hours'
        "#,
        user_id,
        key.route,
        key.value,
        key.request_hash,
        answer.status,
        answer.body.as_deref(),
        answer.location,
    )
    .execute(tx)
    .await?;
    Ok(result.rows_affected() == 1)
}
