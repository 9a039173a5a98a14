//! Positions in lists of projects.

use chrono::NaiveDateTime;

/// The position of a project in a list: a page starts after it. Orders by time alone have the rank 0.
#[derive(Clone, Debug)]
pub struct Position {
    /// End of the window of `trending`, the same for all pages.
    pub as_of: Option<NaiveDateTime>,
    pub rank: i32,
    pub at: NaiveDateTime,
    pub id: String,
}
