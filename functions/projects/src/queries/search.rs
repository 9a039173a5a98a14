//! Lists of the projects that contain the terms of a search.
//!
//! Two ways bound the time of a search. If a term is frequent, enough of its projects are among the first of the order, so the
//! projects are read in order. If a term is rare, an index finds its projects, and they are sorted. PostgreSQL has no statistics
//! of the words in texts. Therefore, each statement first reads a small part of the order.

use super::{
    filter::{Sql, Visibility, push_conditions, push_keys},
    order::{Order, push_after, push_order, push_position},
    position::Position,
};
use crate::filter::Filter;

/// Number of projects that are read in order before the index is used.
pub const INSPECTED: i64 = 2_000;
/// Number of the newest projects in which the terms are counted, to estimate how frequent they are.
const SAMPLED: i64 = 1_000;
/// Maximum number of matches that are ranked or counted if an index finds them. They are the newest.
pub const MAX_MATCHES: i64 = 10_000;
/// Numbers of matches that are ranked or counted if the terms are frequent. They are the newest, and are found without an index:
/// as many as about 3,000 projects contain, within these limits.
const MIN_FREQUENT_MATCHES: i64 = 200;
const MAX_FREQUENT_MATCHES: i64 = 500;
/// Maximum number of projects that are read in order to find these.
const MAX_READ: i64 = 20_000;

/// Appends `page as (…)` for the orders by columns.
pub fn push_page(
    sql: &mut Sql,
    filter: &Filter,
    order: Order,
    after: Option<&Position>,
    limit: i64,
) {
    let push_inspected = |sql: &mut Sql, columns: bool| {
        sql.push("select ");
        if columns {
            sql.push("p.id, ");
            push_position(sql, filter, order);
        }
        sql.push(r#" from projects p where p."isPublic""#);
        push_after(sql, filter, order, after);
        push_order(sql, filter, order);
    };
    // The keys are read from the index of the order, and each project is looked up until the page is full.
    sql.push("near as materialized (select n.* from (");
    push_inspected(sql, true);
    sql.push(format_args!(
        " limit {INSPECTED}) n cross join lateral (select from projects p where p.id = n.id"
    ));
    push_conditions(sql, filter, Visibility::OneByOne);
    let rank = if order.has_rank(filter) {
        "n.rank desc, "
    } else {
        ""
    };
    sql.push(format_args!(
        " limit 1) p order by {rank}n.at desc, n.key desc limit {limit}),
        older as materialized (select (select count(*) from near) < {limit} and exists ("
    ));
    push_inspected(sql, false);
    // Without its own offset, PostgreSQL could read all projects in order.
    sql.push(format_args!(
        " offset {INSPECTED} limit 1) as wanted),
        far as materialized (select p.id, "
    ));
    push_position(sql, filter, order);
    sql.push(" from projects p where (select wanted from older)");
    push_conditions(sql, filter, Visibility::OneByOne);
    push_keys(sql, filter);
    push_after(sql, filter, order, after);
    sql.push(format_args!(
        " offset 0),
        page as (
            select * from near where not (select wanted from older)
            union all
            select * from far
            order by rank desc, at desc, key desc
            limit {limit}
        )"
    ));
}

/// Appends `page as (…)` for the order by relevance, which is computed for each match.
pub fn push_best_page(sql: &mut Sql, filter: &Filter, after: Option<&Position>, limit: i64) {
    push_matches(sql, filter, |sql| {
        sql.push("p.id, ");
        push_position(sql, filter, Order::Relevance);
    });
    sql.push("page as (select id, rank, at, key, as_of from matching");
    if let Some(after) = after {
        sql.push(" where (rank, at, key) < (");
        sql.push_bind(after.rank).push(", ");
        sql.push_bind(after.at).push(", ");
        sql.push_bind(after.id.clone()).push(")");
    }
    sql.push(format_args!(
        " order by rank desc, at desc, key desc limit {limit})"
    ));
}

/// Appends `matching as (…)`: columns of the newest projects that match the filter. There are at most [`MAX_MATCHES`] of them,
/// or between [`MIN_FREQUENT_MATCHES`] and [`MAX_FREQUENT_MATCHES`] if matches are frequent.
///
/// Let a share f of n projects match. The index finds all f × n of them. Reading in order finds k of them after k / f projects,
/// which is less if f is greater than the square root of k / n.
pub fn push_matches(sql: &mut Sql, filter: &Filter, push_columns: impl Fn(&mut Sql)) {
    let push_columns = |sql: &mut Sql| {
        push_columns(sql);
        sql.push(r#", p."createdAt" as found_at, p.id as found_id"#);
    };
    let push_newest = |sql: &mut Sql, count: i64, offset: i64| {
        push_columns(sql);
        sql.push(format_args!(
            r#" from (
                select p.id, p."createdAt"
                from projects p
                where p."isPublic"
                order by p."createdAt" desc, p.id desc
                limit {count} offset {offset}
            ) n
            cross join lateral (select p.* from projects p where p.id = n.id"#
        ));
        push_conditions(sql, filter, Visibility::OneByOne);
        sql.push(" limit 1) p");
    };
    sql.push("sample as materialized (select ");
    push_newest(sql, SAMPLED, 0);
    sql.push(format_args!(
        "),
        near as materialized (
            select
                sample.count >= {SAMPLED} * greatest(
                    sqrt({MIN_FREQUENT_MATCHES} / all_projects.n), {MAX_MATCHES} / all_projects.n
                ) as is_frequent,
                least({MAX_FREQUENT_MATCHES}, greatest({MIN_FREQUENT_MATCHES}, 3 * sample.count)) as wanted,
                sample.count
            from (select count(*) as count from sample) sample
            cross join (
                select greatest(reltuples, 1)::float8 as n from pg_class where oid = 'projects'::regclass
            ) all_projects
        ),
        frequent as materialized (select "
    ));
    push_newest(sql, MAX_READ, SAMPLED);
    sql.push(
        r#" where (select is_frequent from near)
            order by n."createdAt" desc, n.id desc
            limit (select greatest(wanted - count, 0) from near)
        ),
        found as materialized (select "#,
    );
    push_columns(sql);
    // The second condition is the first once more. It keeps PostgreSQL from starting workers before it knows whether there is
    // anything to do: workers cannot read from `near`.
    sql.push(
        r#" from projects p
            where not (select is_frequent from near)
                and p."isPublic" in (select not is_frequent from near)"#,
    );
    push_conditions(sql, filter, Visibility::AtOnce);
    push_keys(sql, filter);
    // Without the offset, PostgreSQL could read all projects in order.
    sql.push(format_args!(
        " offset 0
        ),
        matching as (
            (
                select *
                from sample
                where (select is_frequent from near)
                order by found_at desc, found_id desc
                limit {MAX_FREQUENT_MATCHES}
            )
            union all
            select * from frequent
            union all
            (select * from found order by found_at desc, found_id desc limit {MAX_MATCHES})
        ), "
    ));
}
