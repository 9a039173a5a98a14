//! Reading, changing and deleting one's keys.

use std::cmp::Ordering;

use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    MAX_NAME, create::read_server_only, invalid_metadata, invalid_name, length, lifetime,
    no_session, server_only,
};
use crate::{
    answer::{self, Json},
    error::{Error, Result},
    fields::Fields,
    queries::{
        self,
        api_key::{ApiKey, Changes},
    },
    request::Call,
};

fn not_found() -> Error {
    Error::not_found("KEY_NOT_FOUND", "API Key not found")
}

/// `GET /api/auth/api-key/get`
pub async fn show(call: Call) -> Result {
    let id = call.query(|fields| {
        fields.text("configId");
        fields.required_text("id")
    })?;
    let current = call.signed_in().await?;
    let db = &call.auth.app.db;
    let key = queries::api_key::find(db, &current.user.id, &id)
        .await?
        .ok_or_else(not_found)?;
    call.auth.sweep.run_api_keys(db).await;
    Ok(Json(key).into_response())
}

/// A user's keys.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuthApiKeys)]
pub struct KeyList {
    api_keys: Vec<ApiKey>,
    /// Of all of them.
    total: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<usize>,
}

/// `GET /api/auth/api-key/list`
pub async fn list(call: Call) -> Result {
    let (config, limit, offset, sort_by, descending) = call.query(|fields| {
        (
            fields.text("configId"),
            count(fields, "limit"),
            count(fields, "offset"),
            fields.text("sortBy"),
            fields.one_of("sortDirection", &[("asc", false), ("desc", true)]),
        )
    })?;
    let current = call.signed_in().await?;
    let db = &call.auth.app.db;
    let mut keys = queries::api_key::list(db, &current.user.id).await?;
    call.auth.sweep.run_api_keys(db).await;
    if let Some(config) = config.filter(|config| !config.is_empty()) {
        keys.retain(|key| key.config_id == config);
    }
    if let Some(column) = sort_by {
        keys.sort_by(|a, b| {
            let order = compare(a, b, &column);
            if descending.unwrap_or_default() {
                order.reverse()
            } else {
                order
            }
        });
    }
    let total = keys.len();
    let part = keys
        .into_iter()
        .skip(offset.unwrap_or(0))
        .take(limit.unwrap_or(usize::MAX));
    Ok(Json(KeyList {
        api_keys: part.collect(),
        total,
        limit,
        offset,
    })
    .into_response())
}

/// A whole number of the query that is not negative.
fn count(fields: &mut Fields<'_>, name: &str) -> Option<usize> {
    let text = fields.text(name)?;
    let text = text.trim();
    // As JavaScript's `Number` has it.
    let number = if text.is_empty() {
        Some(0.0)
    } else {
        text.parse::<f64>().ok().filter(|number| number.is_finite())
    };
    let problem = match number {
        None => "Invalid input: expected number, received NaN",
        Some(number) if number.fract() != 0.0 => "Invalid input: expected int, received number",
        Some(number) if number < 0.0 => "Too small: expected number to be >=0",
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole and not negative; what is too large is cut to the largest"
        )]
        Some(number) => return Some(number as usize),
    };
    fields.refuse(name, problem);
    None
}

/// The order by a column, as PostgreSQL has it: null after everything. Unknown columns leave the order as it is.
fn compare(a: &ApiKey, b: &ApiKey, column: &str) -> Ordering {
    fn nullable<T: Ord>(a: Option<&T>, b: Option<&T>) -> Ordering {
        (a.is_none(), a).cmp(&(b.is_none(), b))
    }
    match column {
        "id" => a.id.cmp(&b.id),
        "name" => nullable(a.name.as_ref(), b.name.as_ref()),
        "start" => nullable(a.start.as_ref(), b.start.as_ref()),
        "prefix" => nullable(a.prefix.as_ref(), b.prefix.as_ref()),
        "enabled" => a.enabled.cmp(&b.enabled),
        "requestCount" => a.request_count.cmp(&b.request_count),
        "remaining" => nullable(a.remaining.as_ref(), b.remaining.as_ref()),
        "lastRequest" => nullable(a.last_request.as_ref(), b.last_request.as_ref()),
        "expiresAt" => nullable(a.expires_at.as_ref(), b.expires_at.as_ref()),
        "createdAt" => a.created_at.cmp(&b.created_at),
        "updatedAt" => a.updated_at.cmp(&b.updated_at),
        _ => Ordering::Equal,
    }
}

