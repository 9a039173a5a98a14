//! Conditions of lists and facets.
//!
//! Statements are built at run time, and every value is bound. There are seven filters and seven orders. If one statement
//! contained all filters as `$1 is null or …`, the planner could not choose the best index for each combination.

use shared::search::{self, Term};
use sqlx::{Postgres, QueryBuilder};

use crate::filter::Filter;

pub type Sql = QueryBuilder<Postgres>;

/// The projects that the viewer can see, as a condition on `projects p`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// All projects of the viewer, including drafts.
    Own,
    /// Projects that are visible to everybody, checked one by one: for statements that read a few projects in order.
    OneByOne,
    /// Projects that are visible to everybody, with a hash table of the hidden users: for statements that read many projects.
    AtOnce,
}

/// Appends the conditions of a filter on `projects p`, each with a leading `and`. `likedBy` needs the join of
/// [`push_from`].
pub fn push_conditions(sql: &mut Sql, filter: &Filter, visibility: Visibility) {
    push_terms(sql, filter);
    match visibility {
        Visibility::Own => {}
        Visibility::OneByOne => {
            sql.push(r#" and p."isPublic""#);
            push_visible_author(sql);
        }
        Visibility::AtOnce => {
            sql.push(
                r#" and p."isPublic" and p."authorId" not in (select id from hidden_users())"#,
            );
        }
    }
    push_tags(sql, filter);
    push_languages(sql, filter);
    push_other_conditions(sql, filter);
}

/// Appends the conditions on `projects p` for statements that read projects in order and check each row. They do not include
/// whether the viewer can see the project.
pub fn push_row_conditions(sql: &mut Sql, filter: &Filter) {
    push_terms(sql, filter);
    // The text contains each tag on a line of its own. Most rows fail this condition, which costs less than the next.
    for tag in &filter.tags {
        sql.push(r#" and p."searchText" like fold("#);
        sql.push_bind(search::line_beginning(tag)).push(")");
    }
    push_tags(sql, filter);
    push_languages(sql, filter);
    push_other_conditions(sql, filter);
}

/// Appends the conditions on `projects p` that one index checks together. Statements that read projects in order must not use
/// them, because PostgreSQL would compute the search keys of each text.
pub fn push_index_conditions(sql: &mut Sql, filter: &Filter) {
    sql.push(r#" and p."isPublic""#);
    for term in &filter.terms {
        if term.is_indexed() {
            sql.push(r#" and p."searchText" like fold("#);
            sql.push_bind(term.pattern.clone()).push(")");
        } else {
            sql.push(r#" and search_keys(p."searchText") @> term_keys("#);
            sql.push_bind(term.text.clone()).push(")");
        }
    }
    push_tags(sql, filter);
    if !filter.languages.is_empty() {
        sql.push(" and array[fold(p.language)] && fold_all(");
        sql.push_bind(filter.languages.clone()).push(")");
    }
    push_other_conditions(sql, filter);
}

/// Appends the conditions that a project with those of [`push_index_conditions`] may still fail. They do not include whether the
/// viewer can see the project.
pub fn push_found_conditions(sql: &mut Sql, filter: &Filter) {
    for term in filter.terms.iter().filter(|term| !term.is_indexed()) {
        push_term(sql, term);
    }
}

/// Appends the condition that everybody can see the author of `p`.
pub fn push_visible_author(sql: &mut Sql) {
    sql.push(r#" and (select is_visible(u) from "user" u where u.id = p."authorId")"#);
}

fn push_terms(sql: &mut Sql, filter: &Filter) {
    for term in &filter.terms {
        push_term(sql, term);
    }
}

fn push_term(sql: &mut Sql, term: &Term) {
    // A term without trigrams must not use their index, which would return every project.
    let text = if term.is_indexed() {
        r#"p."searchText""#
    } else {
        r#"(p."searchText" || '')"#
    };
    sql.push(" and ");
    push_occurrence(sql, text, term);
}

fn push_tags(sql: &mut Sql, filter: &Filter) {
    if !filter.tags.is_empty() {
        sql.push(" and fold_all(p.tags) @> fold_all(");
        sql.push_bind(filter.tags.clone()).push(")");
    }
}

fn push_languages(sql: &mut Sql, filter: &Filter) {
    match filter.languages.as_slice() {
        [] => {}
        [language] => {
            sql.push(" and fold(p.language) = fold(");
            sql.push_bind(language.clone()).push(")");
        }
        languages => {
            sql.push(" and fold(p.language) = any (fold_all(");
            sql.push_bind(languages.to_vec()).push("))");
        }
    }
}

/// Appends the conditions of the parameters that are not words, tags or languages.
fn push_other_conditions(sql: &mut Sql, filter: &Filter) {
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

/// Appends the condition that the term occurs in a folded text.
pub fn push_occurrence(sql: &mut Sql, text: &'static str, term: &Term) {
    sql.push(format_args!("{text} like fold("));
    sql.push_bind(term.pattern.clone()).push(")");
    if term.starts_word {
        sql.push(format_args!(" and {text} ~ word_start("));
        sql.push_bind(term.text.clone()).push(")");
    }
}

/// Appends `from projects p`, with the like that `likedBy` requires as `l`, another join, and `where true`.
pub fn push_from(sql: &mut Sql, filter: &Filter, join: &'static str) {
    sql.push(if filter.liked_by.is_some() {
        r#" from likes l join projects p on p.id = l."projectId" "#
    } else {
        " from projects p "
    });
    sql.push(join).push(" where true");
}
