//! Lists of projects in every order.

use chrono::NaiveDateTime;
use resources::ProjectSummary;
use shared::db::NOBODY;
use sqlx::{FromRow, PgExecutor};

use super::{
    filter::{Sql, Visibility, push_conditions, push_from, push_occurrence},
    position::Position,
    relevance, search, trending,
};
use crate::filter::{Filter, Window};

/// The order of a list, always descending. Ids make every order total.
#[derive(Clone, Copy, Debug)]
pub enum Order {
    Newest,
    Updated,
    /// By the time of the like that `likedBy` requires.
    Liked,
    Likes,
    Comments,
    Views,
    Trending(Window),
    Relevance,
}

impl Order {
    /// The name of the order in cursors.
    pub fn name(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Updated => "updated",
            Self::Liked => "liked",
            Self::Likes => "likes",
            Self::Comments => "comments",
            Self::Views => "views",
            Self::Trending(_) => "trending",
            Self::Relevance => "relevance",
        }
    }
}

impl Order {
    /// Whether the expression that the order ranks by is more than a constant.
    pub(super) fn has_rank(self, filter: &Filter) -> bool {
        match self {
            Self::Likes | Self::Comments | Self::Views => true,
            Self::Relevance => !filter.terms.is_empty(),
            Self::Newest | Self::Updated | Self::Liked | Self::Trending(_) => false,
        }
    }
}

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
    match (order, filter.terms.as_slice()) {
        (Order::Trending(window), _) => {
            trending::push_page(&mut sql, filter, is_own, window, after.as_ref(), limit);
        }
        (Order::Relevance, [term]) if term.is_indexed() => {
            relevance::push_page(&mut sql, filter, term, is_own, after.as_ref(), limit);
        }
        (Order::Relevance, [_, ..]) if !filter.is_small() => {
            search::push_best_page(&mut sql, filter, after.as_ref(), limit);
        }
        (_, [_, ..]) if !filter.is_small() => {
            search::push_page(&mut sql, filter, order, after.as_ref(), limit);
        }
        _ => push_page(&mut sql, filter, is_own, order, after.as_ref(), limit),
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

/// The expressions of the time and of the id of a position.
fn time_and_key(order: Order) -> (&'static str, &'static str) {
    match order {
        Order::Updated => (r#"p."updatedAt""#, "p.id"),
        Order::Liked => (r#"l."createdAt""#, "l.id"),
        _ => (r#"p."createdAt""#, "p.id"),
    }
}

/// Appends the columns of a position.
pub(super) fn push_position(sql: &mut Sql, filter: &Filter, order: Order) {
    let (at, key) = time_and_key(order);
    push_rank(sql, filter, order);
    sql.push(format_args!(
        " as rank, {at} as at, {key} as key, null::timestamp as as_of"
    ));
}

/// Appends the condition that a project comes after the position.
pub(super) fn push_after(sql: &mut Sql, filter: &Filter, order: Order, after: Option<&Position>) {
    let Some(after) = after else { return };
    let (at, key) = time_and_key(order);
    if order.has_rank(filter) {
        sql.push(" and (");
        push_rank(sql, filter, order);
        sql.push(format_args!(", {at}, {key}) < ("));
        sql.push_bind(after.rank).push(", ");
    } else {
        sql.push(format_args!(" and ({at}, {key}) < ("));
    }
    sql.push_bind(after.at).push(", ");
    sql.push_bind(after.id.clone()).push(")");
}

/// Appends `order by …`.
pub(super) fn push_order(sql: &mut Sql, filter: &Filter, order: Order) {
    let (at, key) = time_and_key(order);
    sql.push(" order by ");
    if order.has_rank(filter) {
        push_rank(sql, filter, order);
        sql.push(" desc, ");
    }
    sql.push(format_args!("{at} desc, {key} desc"));
}

/// Appends the expression that the order ranks by.
fn push_rank(sql: &mut Sql, filter: &Filter, order: Order) {
    let column = match order {
        Order::Likes => r#"p."likeCount""#,
        Order::Comments => r#"p."commentCount""#,
        Order::Views => r#"p."viewCount""#,
        Order::Relevance if !filter.terms.is_empty() => {
            for (index, term) in filter.terms.iter().enumerate() {
                sql.push(if index == 0 { "(" } else { " + " });
                sql.push("case when ");
                push_occurrence(sql, "fold(p.title)", term);
                sql.push(" then 4 when fold_all(p.tags) @> array[fold(");
                sql.push_bind(term.text.clone())
                    .push(")] then 2 else 1 end");
            }
            ")"
        }
        _ => "0",
    };
    sql.push(column);
}