/// A body of `update`.
struct Update {
    key_id: String,
    /// Not judged yet whether they make sense.
    changes: Result<Changes>,
    user_id: Option<String>,
    sets_server_only: bool,
}

impl Update {
    fn read(fields: &mut Fields<'_>) -> Self {
        fields.text("configId");
        let key_id = fields.required_text("keyId");
        let user_id = fields
            .raw("userId")
            .map(|_| fields.coerced_text("userId"))
            .filter(|id| !id.is_empty());
        let name = fields.text("name");
        let enabled = fields.flag("enabled");
        fields.number("remaining");
        let metadata = fields.raw("metadata");
        let expires_in = lifetime::read(fields, "expiresIn");
        let sets_server_only = fields.raw("remaining").is_some() | read_server_only(fields);
        let changes = || {
            if name
                .as_deref()
                .is_some_and(|name| !(1..=MAX_NAME).contains(&length(name)))
            {
                return Err(invalid_name());
            }
            let expires_at = match expires_in {
                None => None,
                Some(None) => Some(None),
                Some(Some(seconds)) => Some(Some(lifetime::end(seconds)?)),
            };
            let metadata = match metadata {
                None => None,
                Some(value) if value.is_null() => Some(None),
                Some(value) if value.is_object() || value.is_array() => {
                    Some(Some(value.to_string()))
                }
                Some(_) => return Err(invalid_metadata()),
            };
            if name.is_none() && enabled.is_none() && expires_at.is_none() && metadata.is_none() {
                return Err(Error::bad_request(
                    "NO_VALUES_TO_UPDATE",
                    "No values to update.",
                ));
            }
            Ok(Changes {
                name,
                enabled,
                expires_at,
                metadata,
            })
        };
        Self {
            key_id,
            changes: changes(),
            user_id,
            sets_server_only,
        }
    }
}

/// `POST /api/auth/api-key/update`
pub async fn update(call: Call) -> Result {
    let update = call.body(Update::read)?;
    let user_id = call.session().await?.ok_or_else(no_session)?.user.id;
    if update.user_id.is_some_and(|id| id != user_id) {
        return Err(no_session());
    }
    if update.sets_server_only {
        return Err(server_only());
    }
    let db = &call.auth.app.db;
    // A key that is not there is told before values that make no sense.
    let key = match &update.changes {
        Ok(changes) => queries::api_key::update(db, &user_id, &update.key_id, changes).await?,
        Err(_) => queries::api_key::find(db, &user_id, &update.key_id).await?,
    }
    .ok_or_else(not_found)?;
    update.changes?;
    call.auth.sweep.run_api_keys(db).await;
    Ok(Json(key).into_response())
}

/// `POST /api/auth/api-key/delete`
pub async fn delete(call: Call) -> Result {
    let id = call.body(|fields| {
        fields.text("configId");
        fields.required_text("keyId")
    })?;
    let user = call.signed_in().await?.user;
    if user.banned == Some(true) {
        return Err(Error::unauthorized("USER_BANNED", "User is banned"));
    }
    let db = &call.auth.app.db;
    if !queries::api_key::delete(db, &user.id, &id).await? {
        return Err(not_found());
    }
    call.auth.sweep.run_api_keys(db).await;
    Ok(answer::succeeded())
}
