//! Notifications of others' likes, comments and follows that concern the caller. They are derived from these rows, so
//! undoing an action removes its notification.

use axum::extract::State;
use chrono::Duration;
use serde::Serialize;
use shared::{
    AppState, fields,
    http::{
        Check as _, CurrentUser, Cursor, Error, Fields, FromFields, Json, NoContent, Page,
        PageQuery, Query, Result, ResultExt, Rule as _, boolean, date_time, one_of,
    },
    time::Timestamp,
};
use utoipa::ToSchema;

use crate::{
    notification::{Kind, Notification},
    queries::{self, NotificationBounds, NotificationKinds, Position},
};

/// The query of the list.
pub struct ListNotifications {
    kind: Option<Kind>,
    unread: bool,
    page: PageQuery,
}

impl FromFields for ListNotifications {
    fn from_fields(fields: &mut Fields) -> Self {
        let kind = one_of(&Kind::ALL).optional();
        let unread = boolean().or(false);
        Self {
            kind: fields.read("type", kind.about("Only notifications of that type")),
            unread: fields.read(
                "unread",
                unread.about("`true` omits notifications that are read"),
            ),
            page: PageQuery::from_fields(fields),
        }
    }
}

const NEWEST: &str = "newest";

/// `GET /notifications`
pub async fn list(
    user: CurrentUser,
    State(app): State<AppState>,
    Query(ListNotifications { kind, unread, page }): Query<ListNotifications>,
) -> Result<Page<Notification>> {
    let after = page.after(NEWEST)?.map(bounds).transpose()?;
    let kinds = NotificationKinds::only(kind);
    let rows =
        queries::list_notifications(&app.db, user.id(), kinds, unread, after, page.fetch()).await?;
    Ok(page.page(rows, |notification| {
        Cursor::new(NEWEST, (notification.created_at.0, &notification.id))
    }))
}

/// Returns the key that rows of each kind must precede. The list is ordered by time, kind and id, and each kind is read
/// by time and id. At the instant of the cursor, the previous pages contain all rows of later kinds and none of earlier
/// kinds.
fn bounds((at, id): Position) -> Result<NotificationBounds> {
    let (cursor_kind, cursor_id) = id
        .split_once(':')
        .and_then(|(kind, id)| Some((Kind::of(kind)?, id)))
        .ok_or_else(|| Error::Validation(vec!["cursor must be a valid cursor".to_owned()]))?;
    let bound = |kind: Kind| match kind.cmp(&cursor_kind) {
        std::cmp::Ordering::Greater => (at, String::new()),
        std::cmp::Ordering::Equal => (at, cursor_id.to_owned()),
        // The next instant that PostgreSQL can represent.
        std::cmp::Ordering::Less => (at + Duration::microseconds(1), String::new()),
    };
    Ok(NotificationBounds {
        like: bound(Kind::Like),
        comment: bound(Kind::Comment),
        follow: bound(Kind::Follow),
    })
}

/// The number of unread notifications.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnreadCount {
    /// At most 100.
    #[schema(value_type = i32, minimum = 0, maximum = 100)]
    pub unread: i64,
}

/// `GET /notifications/count`
pub async fn count(user: CurrentUser, State(app): State<AppState>) -> Result<Json<UnreadCount>> {
    let unread = queries::count_unread(&app.db, user.id()).await?;
    Ok(Json(UnreadCount { unread }))
}

fields! {
    /// The time up to which notifications are read.
    pub struct ReadNotifications {
        /// Now by default. A later time counts as now.
        before: Option<Timestamp> = "before", date_time().optional();
    }
}

/// `PUT /notifications/read`
pub async fn mark_read(
    user: CurrentUser,
    State(app): State<AppState>,
    Json(ReadNotifications { before }): Json<ReadNotifications>,
) -> Result<NoContent> {
    queries::move_mark(&app.db, user.id(), before)
        .await
        // The account was deleted after the guard had accepted the request.
        .on_constraint("notificationMark_userId_fkey", Error::Unauthorized)?;
    Ok(NoContent)
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDateTime;

    use super::*;

    fn at(text: &str) -> NaiveDateTime {
        text.parse::<Timestamp>().unwrap().0
    }

    #[test]
    fn each_kind_continues_after_the_cursor_within_one_instant() {
        let now = at("2025-01-15T10:30:00Z");

        let bounds = bounds((now, "follow:f1".to_owned())).unwrap();

        assert_eq!(bounds.like, (now, String::new()));
        assert_eq!(bounds.follow, (now, "f1".to_owned()));
        let next = now + Duration::microseconds(1);
        assert_eq!(bounds.comment, (next, String::new()));
    }

    #[test]
    fn a_cursor_without_a_kind_is_rejected() {
        for id in ["", "like", "Like:1", "share:1", ":"] {
            assert!(bounds((at("2025-01-15"), id.to_owned())).is_err(), "{id}");
        }
    }
}
