//! Facets: the most frequent tags and languages of public projects.

use axum::extract::State;
use serde::Serialize;
use shared::{
    AppState,
    http::{Check as _, Fields, FromFields, Json, Query, Result, Rule as _, integer, text},
};
use utoipa::ToSchema;

use crate::{
    filter::{Filter, Window},
    queries::{self, FacetRow},
};

/// The query of the facets.
pub struct ListFacets {
    filter: Filter,
    prefix: String,
    window: Window,
    limit: i64,
}

impl FromFields for ListFacets {
    fn from_fields(fields: &mut Fields) -> Self {
        let filter = Filter::from_fields(fields);
        let prefix = text().trimmed().max(30).or(String::new());
        let limit = integer(1, 100).or(20);
        Self {
            filter,
            prefix: fields.read(
                "prefix",
                prefix.about("What the names start with; case is ignored"),
            ),
            window: Window::from_fields(fields),
            limit: fields.read(
                "limit",
                limit.about("Maximum number of tags, and of languages; 20 by default"),
            ),
        }
    }
}

/// The most frequent tags and languages of public projects.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct ProjectFacets {
    tags: Vec<ProjectFacet>,
    languages: Vec<ProjectFacet>,
}

/// A tag or language, and the number of projects that have it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectFacet {
    name: String,
    /// Public projects that have it.
    #[schema(value_type = i32)]
    count: i64,
    /// Of those, created in the last `window`.
    #[schema(value_type = i32)]
    recent_count: i64,
    /// Of those, created in the `window` before the last.
    #[schema(value_type = i32)]
    previous_count: i64,
}

impl From<FacetRow> for ProjectFacet {
    fn from(row: FacetRow) -> Self {
        Self {
            name: row.name,
            count: row.count,
            recent_count: row.recent_count,
            previous_count: row.previous_count,
        }
    }
}

/// `GET /projects/facets`
pub async fn show(
    State(app): State<AppState>,
    Query(query): Query<ListFacets>,
) -> Result<Json<ProjectFacets>> {
    let ListFacets {
        filter,
        prefix,
        window,
        limit,
    } = query;
    // Facets are those of public projects, also for the caller's own projects.
    if filter.is_public == Some(false) {
        return Ok(Json(ProjectFacets::default()));
    }
    let facets = if filter.is_empty() {
        queries::list_facets(&app.db, &prefix, window, limit).await?
    } else {
        queries::list_matching_facets(&app.db, &filter, &prefix, window, limit).await?
    };
    let (tags, languages): (Vec<_>, Vec<_>) = facets.into_iter().partition(|row| row.is_tag);
    let facets = |rows: Vec<FacetRow>| rows.into_iter().map(ProjectFacet::from).collect();
    Ok(Json(ProjectFacets {
        tags: facets(tags),
        languages: facets(languages),
    }))
}
