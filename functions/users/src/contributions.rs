//! How much a user did on each day.

use axum::extract::State;
use chrono::{Days, NaiveDate, Utc};
use serde::Serialize;
use shared::{
    AppState,
    http::{Error, Fields, FromFields, Json, Path, Query, Result},
};
use utoipa::ToSchema;

use crate::queries;

/// Most days between the first and the last one.
const MAX_DAYS: i64 = 371;

/// The days asked for.
pub struct Range {
    from: NaiveDate,
    to: NaiveDate,
}

impl FromFields for Range {
    fn from_fields(fields: &mut Fields) -> Self {
        let (from, to) = (day(fields, "from"), day(fields, "to"));
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

fn day(fields: &mut Fields, name: &'static str) -> Option<NaiveDate> {
    let text = fields.text(name).optional()?;
    // chrono also reads `2025-1-5` and years of five digits.
    let day = (text.len() == 10 && text.starts_with(|c: char| c.is_ascii_digit()))
        .then(|| NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok())
        .flatten();
    if day.is_none() {
        fields.refuse(format!("{name} must be a valid ISO 8601 date string"));
    }
    day
}

/// Public projects created and comments made on public projects, by day in UTC.
#[derive(Debug, Serialize, ToSchema)]
pub struct Contributions {
    from: NaiveDate,
    to: NaiveDate,
    total: i64,
    /// Days with at least one, oldest first.
    days: Vec<ContributionDay>,
}

/// One day's number.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContributionDay {
    pub date: NaiveDate,
    pub count: i64,
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
        total: days.iter().map(|day| day.count).sum(),
        days,
    }))
}
