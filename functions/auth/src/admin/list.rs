//! The list of all users, searched, filtered and sorted.

use axum::response::IntoResponse;
use serde::Serialize;
use serde_json::Value;
use shared::time::Timestamp;
use utoipa::ToSchema;

use super::{audit, changes, rights};
use crate::{
    answer::Json,
    error::Result,
    fields::Fields,
    queries::{
        self,
        admin::{Column, Condition, Kind, Operand, Operator, Part},
        user::User,
    },
    request::Call,
};

const DEFAULT_LIMIT: i64 = 100;
/// What one answer holds at most, so that it passes every gateway.
const MAX_LIMIT: i64 = 1000;

/// Some of the users.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = AuthUsers)]
pub struct UserList {
    users: Vec<User>,
    /// Of all that match.
    total: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<i64>,
}

/// What is asked for, as it was sent.
struct Ask {
    search_value: Option<String>,
    search_field: Option<&'static str>,
    search_operator: Option<Operator>,
    limit: Option<String>,
    offset: Option<String>,
    sort_by: Option<String>,
    descending: Option<bool>,
    filter_field: Option<String>,
    filter_value: Option<Value>,
    filter_operator: Option<Operator>,
}

impl Ask {
    fn read(fields: &mut Fields<'_>) -> Self {
        const SEARCH: [(&str, Operator); 3] = [
            ("contains", Operator::Contains),
            ("starts_with", Operator::StartsWith),
            ("ends_with", Operator::EndsWith),
        ];
        const FILTER: [(&str, Operator); 11] = [
            ("eq", Operator::Eq),
            ("ne", Operator::Ne),
            ("lt", Operator::Lt),
            ("lte", Operator::Lte),
            ("gt", Operator::Gt),
            ("gte", Operator::Gte),
            ("in", Operator::In),
            ("not_in", Operator::NotIn),
            ("contains", Operator::Contains),
            ("starts_with", Operator::StartsWith),
            ("ends_with", Operator::EndsWith),
        ];
        Self {
            search_value: fields.text("searchValue"),
            search_field: fields.one_of("searchField", &[("email", "email"), ("name", "name")]),
            search_operator: fields.one_of("searchOperator", &SEARCH),
            limit: fields.text("limit"),
            offset: fields.text("offset"),
            sort_by: fields.text("sortBy"),
            descending: fields.one_of("sortDirection", &[("asc", false), ("desc", true)]),
            filter_field: fields.text("filterField"),
            filter_value: filter_value(fields),
            filter_operator: fields.one_of("filterOperator", &FILTER),
        }
    }

    /// `None` where it makes no sense to the database.
    fn conditions(&self) -> Option<Vec<Condition>> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let mut conditions = Vec::new();
        if let Some(value) = given(&self.search_value) {
            conditions.push(condition(
                self.search_field.unwrap_or("email"),
                self.search_operator.unwrap_or(Operator::Contains),
                &value.into(),
            )?);
        }
        if let Some(value) = &self.filter_value {
            conditions.push(condition(
                given(&self.filter_field).as_deref().unwrap_or("email"),
                self.filter_operator.unwrap_or(Operator::Eq),
                value,
            )?);
        }
        Some(conditions)
    }

    /// `None` where it makes no sense to the database.
    fn part(&self, limit: Option<i64>, offset: Option<i64>) -> Option<Part> {
        let sort_by = self.sort_by.as_deref().filter(|name| !name.is_empty());
        Some(Part {
            sort_by: match sort_by {
                None => None,
                Some(name) => Some(Column::find(name)?),
            },
            descending: sort_by.is_some() && self.descending.unwrap_or_default(),
            limit: limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT),
            offset: offset.unwrap_or_default(),
        })
    }
}

/// A text, or the list of them that a repeated name gives.
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
        fields.refuse("filterValue", "Invalid input");
    }
    Some(value.clone())
}

/// A comparison that the column's type allows.
fn condition(column: &str, operator: Operator, value: &Value) -> Option<Condition> {
    let column = Column::find(column)?;
    let is_list = matches!(operator, Operator::In | Operator::NotIn);
    let is_part = matches!(
        operator,
        Operator::Contains | Operator::StartsWith | Operator::EndsWith
    );
    let is_equality = matches!(operator, Operator::Eq | Operator::Ne);
    let operand = match (column.kind, value) {
        (Kind::Text, Value::String(text)) if !is_list => Operand::Text(text.clone()),
        (Kind::Text, Value::Array(items)) if is_list => Operand::Texts(
            items
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        ),
        (Kind::Flag, Value::String(text)) if is_equality => Operand::Flag(text == "true"),
        (Kind::Time, Value::String(text)) if !is_list && !is_part => Operand::Time(time(text)?),
        (Kind::Time, Value::Array(items)) if is_list => {
            let times: Option<_> = items.iter().map(|item| time(item.as_str()?)).collect();
            Operand::Times(times?)
        }
        _ => return None,
    };
    Some(Condition {
        column,
        operator,
        operand,
    })
}

fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok().filter(|time| changes::is_storable(*time))
}

/// A number as JavaScript's `Number` reads it; what is none counts as absent, as zero does. `Err` where it is no number
/// of rows.
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
    let ask = call.query(Ask::read)?;
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
