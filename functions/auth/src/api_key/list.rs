//! Reading one's keys.

use std::cmp::Ordering;

use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::errors::key_not_found;
use crate::{
    answer::Json,
    error::Result,
    fields::{Fields, text},
    queries::{self, api_key::ApiKey},
    request::Call,
};

/// `GET /api/auth/api-key/get`
pub async fn show(call: Call) -> Result {
    let id = call.query(|fields| {
        fields.undocumented("configId", text());
        fields.required("id", text())
    })?;
    let current = call.signed_in().await?;
    let db = &call.auth.app.db;
    let key = queries::api_key::find(db, &current.user.id, &id)
        .await?
        .ok_or_else(key_not_found)?;
    Ok(Json(key).into_response())
}

/// The keys of a user.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuthApiKeys)]
pub struct KeyList {
    api_keys: Vec<ApiKey>,
    /// Number of all keys.
    #[schema(value_type = i32)]
    total: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i32>)]
    limit: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i32>)]
    offset: Option<usize>,
}

/// `GET /api/auth/api-key/list`
pub async fn list(call: Call) -> Result {
    let (config, limit, offset, sort_by, descending) = call.query(|fields| {
        (
            fields.optional("configId", text()),
            count(fields, "limit"),
            count(fields, "offset"),
            fields.optional("sortBy", text()),
            fields.one_of("sortDirection", &[("asc", false), ("desc", true)]),
        )
    })?;
    let current = call.signed_in().await?;
    let db = &call.auth.app.db;
    let mut keys = queries::api_key::list(db, &current.user.id).await?;
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

/// Reads a whole number of the query that is not negative.
fn count(fields: &mut Fields<'_>, name: &str) -> Option<usize> {
    let text = fields.undocumented(name, text())?;
    let text = text.trim();
    // The value is converted like JavaScript's `Number` does.
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
    fields.reject(name, problem);
    None
}

/// Compares by a column, as PostgreSQL does: null comes last. An unknown column does not change the order.
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
