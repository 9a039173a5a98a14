//! Lists of people: who likes a project, who follows a user, and whom a user follows.

use resources::PublicUser;
use shared::http::{Cursor, Page, PageQuery};

/// The only sort of lists of people: newest like or follow first.
pub const NEWEST: &str = "newest";

/// Returns one page of people, with the like or follow of the last one as the cursor.
pub fn page(query: &PageQuery, people: Vec<PublicUser>) -> Page<PublicUser> {
    query.page(people, |user| {
        Cursor::new(NEWEST, (user.listed_at, &user.listed_id))
    })
}
