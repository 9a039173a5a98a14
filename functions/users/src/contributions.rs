//! Contributions of a user by day.

use axum::extract::State;
use chrono::{Days, NaiveDate, Utc};
use serde::Serialize;
use shared::{
    AppState,
    http::{Check as _, Error, Fields, FromFields, Json, Path, Query, Result, Rule as _, date},
};
use utoipa::ToSchema;

use crate::queries;

/// Maximum number of days between the first and the last one.
const MAX_DAYS: i64 = 371;

/// The requested days.
pub struct Range {
    from: NaiveDate,
    to: NaiveDate,
}

impl FromFields for Range {
    fn from_fields(fields: &mut Fields) -> Self {
        let from = date().optional();
        let from = from.about("First day, in UTC; 371 days before `to` by default");
        let to = date().optional();
        let to = to.about("Last day, in UTC; today by default");
        let (from, to) = (fields.read("from", from), fields.read("to", to));
        let to = to.unwrap_or_else(|| Utc::now().date_naive());
        let from = from.unwrap_or_else(|| {
            // ISO 8601 has no years before 0000.
            let first = NaiveDate::from_ymd_opt(0, 1, 1).unwrap_or(to);
            (to - Days::new(MAX_DAYS.unsigned_abs())).max(first)
        });
        if from > to {
            fields.refuse("from must not be later than to");
        }
        if (to - from).num_days() > MAX_DAYS {
            fields.refuse(format!(
                "to must not be more than {MAX_DAYS} days after from"
            ));
        }
        Self { from, to }
    }
}

/// Public projects created and comments made on public projects, by day in UTC.
#[derive(Debug, Serialize, ToSchema)]
pub struct Contributions {
    from: NaiveDate,
    to: NaiveDate,
    /// Sum of the days' counts.
    #[schema(value_type = i32)]
    total: i64,
    /// Days with contributions, oldest first.
    days: Vec<ContributionDay>,
}

/// One day's contributions.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContributionDay {
    date: NaiveDate,
    #[schema(value_type = i32)]
    count: i64,
}

/// `GET /users/{userId}/contributions`
pub async fn show(
    State(app): State<AppState>,
    Path(id): Path,
    Query(range): Query<Range>,
) -> Result<Json<Contributions>> {
    let days = queries::find_contributions(&app.db, &id, range.from, range.to)
        .await?
        .ok_or(Error::NotFound("User"))?;
    Ok(Json(Contributions {
        from: range.from,
        to: range.to,
        total: days.iter().map(|(_, count)| count).sum(),
        days: days
            .into_iter()
            .map(|(date, count)| ContributionDay { date, count })
            .collect(),
    }))
}
