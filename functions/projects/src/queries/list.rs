//! Lists of projects in every order.

use chrono::NaiveDateTime;
use resources::ProjectSummary;
use shared::db::NOBODY;
use sqlx::{FromRow, PgExecutor};

use super::{
    filter::{Sql, Visibility, push_conditions, push_from},
    order::{Order, push_after, push_order, push_position},
    position::Position,
    relevance, search, trending,
};
use crate::filter::Filter;

/// A project and its position in a list.
#[derive(Debug, FromRow)]
pub struct RankedProject {
    pub as_of: Option<NaiveDateTime>,
    pub rank: i32,
    pub at: NaiveDateTime,
    pub key: String,
    #[sqlx(flatten)]
    pub project: ProjectSummary,
}

/// Lists a page of the projects that match the filter and are visible to the viewer.
pub async fn list_projects(
    db: impl PgExecutor<'_>,
    viewer: Option<&str>,
    filter: &Filter,
    order: Order,
    after: Option<Position>,
    limit: i64,
) -> sqlx::Result<Vec<RankedProject>> {
    let mut sql = Sql::new("with ");
    let is_own = filter.is_own(viewer);
    let is_bounded = filter.is_small() || filter.is_empty();
    match (order, filter.terms.as_slice()) {
        (Order::Trending(window), _) => {
            trending::push_page(&mut sql, filter, is_own, window, after.as_ref(), limit);
        }
        (Order::Relevance, [term]) if term.is_indexed() && filter.is_one_term() => {
            relevance::push_page(&mut sql, term, after.as_ref(), limit);
        }
        (Order::Relevance, [_, ..]) if !is_bounded => {
            search::push_best_page(&mut sql, filter, after.as_ref(), limit);
        }
        _ if is_bounded => push_page(&mut sql, filter, is_own, order, after.as_ref(), limit),
        _ => search::push_page(&mut sql, filter, order, after.as_ref(), limit),
    }
    sql.push("select page.as_of, page.rank, page.at, page.key,");
    ProjectSummary::push_columns_and_from(&mut sql, viewer.unwrap_or(NOBODY));
    sql.push("order by page.rank desc, page.at desc, page.key desc");
    // Only statements without filters are prepared: a generic plan would ignore how frequent these tags, terms and users
    // are.
    let query = sql.build_query_as().persistent(filter.is_empty());
    query.fetch_all(db).await
}

/// Appends `page as (…)` for the orders by columns and by relevance.
fn push_page(
    sql: &mut Sql,
    filter: &Filter,
    is_own: bool,
    order: Order,
    after: Option<&Position>,
    limit: i64,
) {
    let visibility = match order {
        _ if is_own => Visibility::Own,
        Order::Relevance => Visibility::AtOnce,
        _ => Visibility::OneByOne,
    };
    sql.push("page as (select p.id, ");
    push_position(sql, filter, order);
    push_from(sql, filter, "");
    push_conditions(sql, filter, visibility);
    push_after(sql, filter, order, after);
    push_order(sql, filter, order);
    // The limit is part of the text, so that the planner knows that it is small.
    sql.push(format_args!(" limit {limit})"));
}
