//! The list of all users, searched, filtered and sorted.

use axum::response::IntoResponse;
use serde::Serialize;
use serde_json::Value;
use shared::time::Timestamp;
use utoipa::ToSchema;

use super::{audit::audit, changes, rights};
use crate::{
    answer::Json,
    error::Result,
    fields::{Fields, text},
    queries::{
        self,
        admin::{ColumnType, FilterOperator, FilterValue, UserColumn, UserFilter, UserPage},
        user::User,
    },
    request::Call,
};

const DEFAULT_LIMIT: i64 = 100;
/// Maximum number of users in one response, so that it passes every gateway.
const MAX_LIMIT: i64 = 1000;

/// A page of the users.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = AuthUsers)]
pub struct UserList {
    users: Vec<User>,
    /// Number of all users that match.
    #[schema(value_type = i32)]
    total: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i32>)]
    limit: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i32>)]
    offset: Option<i64>,
}

/// The query of the list, as it was sent.
struct UserListQuery {
    search_value: Option<String>,
    search_field: Option<&'static str>,
    search_operator: Option<FilterOperator>,
    limit: Option<String>,
    offset: Option<String>,
    sort_by: Option<String>,
    descending: Option<bool>,
    filter_field: Option<String>,
    filter_value: Option<Value>,
    filter_operator: Option<FilterOperator>,
}

impl UserListQuery {
    fn read(fields: &mut Fields<'_>) -> Self {
        const SEARCH: [(&str, FilterOperator); 3] = [
            ("contains", FilterOperator::Contains),
            ("starts_with", FilterOperator::StartsWith),
            ("ends_with", FilterOperator::EndsWith),
        ];
        const FILTER: [(&str, FilterOperator); 11] = [
            ("eq", FilterOperator::Eq),
            ("ne", FilterOperator::Ne),
            ("lt", FilterOperator::Lt),
            ("lte", FilterOperator::Lte),
            ("gt", FilterOperator::Gt),
            ("gte", FilterOperator::Gte),
            ("in", FilterOperator::In),
            ("not_in", FilterOperator::NotIn),
            ("contains", FilterOperator::Contains),
            ("starts_with", FilterOperator::StartsWith),
            ("ends_with", FilterOperator::EndsWith),
        ];
        Self {
            search_value: fields.optional("searchValue", text()),
            search_field: fields.one_of("searchField", &[("email", "email"), ("name", "name")]),
            search_operator: fields.one_of("searchOperator", &SEARCH),
            limit: fields.optional("limit", text()),
            offset: fields.optional("offset", text()),
            sort_by: fields.optional("sortBy", text()),
            descending: fields.one_of("sortDirection", &[("asc", false), ("desc", true)]),
            filter_field: fields.optional("filterField", text()),
            filter_value: filter_value(fields),
            filter_operator: fields.one_of("filterOperator", &FILTER),
        }
    }

    /// Returns `None` if no user can match, for example because of an unknown column.
    fn conditions(&self) -> Option<Vec<UserFilter>> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let mut conditions = Vec::new();
        if let Some(value) = given(&self.search_value) {
            conditions.push(condition(
                self.search_field.unwrap_or("email"),
                self.search_operator.unwrap_or(FilterOperator::Contains),
                &value.into(),
            )?);
        }
        if let Some(value) = &self.filter_value {
            conditions.push(condition(
                given(&self.filter_field).as_deref().unwrap_or("email"),
                self.filter_operator.unwrap_or(FilterOperator::Eq),
                value,
            )?);
        }
        Some(conditions)
    }

    /// Returns `None` if no user can match, for example because of an unknown column.
    fn part(&self, limit: Option<i64>, offset: Option<i64>) -> Option<UserPage> {
        let sort_by = self.sort_by.as_deref().filter(|name| !name.is_empty());
        Some(UserPage {
            sort_by: match sort_by {
                None => None,
                Some(name) => Some(UserColumn::find(name)?),
            },
            descending: sort_by.is_some() && self.descending.unwrap_or_default(),
            limit: limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT),
            offset: offset.unwrap_or_default(),
        })
    }
}

/// Reads a text, or the list of texts of a repeated name.
fn filter_value(fields: &mut Fields<'_>) -> Option<Value> {
    let value = fields.raw("filterValue")?;
    let has_nul = match value {
        Value::Array(items) => items
            .iter()
            .filter_map(Value::as_str)
            .any(|i| i.contains('\0')),
        other => other.as_str().is_some_and(|text| text.contains('\0')),
    };
    if has_nul {
        fields.reject("filterValue", "Invalid input");
    }
    Some(value.clone())
}

/// Returns a comparison if the column's type allows it.
fn condition(column: &str, operator: FilterOperator, value: &Value) -> Option<UserFilter> {
    let column = UserColumn::find(column)?;
    let is_list = matches!(operator, FilterOperator::In | FilterOperator::NotIn);
    let is_part = matches!(
        operator,
        FilterOperator::Contains | FilterOperator::StartsWith | FilterOperator::EndsWith
    );
    let is_equality = matches!(operator, FilterOperator::Eq | FilterOperator::Ne);
    let operand = match (column.kind, value) {
        (ColumnType::Text, Value::String(text)) if !is_list => FilterValue::Text(text.clone()),
        (ColumnType::Text, Value::Array(items)) if is_list => FilterValue::Texts(
            items
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        ),
        (ColumnType::Flag, Value::String(text)) if is_equality => FilterValue::Flag(text == "true"),
        (ColumnType::Time, Value::String(text)) if !is_list && !is_part => {
            FilterValue::Time(time(text)?)
        }
        (ColumnType::Time, Value::Array(items)) if is_list => {
            let times: Option<_> = items.iter().map(|item| time(item.as_str()?)).collect();
            FilterValue::Times(times?)
        }
        _ => return None,
    };
    Some(UserFilter {
        column,
        operator,
        operand,
    })
}

fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok().filter(|time| changes::is_storable(*time))
}

/// Parses a number as JavaScript's `Number` does. Zero and texts that are no number count as absent. Returns an error for a
/// number that cannot count rows.
fn rows(text: Option<&str>) -> std::result::Result<Option<i64>, ()> {
    let number = text.and_then(|text| text.trim().parse::<f64>().ok());
    match number.filter(|number| !number.is_nan() && *number != 0.0) {
        None => Ok(None),
        Some(number) if number < 0.0 || number.fract() != 0.0 => Err(()),
        Some(number) if number > f64::from(i32::MAX) => Err(()),
        #[expect(clippy::cast_possible_truncation, reason = "whole, and an i32")]
        Some(number) => Ok(Some(number as i64)),
    }
}

/// `GET /api/auth/admin/list-users`
pub async fn list(call: Call) -> Result {
    let ask = call.query(UserListQuery::read)?;
    let admin = call.staff(&rights::LIST_USERS).await?;
    audit(&admin.user.id, "user.list", None);
    let (Ok(limit), Ok(offset)) = (rows(ask.limit.as_deref()), rows(ask.offset.as_deref())) else {
        return Ok(Json(UserList::default()).into_response());
    };
    let (Some(conditions), Some(part)) = (ask.conditions(), ask.part(limit, offset)) else {
        return Ok(Json(UserList::default()).into_response());
    };
    let db = &call.auth.app.db;
    Ok(Json(UserList {
        users: queries::admin::list_users(db, &conditions, &part).await?,
        total: queries::admin::count_users(db, &conditions).await?,
        limit,
        offset,
    })
    .into_response())
}
