//! Conditions of lists and facets, put together as the request asks.
//!
//! Written at run time, with every value bound: `$1 is null or …` for each of seven filters under seven sorts would keep
//! the planner from the indexes that each combination has.

use sqlx::{Postgres, QueryBuilder};

use crate::filter::Filter;

pub type Sql = QueryBuilder<Postgres>;

/// Users who are not visible, of whom there are few; both branches have an index of their own.
pub const HIDDEN: &str = r#"
    select h.id from "user" h where not h."isActive"
    union all
    select h.id from "user" h where h.banned and not is_visible(h)
"#;

/// Whose projects a condition lets through, as seen from `projects p`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visible {
    /// All of the viewer's own, drafts included.
    Own,
    /// What everybody may see, asked of each project: for statements that read a few projects in order.
    OneByOne,
    /// What everybody may see, with the hidden users listed once: for statements that read many projects.
    AtOnce,
}

/// Appends the conditions of a filter on `projects p` after `where true`. `likedBy` is a join, see [`push_from`].
pub fn push_conditions(sql: &mut Sql, filter: &Filter, visible: Visible) {
    for term in &filter.terms {
        sql.push(r#" and p."searchText" like lower("#);
        sql.push_bind(term.pattern.clone()).push(")");
    }
    push_conditions_without_terms(sql, filter, visible);
}

/// The same for a statement that looks for the terms itself.
pub fn push_conditions_without_terms(sql: &mut Sql, filter: &Filter, visible: Visible) {
    match visible {
        Visible::Own => {}
        Visible::OneByOne => {
            sql.push(
                r#" and p."isPublic"
                and (select is_visible(u) from "user" u where u.id = p."authorId")"#,
            );
        }
        Visible::AtOnce => {
            sql.push(r#" and p."isPublic" and p."authorId" not in ("#);
            sql.push(HIDDEN).push(")");
        }
    }
    if !filter.tags.is_empty() {
        sql.push(" and p.tags @> ").push_bind(filter.tags.clone());
    }
    match filter.languages.as_slice() {
        [] => {}
        [language] => {
            sql.push(" and lower(p.language) = lower(");
            sql.push_bind(language.clone()).push(")");
        }
        languages => {
            sql.push(" and lower(p.language) = any (lower_all(");
            sql.push_bind(languages.to_vec()).push("))");
        }
    }
    if let Some(author) = &filter.author {
        sql.push(r#" and p."authorId" = "#)
            .push_bind(author.clone());
    }
    if let Some(is_public) = filter.is_public {
        sql.push(if is_public {
            r#" and p."isPublic""#
        } else {
            r#" and not p."isPublic""#
        });
    }
    if let Some(time) = filter.created_after {
        sql.push(r#" and p."createdAt" > "#).push_bind(time);
    }
    if let Some(user) = &filter.liked_by {
        sql.push(r#" and l."userId" = "#).push_bind(user.clone());
        sql.push(r#" and exists (select from "user" v where v.id = l."userId" and is_visible(v))"#);
    }
}

/// Appends `from projects p`, with the like that `likedBy` asks for as `l` and another join.
pub fn push_from(sql: &mut Sql, filter: &Filter, join: &'static str) {
    sql.push(if filter.liked_by.is_some() {
        r#" from likes l join projects p on p.id = l."projectId" "#
    } else {
        " from projects p "
    });
    sql.push(join).push(" where true");
}
