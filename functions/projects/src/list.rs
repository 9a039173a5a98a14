//! Lists of projects: search, filters and sorts.

use axum::extract::State;
use chrono::NaiveDateTime;
use resources::ProjectSummary;
use shared::{
    AppState,
    http::{
        Check as _, Cursor, Fields, FromFields, Page, PageQuery, Query, Result, Rule as _, Viewer,
        one_of,
    },
};

use crate::{
    filter::{Filter, Window},
    queries::{self, Order, Position, RankedProject},
};

/// Orders of the list.
#[derive(Clone, Copy)]
enum Sort {
    Newest,
    Updated,
    Likes,
    Comments,
    Views,
    Trending,
    Relevance,
}

/// The query of the list.
pub struct ListProjects {
    filter: Filter,
    order: Order,
    page: PageQuery,
}

impl FromFields for ListProjects {
    fn from_fields(fields: &mut Fields) -> Self {
        let filter = Filter::from_fields(fields);
        let sort = one_of(&[
            ("newest", Sort::Newest),
            ("updated", Sort::Updated),
            ("likes", Sort::Likes),
            ("comments", Sort::Comments),
            ("views", Sort::Views),
            ("trending", Sort::Trending),
            ("relevance", Sort::Relevance),
        ]);
        let sort = sort.optional().about(
            "Order; `newest` by default, `relevance` with `q`. With `likedBy`, `newest` is by time of the like",
        );
        let sort = fields.read("sort", sort);
        let window = Window::from_fields(fields);
        let by_default = if filter.terms.is_empty() {
            Sort::Newest
        } else {
            Sort::Relevance
        };
        let order = match sort.unwrap_or(by_default) {
            Sort::Newest if filter.liked_by.is_some() => Order::Liked,
            Sort::Newest => Order::Newest,
            Sort::Updated => Order::Updated,
            Sort::Likes => Order::Likes,
            Sort::Comments => Order::Comments,
            Sort::Views => Order::Views,
            Sort::Trending => Order::Trending(window),
            Sort::Relevance => Order::Relevance,
        };
        Self {
            filter,
            order,
            page: PageQuery::from_fields(fields),
        }
    }
}

/// `GET /projects`
pub async fn list(
    viewer: Viewer,
    State(app): State<AppState>,
    Query(ListProjects {
        filter,
        order,
        page,
    }): Query<ListProjects>,
) -> Result<Page<ProjectSummary>> {
    let after = after(order, &page)?;
    if filter.is_public == Some(false) && !filter.is_own(viewer.id()) {
        return Ok(Page::single(Vec::new()));
    }
    let projects =
        queries::list_projects(&app.db, viewer.id(), &filter, order, after, page.fetch()).await?;
    let page = page.page(projects, |project| cursor(order, project));
    Ok(page.map(|ranked| ranked.project))
}

/// Returns the position that the page starts after.
fn after(order: Order, page: &PageQuery) -> Result<Option<Position>> {
    let name = order.name();
    Ok(match order {
        Order::Newest | Order::Updated | Order::Liked => {
            let keys: Option<(NaiveDateTime, String)> = page.after(name)?;
            keys.map(|(at, id)| Position {
                as_of: None,
                rank: 0,
                at,
                id,
            })
        }
        Order::Likes | Order::Comments | Order::Views | Order::Relevance => {
            let keys: Option<(i32, NaiveDateTime, String)> = page.after(name)?;
            keys.map(|(rank, at, id)| Position {
                as_of: None,
                rank,
                at,
                id,
            })
        }
        Order::Trending(_) => {
            let keys: Option<(NaiveDateTime, i32, NaiveDateTime, String)> = page.after(name)?;
            keys.map(|(as_of, rank, at, id)| Position {
                as_of: Some(as_of),
                rank,
                at,
                id,
            })
        }
    })
}

/// Returns the cursor after a row, which [`after`] reads.
fn cursor(order: Order, ranked: &RankedProject) -> Cursor {
    let RankedProject {
        as_of,
        rank,
        at,
        key,
        ..
    } = ranked;
    match order {
        Order::Newest | Order::Updated | Order::Liked => Cursor::new(order.name(), (at, key)),
        Order::Likes | Order::Comments | Order::Views | Order::Relevance => {
            Cursor::new(order.name(), (rank, at, key))
        }
        Order::Trending(_) => Cursor::new(order.name(), (as_of, rank, at, key)),
    }
}
