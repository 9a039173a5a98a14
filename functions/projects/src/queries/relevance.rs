//! The order by relevance.

use super::{
    filter::{Sql, Visibility, push_conditions_without_terms, push_from},
    position::Position,
};
use crate::filter::Filter;
use shared::search::Term;

/// The best match of a term in a project. The value is the rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Match {
    Title = 4,
    Tag = 2,
    Elsewhere = 1,
}

/// Appends `page as (…)` for one term that matches anywhere. Projects with the term in the title come first, then projects with the term as a tag,
/// then all other matches, each newest first. The statement reads each group in its order, and only until the page is
/// full. Computing a score instead would read and sort all projects that contain a frequent word.
pub fn push_page(
    sql: &mut Sql,
    filter: &Filter,
    term: &Term,
    is_own: bool,
    after: Option<&Position>,
    limit: i64,
) {
    let visibility = if is_own {
        Visibility::Own
    } else {
        Visibility::AtOnce
    };
    let mut better: Vec<Match> = Vec::new();
    for found in [Match::Title, Match::Tag, Match::Elsewhere] {
        let rank = found as i32;
        sql.push(format_args!(
            r#"match{rank} as materialized (select p.id, {rank} as rank, p."createdAt" as at"#
        ));
        push_from(sql, filter, "");
        push_conditions_without_terms(sql, filter, visibility);
        push_match(sql, term, found);
        for better in &better {
            sql.push(format_args!(
                " and (select count(*) from match{}) < {limit}",
                *better as i32
            ));
        }
        match after {
            Some(after) if after.rank < rank => {
                sql.push(" and false");
            }
            Some(after) if after.rank == rank => {
                sql.push(r#" and (p."createdAt", p.id) < ("#);
                sql.push_bind(after.at).push(", ");
                sql.push_bind(after.id.clone()).push(")");
            }
            _ => {}
        }
        sql.push(format_args!(
            r#" order by p."createdAt" desc, p.id desc limit {limit}), "#
        ));
        better.push(found);
    }
    sql.push(format_args!(
        "page as (
            select id, rank, at, id as key, null::timestamp as as_of
            from (select * from match4 union all select * from match2 union all select * from match1) found
            order by rank desc, at desc, id desc
            limit {limit}
        )"
    ));
}

/// Appends the condition that the term has this match and no better one.
fn push_match(sql: &mut Sql, term: &Term, found: Match) {
    sql.push(match found {
        Match::Title => " and fold(p.title) like fold(",
        Match::Tag | Match::Elsewhere => " and fold(p.title) not like fold(",
    });
    sql.push_bind(term.pattern.clone()).push(")");
    match found {
        Match::Title => {}
        Match::Tag => {
            sql.push(" and fold_all(p.tags) @> array[fold(");
            sql.push_bind(term.text.clone()).push(")]");
        }
        Match::Elsewhere => {
            sql.push(r#" and p."searchText" like fold("#);
            sql.push_bind(term.pattern.clone()).push(")");
            // Tags may be null.
            sql.push(" and (fold_all(p.tags) @> array[fold(");
            sql.push_bind(term.text.clone()).push(")]) is not true");
        }
    }
}
