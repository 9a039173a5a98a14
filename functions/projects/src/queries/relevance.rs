//! The order by relevance for one word without other filters.

use super::{
    filter::{Sql, push_visible_author},
    position::Position,
    search::{SAMPLED, max_found},
};
use shared::search::{self, Term};

/// The best match of a term in a project. The value is the rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Match {
    Title = 4,
    Tag = 2,
    Elsewhere = 1,
}

/// Appends `page as (…)` for one term that matches anywhere. Projects with the term in the title come first, then projects with
/// the term as a tag, then all other matches, each newest first. Each group is read only if those before it do not fill the
/// page: the newest projects first, and an index if these do not fill the page either.
pub fn push_page(sql: &mut Sql, term: &Term, after: Option<&Position>, limit: i64) {
    let mut conditions = vec!["true".to_owned()];
    for found in [Match::Title, Match::Tag, Match::Elsewhere] {
        let rank = found as i32;
        match after {
            Some(after) if after.rank < rank => continue,
            _ => {}
        }
        let after = after.filter(|after| after.rank == rank);
        let missing = conditions.join(" and ");
        let push_newest = |sql: &mut Sql, columns: &str| {
            sql.push(format_args!(
                r#"select {columns} from projects p where p."isPublic""#
            ));
            push_after(sql, after);
            sql.push(r#" order by p."createdAt" desc, p.id desc"#);
        };
        sql.push(format_args!(
            r#"near{rank} as materialized (select p.id, {rank} as rank, p."createdAt" as at from ("#
        ));
        push_newest(sql, "p.*");
        sql.push(format_args!(" limit {SAMPLED}) p where {missing}"));
        push_text(sql, term);
        push_match(sql, term, found);
        push_visible_author(sql);
        sql.push(format_args!(
            r#" order by p."createdAt" desc, p.id desc limit {limit}),
            older{rank} as materialized (
                select {missing} and (select count(*) from near{rank}) < {limit} and exists ("#
        ));
        push_newest(sql, "");
        // As in `search`, the condition is there twice, so that no workers are started.
        sql.push(format_args!(
            r#" offset {SAMPLED} limit 1) as wanted
            ),
            match{rank} as materialized (
                select * from near{rank}
                union all
                (
                    select p.id, {rank} as rank, p."createdAt" as at
                    from (
                        select p.*
                        from (
                            select p.*
                            from projects p
                            where (select wanted from older{rank}) and p."isPublic" in (select wanted from older{rank})
                                and p."isPublic""#
        ));
        push_index_condition(sql, term, found);
        push_after(sql, after);
        sql.push(format_args!(
            " limit {}) p where p.id not in (select id from near{rank})",
            max_found(limit)
        ));
        push_match(sql, term, found);
        sql.push(r#" order by p."createdAt" desc, p.id desc offset 0) p where true"#);
        push_visible_author(sql);
        sql.push(format_args!(
            r#" order by p."createdAt" desc, p.id desc limit {limit})
                order by at desc, id desc
                limit {limit}
            ), "#
        ));
        conditions.push(format!("(select count(*) from match{rank}) < {limit}"));
    }
    let groups: Vec<String> = [Match::Title, Match::Tag, Match::Elsewhere]
        .map(|found| found as i32)
        .iter()
        .filter(|rank| after.is_none_or(|after| after.rank >= **rank))
        .map(|rank| format!("select * from match{rank}"))
        .collect();
    sql.push(format_args!(
        "page as (
            select id, rank, at, id as key, null::timestamp as as_of
            from ({}) found
            order by rank desc, at desc, id desc
            limit {limit}
        )",
        groups.join(" union all ")
    ));
}

/// Appends the condition that a project comes after a position in its group.
fn push_after(sql: &mut Sql, after: Option<&Position>) {
    if let Some(after) = after {
        sql.push(r#" and (p."createdAt", p.id) < ("#);
        sql.push_bind(after.at).push(", ");
        sql.push_bind(after.id.clone()).push(")");
    }
}

/// Appends the condition that the text contains the term. Every [`Match`] implies this condition, which costs less to check.
fn push_text(sql: &mut Sql, term: &Term) {
    sql.push(r#" and p."searchText" like fold("#);
    sql.push_bind(term.pattern.clone()).push(")");
}

/// Appends the condition of a match that an index finds.
fn push_index_condition(sql: &mut Sql, term: &Term, found: Match) {
    match found {
        Match::Title => {
            sql.push(" and fold(p.title) like fold(");
            sql.push_bind(term.pattern.clone()).push(")");
        }
        Match::Tag => {
            sql.push(" and fold_all(p.tags) @> array[fold(");
            sql.push_bind(term.text.clone()).push(")]");
        }
        Match::Elsewhere => push_text(sql, term),
    }
}

/// Appends the condition that the term has this match and no better one.
fn push_match(sql: &mut Sql, term: &Term, found: Match) {
    sql.push(match found {
        Match::Title => " and fold(p.title) like fold(",
        Match::Tag | Match::Elsewhere => " and fold(p.title) not like fold(",
    });
    sql.push_bind(term.pattern.clone()).push(")");
    let tag = match found {
        Match::Title => return,
        // Tags may be null.
        Match::Tag => ") is true",
        Match::Elsewhere => ") is not true",
    };
    // The text contains each tag on a line of its own. The first condition costs less than the second.
    sql.push(r#" and (p."searchText" like fold("#);
    sql.push_bind(search::line_beginning(&term.text));
    sql.push(") and fold_all(p.tags) @> array[fold(");
    sql.push_bind(term.text.clone()).push(")]").push(tag);
}
