//! Lists of the projects that match words, tags and languages.
//!
//! Two ways bound the time of such a list. If matches are frequent, enough of them are among the first projects of the order, so
//! the projects are read in order. If they are rare, an index finds them, and they are sorted. PostgreSQL has no statistics of
//! the words in texts, and none of tags that occur together. Therefore, each statement first reads a small part of the order.

use resources::push_is_rare;

use super::{
    filter::{
        Sql, push_found_conditions, push_index_conditions, push_row_conditions, push_visible_author,
    },
    order::{Order, push_after, push_order, push_position},
    position::Position,
};
use crate::filter::Filter;

/// Number of projects that are read in order at first: the sample.
pub const SAMPLED: i64 = 2_000;
/// If fewer projects of the sample match, the index is used next, because [`INSPECTED`] projects would probably not fill a page
/// either.
const MIN_SAMPLED_MATCHES: i64 = 5;
/// Number of projects, with the sample, that are read in order before the index is used, if enough of the sample match. About
/// one project in 500 matches in that case.
const INSPECTED: i64 = 10_000;
/// Number of projects, with the sample, that are read in order if the index reaches its limit of [`max_found`].
const MAX_INSPECTED: i64 = 30_000;
/// Maximum number of projects that the index finds for a small page. The limit is reached only if matches are much rarer in the
/// sample than among the other projects.
const MAX_FOUND: i64 = 5_000;
/// The same limit for a large page: this number for each project of the page.
const MAX_FOUND_FOR_EACH: i64 = 100;
/// If a tag or the languages have fewer projects than this, the index is used at once.
const MIN_COMMON: i64 = 2_000;
/// The order by relevance and facets use the index only if fewer matches than this are estimated.
const MAX_MATCHES: i64 = 4_000;
/// Limits of the number of matches that are ranked or counted if matches are frequent. Between the limits, it is the number of
/// matches in about 5,000 projects. The newest matches are taken, and they are read in order instead of from the index.
const MIN_FREQUENT_MATCHES: i64 = 60;
const MAX_FREQUENT_MATCHES: i64 = 500;
/// Maximum number of projects after the sample that are read in order to find these matches.
const MAX_READ: i64 = 20_000;
/// Cost of a project that the index finds, as a multiple of the cost of a project that is read in order.
const FOUND_COST: f64 = 2.5;

/// The limits for a search in which some terms have trigrams and others have none. For such a search, PostgreSQL computes the
/// search keys of each project that the index finds, so the index costs more.
const MIXED_MIN_SAMPLED_MATCHES: i64 = 2;
const MIXED_INSPECTED: i64 = 20_000;
const MIXED_MAX_MATCHES: i64 = 1_000;
const MIXED_MIN_FREQUENT_MATCHES: i64 = 40;
const MIXED_FOUND_COST: f64 = 20.0;

/// Returns the maximum number of projects that the index finds for a page.
pub fn max_found(limit: i64) -> i64 {
    MAX_FOUND.max(MAX_FOUND_FOR_EACH * limit)
}

/// Appends `rare as (…)`: whether one of the tags, or all languages together, have fewer than [`MIN_COMMON`] projects.
pub fn push_rare(sql: &mut Sql, filter: &Filter) {
    sql.push("rare as materialized (select ");
    push_is_rare(sql, MIN_COMMON, &filter.tags, &filter.languages);
    sql.push(" as is_rare), ");
}

