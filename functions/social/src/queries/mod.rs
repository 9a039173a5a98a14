//! SQL of the social function.

mod comments;
mod feed;
mod follows;
mod likes;
mod notifications;
mod unread;

use resources::PublicUser;

pub use comments::{delete_comment, find_comment, insert_comment, list_comments, update_comment};
pub use feed::{FeedFilter, list_feed};
pub use follows::{delete_follow, insert_follow, list_followers, list_following};
pub use likes::{delete_like, insert_like, list_likers};
pub use notifications::{NotificationBounds, NotificationKinds, list_notifications};
pub use unread::{count_unread, move_mark};

/// The position of a page in its list: time and id of the last row of the page before.
pub type Position = (chrono::NaiveDateTime, String);

/// Returns the entries of a list whose subject is a user or a project, or `None` if the subject was not found.
///
/// The statement returns no row without the subject. An empty list has one row, which is not an entry: it contains the
/// subject itself, or its author.
fn entries_of_subject(rows: Vec<PublicUser>) -> Option<Vec<PublicUser>> {
    (!rows.is_empty()).then(|| {
        rows.into_iter()
            .filter(|user| user.listed_id.is_some())
            .collect()
    })
}
