//! What a word is found in.

use super::{
    filter::{Sql, Visible, push_conditions_without_terms, push_from},
    list::After,
};
use crate::filter::{Filter, Term};

/// Where one term may be found, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Title = 4,
    Tag = 2,
    Elsewhere = 1,
}

/// Appends `page as (…)` for one term. Projects that have it in the title come first, newest first, then those that have it
/// as a tag, then all others, so each of the three is looked for in its order, and only while the page is not full. Scores
/// of all projects that have a frequent word would have to be read and sorted.
pub fn push_page(
    sql: &mut Sql,
    filter: &Filter,
    term: &Term,
    is_own: bool,
    after: Option<&After>,
    limit: i64,
) {
    let visible = if is_own {
        Visible::Own
    } else {
        Visible::AtOnce
    };
    let mut before: Vec<Place> = Vec::new();
    for place in [Place::Title, Place::Tag, Place::Elsewhere] {
        let rank = place as i32;
        sql.push(format_args!(
            r#"place{rank} as materialized (select p.id, {rank} as rank, p."createdAt" as at"#
        ));
        push_from(sql, filter, "");
        push_conditions_without_terms(sql, filter, visible);
        push_place(sql, term, place);
        for before in &before {
            sql.push(format_args!(
                " and (select count(*) from place{}) < {limit}",
                *before as i32
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
        before.push(place);
    }
    sql.push(format_args!(
        "page as (
            select id, rank, at, id as key, null::timestamp as as_of
            from (select * from place4 union all select * from place2 union all select * from place1) found
            order by rank desc, at desc, id desc
            limit {limit}
        )"
    ));
}

/// Appends the condition that the term is found there and nowhere better.
fn push_place(sql: &mut Sql, term: &Term, place: Place) {
    sql.push(match place {
        Place::Title => " and lower(p.title) like lower(",
        Place::Tag | Place::Elsewhere => " and lower(p.title) not like lower(",
    });
    sql.push_bind(term.pattern.clone()).push(")");
    match place {
        Place::Title => {}
        Place::Tag => {
            sql.push(" and p.tags @> array[lower(");
            sql.push_bind(term.text.clone()).push(")]");
        }
        Place::Elsewhere => {
            sql.push(r#" and p."searchText" like lower("#);
            sql.push_bind(term.pattern.clone()).push(")");
            // Tags may be null.
            sql.push(" and (p.tags @> array[lower(");
            sql.push_bind(term.text.clone()).push(")]) is not true");
        }
    }
}
