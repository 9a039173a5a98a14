//! The feed: what the people whom the caller follows have published.

use axum::extract::State;
use serde::Serialize;
use shared::{
    AppState,
    http::{CurrentUser, Cursor, Fields, FromFields, Page, PageQuery, Query, Result},
    time::Timestamp,
};
use utoipa::ToSchema;

use crate::{
    people::Author,
    queries::{self, Filter},
};

/// A project in a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectSummary {
    pub id: String,
    pub title: String,
    pub description: Option<String>,
    pub tags: Vec<String>,
    pub language: Option<String>,
    pub is_public: bool,
    pub view_count: i32,
    pub like_count: i32,
    pub comment_count: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub author_id: String,
    pub author: Author,
    pub is_liked: bool,
}

/// The query of the feed.
pub struct ListFeed {
    filter: Filter,
    page: PageQuery,
}

impl FromFields for ListFeed {
    fn from_fields(fields: &mut Fields) -> Self {
        let tags = fields.list("tag").max_items(10).trimmed().optional();
        let languages = fields.list("language").max_items(10).trimmed().optional();
        Self {
            filter: Filter {
                tags: tags
                    .unwrap_or_default()
                    .iter()
                    .map(|tag| stored(tag))
                    .collect(),
                languages: languages.unwrap_or_default(),
            },
            page: PageQuery::from_fields(fields),
        }
    }
}

/// A tag as projects keep it.
fn stored(tag: &str) -> String {
    tag.strip_prefix('#').unwrap_or(tag).to_lowercase()
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
