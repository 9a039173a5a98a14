//! The feed: public projects of the users whom the caller follows.

use axum::extract::State;
use resources::ProjectSummary;
use shared::{
    AppState,
    http::{
        Check as _, CurrentUser, Cursor, Fields, FromFields, Page, PageQuery, Query, Result,
        Rule as _, texts,
    },
};

use crate::queries::{self, FeedFilter};

/// The query of the feed.
pub struct ListFeed {
    filter: FeedFilter,
    page: PageQuery,
}

impl FromFields for ListFeed {
    fn from_fields(fields: &mut Fields) -> Self {
        let tags = texts().max_items(10).trimmed().in_form(bare_tag);
        let tags = tags
            .or(Vec::new())
            .about("Only projects with all of these tags");
        let languages = texts().max_items(10).trimmed().or(Vec::new());
        Self {
            filter: FeedFilter {
                tags: fields.read("tag", tags),
                languages: fields.read(
                    "language",
                    languages.about("Only projects in any of these languages; case is ignored"),
                ),
            },
            page: PageQuery::from_fields(fields),
        }
    }
}

/// Returns a tag without its leading `#`.
fn bare_tag(tag: &str) -> String {
    let tag = tag.trim();
    tag.strip_prefix('#').unwrap_or(tag).to_owned()
}

const NEWEST: &str = "newest";

/// `GET /feed`
pub async fn list(
    user: CurrentUser,
    State(app): State<AppState>,
    Query(ListFeed { filter, page }): Query<ListFeed>,
) -> Result<Page<ProjectSummary>> {
    let after = page.after(NEWEST)?;
    let projects = queries::list_feed(&app.db, user.id(), &filter, after, page.fetch()).await?;
    Ok(page.page(projects, |project| {
        Cursor::new(NEWEST, (project.created_at.0, &project.id))
    }))
}
