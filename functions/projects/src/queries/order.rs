//! The orders of lists, as parts of a statement.

use shared::search;

use super::{
    filter::{Sql, push_occurrence},
    position::Position,
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

    /// Returns whether the order ranks by an expression. All other orders have the constant rank 0.
    pub fn has_rank(self, filter: &Filter) -> bool {
        match self {
            Self::Likes | Self::Comments | Self::Views => true,
            Self::Relevance => !filter.terms.is_empty(),
            Self::Newest | Self::Updated | Self::Liked | Self::Trending(_) => false,
        }
    }
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
pub fn push_position(sql: &mut Sql, filter: &Filter, order: Order) {
    let (at, key) = time_and_key(order);
    push_rank(sql, filter, order);
    sql.push(format_args!(
        " as rank, {at} as at, {key} as key, null::timestamp as as_of"
    ));
}

/// Appends the condition that a project comes after the position.
pub fn push_after(sql: &mut Sql, filter: &Filter, order: Order, after: Option<&Position>) {
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
pub fn push_order(sql: &mut Sql, filter: &Filter, order: Order) {
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
                // The text contains each tag on a line of its own. This costs less than the condition that follows.
                sql.push(r#" then 4 when p."searchText" like fold("#);
                sql.push_bind(search::line_beginning(&term.text));
                sql.push(") and fold_all(p.tags) @> array[fold(");
                sql.push_bind(term.text.clone())
                    .push(")] then 2 else 1 end");
            }
            ")"
        }
        _ => "0",
    };
    sql.push(column);
}
