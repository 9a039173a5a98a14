//! All SQL of this function.

mod comments;
mod feed;
mod follows;
mod likes;
mod notifications;
mod people;

pub use comments::{delete_comment, find_comment, insert_comment, list_comments, update_comment};
pub use feed::{Filter, list_feed};
pub use follows::{delete_follow, insert_follow, list_followers, list_following};
pub use likes::{delete_like, insert_like, list_likers};
pub use notifications::{Bounds, Kinds, count_unread, list_notifications, move_mark};

/// Where a page starts: time and id of the row before it.
pub type After = (chrono::NaiveDateTime, String);