/// Appends `page as (…)` for the orders by columns.
pub fn push_page(
    sql: &mut Sql,
    filter: &Filter,
    order: Order,
    after: Option<&Position>,
    limit: i64,
) {
    let (inspected, min_matches) = if filter.has_mixed_terms() {
        (MIXED_INSPECTED, MIXED_MIN_SAMPLED_MATCHES)
    } else {
        (INSPECTED, MIN_SAMPLED_MATCHES)
    };
    let rank = if order.has_rank(filter) {
        "p.rank desc, "
    } else {
        ""
    };
    let push_ordered = |sql: &mut Sql, columns: &str| {
        sql.push(format_args!(
            r#"select {columns} from projects p where p."isPublic""#
        ));
        push_after(sql, filter, order, after);
        push_order(sql, filter, order);
    };
    let push_near = |sql: &mut Sql, count: i64, offset: i64| {
        sql.push("select p.id, ");
        push_position(sql, filter, order);
        sql.push(" from (");
        push_ordered(sql, "p.*");
        // Without the limit, PostgreSQL could read all projects in order.
        sql.push(format_args!(
            " limit {count} offset {offset}) p where not (select is_rare from rare)"
        ));
        push_row_conditions(sql, filter);
        push_visible_author(sql);
    };
    push_rare(sql, filter);
    sql.push("first as materialized (");
    push_near(sql, SAMPLED, 0);
    push_order(sql, filter, order);
    sql.push(format_args!(" limit {limit}), second as materialized ("));
    push_near(sql, inspected - SAMPLED, SAMPLED);
    sql.push(format_args!(
        " and (select count(*) between {min_matches} and {limit} - 1 from first)"
    ));
    push_order(sql, filter, order);
    sql.push(format_args!(
        " limit {limit}),
        older as materialized (
            select (select is_rare from rare)
                or (select count(*) from first) + (select count(*) from second) < {limit}
                and case when (select count(*) from first) < {min_matches} then exists ("
    ));
    push_ordered(sql, "");
    sql.push(format_args!(" offset {SAMPLED} limit 1) else exists ("));
    push_ordered(sql, "");
    sql.push(format_args!(
        r#" offset {inspected} limit 1) end as wanted
        ),
        found as materialized (select p.id, p."authorId", "#
    ));
    push_position(sql, filter, order);
    sql.push(" from (");
    push_found(sql, filter, "wanted from older", |sql| {
        push_after(sql, filter, order, after);
        sql.push(format_args!(" limit {}", max_found(limit)));
    });
    sql.push(") p where true");
    push_found_conditions(sql, filter);
    sql.push("), third as materialized (");
    push_near(sql, MAX_INSPECTED - SAMPLED, SAMPLED);
    sql.push(format_args!(
        " and (select count(*) from found) >= {} and p.id not in (select id from second)",
        max_found(limit)
    ));
    push_order(sql, filter, order);
    // The authors of the found projects are looked up in the order of the list, until the page is full.
    sql.push(format_args!(
        " limit {limit}),
        far as materialized (
            select p.id, p.rank, p.at, p.key, p.as_of
            from (
                select p.*
                from found p
                where p.id not in (
                    select id from first union all select id from second union all select id from third
                )
                order by {rank}p.at desc, p.key desc
                offset 0
            ) p
            where true"
    ));
    push_visible_author(sql);
    sql.push(format_args!(
        " order by {rank}p.at desc, p.key desc limit {limit}
        ),
        page as (
            select * from first
            union all
            select * from second
            union all
            select * from third
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

/// Appends `matching as (…)`: columns of the newest projects that match the filter. There are at most [`MAX_FOUND`] of them,
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
                select p.*
                from projects p
                where p."isPublic"
                order by p."createdAt" desc, p.id desc
                limit {count} offset {offset}
            ) p
            where not (select is_rare from rare)"#
        ));
        push_row_conditions(sql, filter);
        push_visible_author(sql);
    };
    let (min_frequent, max_matches, found_cost) = if filter.has_mixed_terms() {
        (
            MIXED_MIN_FREQUENT_MATCHES,
            MIXED_MAX_MATCHES,
            MIXED_FOUND_COST,
        )
    } else {
        (MIN_FREQUENT_MATCHES, MAX_MATCHES, FOUND_COST)
    };
    push_rare(sql, filter);
    sql.push("sample as materialized (select ");
    push_newest(sql, SAMPLED, 0);
    sql.push(format_args!(
        "),
        near as materialized (
            select
                sample.count >= {SAMPLED} * greatest(
                    sqrt({min_frequent} / all_projects.n / {found_cost}), {max_matches} / all_projects.n
                ) as is_frequent,
                least({MAX_FREQUENT_MATCHES}, greatest({min_frequent}, 5 * sample.count / 2)) as wanted,
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
        r#" and (select is_frequent from near)
            order by p."createdAt" desc, p.id desc
            limit (select greatest(wanted - count, 0) from near)
        ),
        found as materialized (select "#,
    );
    push_columns(sql);
    sql.push(" from (");
    push_found(sql, filter, "not is_frequent from near", |sql| {
        sql.push(format_args!(" limit {MAX_FOUND}"));
    });
    sql.push(") p where true");
    push_found_conditions(sql, filter);
    sql.push(format_args!(
        r#" and p."authorId" not in (select id from hidden_users())
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
            select * from found
        ), "#
    ));
}

/// Appends a query that reads the projects that the index finds. It reads nothing if the value that `wanted` selects is false.
/// [`push_found_conditions`] has the conditions that the index does not check. `push_limit` appends more conditions and a limit.
pub fn push_found(
    sql: &mut Sql,
    filter: &Filter,
    wanted: &'static str,
    push_limit: impl Fn(&mut Sql),
) {
    // The condition is there twice. Parallel workers cannot read the value in the second form, so PostgreSQL starts no workers for
    // a query that may have nothing to do.
    sql.push(format_args!(
        r#"select p.* from projects p where (select {wanted}) and p."isPublic" in (select {wanted})"#
    ));
    push_index_conditions(sql, filter);
    push_limit(sql);
}
