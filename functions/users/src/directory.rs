//! The directory of users: the list with its search and suggestions, facets, and single users.

use axum::extract::State;
use chrono::NaiveDateTime;
use resources::PublicUser;
use serde::Serialize;
use shared::{
    AppState,
    http::{
        Check as _, CurrentUser, Cursor, Error, Fields, FromFields, Json, Page, PageQuery, Path,
        Query, Result, Rule as _, Viewer, integer, one_of, text, texts,
    },
    search,
};
use utoipa::ToSchema;

use crate::queries::{self, FacetRow, UserFilter};

/// Orders of the list.
#[derive(Clone, Copy)]
enum Sort {
    Newest,
    Followers,
    Suggested,
}

/// The query of the list.
pub struct ListUsers {
    filter: UserFilter,
    sort: Sort,
    page: PageQuery,
}

impl FromFields for ListUsers {
    fn from_fields(fields: &mut Fields) -> Self {
        let q = text().not_empty().max(100).optional();
        let q = fields.read(
            "q",
            q.about(
                "Search terms, up to 8. Each occurs in the name, the GitHub user name or a skill",
            ),
        );
        let terms = search::terms(&q.unwrap_or_default());
        if terms.len() > search::MAX_TERMS {
            fields.refuse(format!(
                "q must contain no more than {} terms",
                search::MAX_TERMS
            ));
        }
        let skills = texts().max_items(10).trimmed().not_empty().optional();
        let skills = fields.read(
            "skill",
            skills.about("Only people with all of these skills; case is ignored"),
        );
        let location = text().trimmed().max(100).optional();
        let location = fields.read(
            "location",
            location.about("A part of the location; case is ignored"),
        );
        let sort = one_of(&[
            ("newest", Sort::Newest),
            ("followers", Sort::Followers),
            ("suggested", Sort::Suggested),
        ]);
        let sort = sort.or(Sort::Newest).about(
            "Order; `newest` by default. `suggested` has one page, and its items have `mutualCount` and `sharedSkillsCount`",
        );
        let sort = fields.read("sort", sort);
        let word_starts = terms.iter().filter(|term| term.starts_word);
        let word_starts = word_starts.map(|term| term.text.clone()).collect();
        let unindexed = terms.iter().filter(|term| !term.is_indexed());
        let unindexed = unindexed.map(|term| term.text.clone()).collect();
        let mut terms: Vec<String> = terms.into_iter().map(|term| term.pattern).collect();
        terms.sort_by_key(String::len);
        Self {
            filter: UserFilter {
                term: terms.pop(),
                more_terms: terms,
                word_starts,
                unindexed,
                skills: skills.unwrap_or_default(),
                location: location
                    .filter(|location| !location.is_empty())
                    .map(|location| search::anywhere(&location)),
            },
            sort,
            page: PageQuery::from_fields(fields),
        }
    }
}

/// `GET /users`
pub async fn list(
    user: CurrentUser,
    State(app): State<AppState>,
    Query(ListUsers { filter, sort, page }): Query<ListUsers>,
) -> Result<Page<PublicUser>> {
    let (db, viewer) = (&app.db, user.id());
    match sort {
        Sort::Newest => {
            let after = page.after::<(NaiveDateTime, String)>("newest")?;
            let users =
                queries::list_newest_users(db, viewer, &filter, after.as_ref(), page.fetch())
                    .await?;
            Ok(page.page(users, |user| {
                Cursor::new("newest", (user.created_at.0, &user.id))
            }))
        }
        Sort::Followers => {
            let after = page.after::<(i32, String)>("followers")?;
            let users = queries::list_most_followed_users(
                db,
                viewer,
                &filter,
                after.as_ref(),
                page.fetch(),
            )
            .await?;
            Ok(page.page(users, |user| {
                Cursor::new("followers", (user.followers_count, &user.id))
            }))
        }
        Sort::Suggested => {
            // The list has one page only, so every cursor belongs to another sort.
            page.after::<()>("suggested")?;
            let users = queries::list_suggested_users(db, viewer, &filter, page.limit()).await?;
            Ok(Page::single(users))
        }
    }
}

/// The query of the facets.
pub struct ListFacets {
    prefix: Option<String>,
    limit: i64,
}

impl FromFields for ListFacets {
    fn from_fields(fields: &mut Fields) -> Self {
        let prefix = text().max(50).optional();
        let prefix = fields.read(
            "prefix",
            prefix.about("What the names start with; case is ignored"),
        );
        let limit = integer(1, 100).or(20);
        let limit = limit.about("Maximum number of skills, and of locations; 20 by default");
        Self {
            prefix: prefix
                .filter(|prefix| !prefix.is_empty())
                .map(|prefix| search::beginning(&prefix)),
            limit: fields.read("limit", limit),
        }
    }
}

/// The most frequent skills and locations of active users.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserFacets {
    skills: Vec<UserFacet>,
    locations: Vec<UserFacet>,
}

/// A value in its most frequent spelling, and the number of users who have it in any spelling.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserFacet {
    name: String,
    #[schema(value_type = i32)]
    count: i64,
}

impl From<FacetRow> for UserFacet {
    fn from(row: FacetRow) -> Self {
        Self {
            name: row.name,
            count: row.count,
        }
    }
}

/// `GET /users/facets`
pub async fn facets(
    State(app): State<AppState>,
    Query(query): Query<ListFacets>,
) -> Result<Json<UserFacets>> {
    let rows = queries::list_facets(&app.db, query.prefix.as_deref(), query.limit).await?;
    let (skills, locations): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.is_skill);
    let facets = |rows: Vec<FacetRow>| rows.into_iter().map(UserFacet::from).collect();
    Ok(Json(UserFacets {
        skills: facets(skills),
        locations: facets(locations),
    }))
}

/// `GET /users/{userId}`
pub async fn show(
    viewer: Viewer,
    State(app): State<AppState>,
    Path(id): Path,
) -> Result<Json<PublicUser>> {
    let user = queries::find_user(&app.db, viewer.id(), &id).await?;
    user.map(Json).ok_or(Error::NotFound("User"))
}

/// `GET /users/by-github/{githubUsername}`
pub async fn show_by_github(
    viewer: Viewer,
    State(app): State<AppState>,
    Path(name): Path,
) -> Result<Json<PublicUser>> {
    let user = queries::find_user_by_github(&app.db, viewer.id(), &name).await?;
    user.map(Json).ok_or(Error::NotFound("User"))
}
