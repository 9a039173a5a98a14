//! The order by recent likes and comments.

use std::cmp::Ordering;

use super::{
    filter::{
        Sql, Visibility, push_conditions, push_found_conditions, push_from, push_row_conditions,
        push_visible_author,
    },
    position::Position,
    search::{self, push_rare},
};
use crate::filter::{Filter, Window};

/// Points of a like, and of a user who commented.
const LIKE: i32 = 3;
const COMMENTER: i32 = 2;

/// Number of projects that are looked up in the order of their scores at first: the sample.
const SAMPLED: i64 = 1_000;
/// If fewer projects of the sample match, the index is used next.
const MIN_SAMPLED_MATCHES: i64 = 2;
/// Number of projects, with the sample, that are looked up before the index is used, if enough of the sample match.
const SCORED: i64 = 5_000;
/// Number of projects without a score that are read, newest first, before the index is used.
const WITHOUT_SCORE: i64 = 5_000;

impl Window {
    /// The column of `projectTrend`.
    fn column(self) -> &'static str {
        match self {
            Self::Day => "t.day",
            Self::Week => "t.week",
            Self::Month => "t.month",
        }
    }
}

/// Appends `page as (…)`, ordered by score: 3 for each like and 2 for each user who commented within the window, without
/// hidden users and the author. Projects with a score of 0 come last, newest first, so that a quiet site still fills the
/// page.
///
/// Triggers maintain the scores as of the time of `windowClock`, so the statement reads the best projects from an index. It
/// reads only those likes and comments that are in one of the two windows, the request's and the clock's, but not in the other.
/// It ranks the projects with such likes and comments separately.
pub fn push_page(
    sql: &mut Sql,
    filter: &Filter,
    is_own: bool,
    window: Window,
    after: Option<&Position>,
    limit: i64,
) {
    let visibility = if is_own {
        Visibility::Own
    } else {
        Visibility::OneByOne
    };
    push_clock(sql, window, after);
    push_moved(sql, window);
    if filter.is_small() || filter.is_empty() {
        push_kept(sql, filter, visibility, window, after, limit);
        push_changed(sql, filter, visibility, after, limit);
        push_others(sql, filter, visibility, window, after, limit);
    } else {
        push_rare(sql, filter);
        push_found(sql, filter, limit);
        push_found_kept(sql, filter, window, after, limit);
        push_changed(sql, filter, visibility, after, limit);
        push_found_others(sql, filter, window, after, limit);
    }
    sql.push(format_args!(
        "page as (
            select id, rank, at, id as key, (select until from clock) as as_of
            from (
                select * from kept union all select * from changed union all select * from others
            ) ranked
            order by rank desc, at desc, id desc
            limit {limit}
        )"
    ));
}

/// Appends `clock`: the window of the request, the start of the window of the kept scores, and the time between the two
/// starts.
fn push_clock(sql: &mut Sql, window: Window, after: Option<&Position>) {
    sql.push("clock as materialized (select until, since, kept, least(since, kept) as low, greatest(since, kept) as high");
    sql.push(" from (select until, until - size as since, kept - size as kept from (select ");
    // All pages use the time of the first page for an hour, because the statement reads all likes and comments since then.
    match after.and_then(|after| after.as_of) {
        Some(as_of) => {
            sql.push("greatest(least(now() at time zone 'utc', ");
            sql.push_bind(as_of)
                .push("::timestamp), now() at time zone 'utc' - interval '1 hour')");
        }
        None => {
            sql.push("now() at time zone 'utc'");
        }
    }
    sql.push(format_args!(
        r#" as until, (select until from "windowClock") as kept, interval '{} hours' as size) now) clock), "#,
        window.hours()
    ));
}

/// Appends `moved as (…)`: projects whose score differs from the kept one, and their scores. The kept scores exclude
/// all users who are marked as banned, even if their ban has expired.
///
/// Users and projects are looked up one by one, because PostgreSQL cannot estimate that there are only a few rows. For the same
/// reason, each range of time has two ends: PostgreSQL expects fewer rows in such a range.
fn push_moved(sql: &mut Sql, window: Window) {
    let column = window.column();
    sql.push(format_args!(
        r#"unlifted as materialized (
            select u.id from "user" u where u.banned and is_visible(u)
        ),
        pair as materialized (
            select "projectId", "authorId"
            from comments
            where "createdAt" > (select low from clock) and "createdAt" <= (select high from clock)
            union
            select "projectId", "authorId"
            from comments
            where "createdAt" > (select until from clock) and "createdAt" <= timestamp 'infinity'
        ),
        act as materialized (
            select
                l."projectId" as project,
                l."userId" as actor,
                {LIKE} * (select case when since < kept then 1 else -1 end from clock) as points
            from likes l
            where l."createdAt" > (select low from clock) and l."createdAt" <= (select high from clock)
                and (select is_counted(u) from "user" u where u.id = l."userId")
            union all
            select l."projectId", l."userId", -{LIKE}
            from likes l
            where l."createdAt" > (select until from clock) and l."createdAt" <= timestamp 'infinity'
                and (select is_counted(u) from "user" u where u.id = l."userId")
            union all
            select
                pair."projectId",
                pair."authorId",
                coalesce((
                    select {COMMENTER}
                    from comments c
                    where c."authorId" = pair."authorId" and c."projectId" = pair."projectId"
                        and c."createdAt" > (select since from clock) and c."createdAt" <= (select until from clock)
                    limit 1
                ), 0)
                - coalesce((
                    select {COMMENTER}
                    from comments c
                    where c."authorId" = pair."authorId" and c."projectId" = pair."projectId"
                        and c."createdAt" > (select kept from clock)
                    limit 1
                ), 0)
            from pair
            where (select is_counted(u) from "user" u where u.id = pair."authorId")
            union all
            select l."projectId", l."userId", {LIKE}
            from unlifted
            join likes l on l."userId" = unlifted.id
            where l."createdAt" > (select since from clock) and l."createdAt" <= (select until from clock)
            union all
            select distinct c."projectId", c."authorId", {COMMENTER}
            from unlifted
            join comments c on c."authorId" = unlifted.id
            where c."createdAt" > (select since from clock) and c."createdAt" <= (select until from clock)
        ),
        moved as materialized (
            select
                project as id,
                sum(points)::int4 + coalesce((
                    select {column} from "projectTrend" t where t."projectId" = act.project
                ), 0) as rank
            from act
            where actor <> (select p."authorId" from projects p where p.id = act.project)
            group by project
        ), "#
    ));
}

/// Appends the condition that a row of `projectTrend t` comes after the position, and has a score that has not changed.
fn push_scored(sql: &mut Sql, window: Window, after: Option<&Position>) {
    let column = window.column();
    sql.push(format_args!(
        r#" and {column} > 0 and t."projectId" not in (select id from moved)"#
    ));
    push_after(
        sql,
        after,
        &format!(r#"({column}, t."createdAt", t."projectId")"#),
    );
}

/// Appends `kept as (…)`: the best projects that match and come after the position, with a kept score.
fn push_kept(
    sql: &mut Sql,
    filter: &Filter,
    visibility: Visibility,
    window: Window,
    after: Option<&Position>,
    limit: i64,
) {
    let column = window.column();
    sql.push(format_args!(
        r#"kept as materialized (select p.id, {column} as rank, t."createdAt" as at"#
    ));
    push_from(
        sql,
        filter,
        r#"join "projectTrend" t on t."projectId" = p.id"#,
    );
    push_conditions(sql, filter, visibility);
    push_scored(sql, window, after);
    sql.push(format_args!(
        r#" order by {column} desc, t."createdAt" desc, t."projectId" desc limit {limit}), "#
    ));
}

/// Appends `found as (…)`: the projects that an index finds. It is read only if it is needed.
fn push_found(sql: &mut Sql, filter: &Filter, limit: i64) {
    sql.push(r#"found as materialized (select p.id, p."createdAt", p."authorId" from ("#);
    search::push_found(sql, filter, "true", |sql| {
        sql.push(format_args!(" limit {}", search::max_found(limit)));
    });
    sql.push(") p where true");
    push_found_conditions(sql, filter);
    sql.push("), ");
}

/// Appends `kept as (…)` as [`push_kept`] does, for filters that PostgreSQL cannot estimate. As in `search`, most pages of
/// frequent matches are among the best projects, and an index finds the rare ones.
fn push_found_kept(
    sql: &mut Sql,
    filter: &Filter,
    window: Window,
    after: Option<&Position>,
    limit: i64,
) {
    let column = window.column();
    let order = format!(r#"order by {column} desc, t."createdAt" desc, t."projectId" desc"#);
    let push_near = |sql: &mut Sql, count: i64, offset: i64| {
        sql.push(format_args!(
            r#"
            select t."projectId" as id, {column} as rank, t."createdAt" as at
            from (select t.* from "projectTrend" t where true"#
        ));
        push_scored(sql, window, after);
        sql.push(format_args!(
            r#" {order} limit {count} offset {offset}) t
            cross join lateral (
                select from projects p where p.id = t."projectId" and p."isPublic""#
        ));
        push_row_conditions(sql, filter);
        push_visible_author(sql);
        sql.push(" limit 1) p where not (select is_rare from rare)");
    };
    let push_exists = |sql: &mut Sql, offset: i64| {
        sql.push(format_args!(
            r#"exists (select from "projectTrend" t where {column} > 0"#
        ));
        push_after(
            sql,
            after,
            &format!(r#"({column}, t."createdAt", t."projectId")"#),
        );
        sql.push(format_args!(" {order} offset {offset} limit 1)"));
    };
    sql.push("first as materialized (");
    push_near(sql, SAMPLED, 0);
    sql.push(format_args!(
        " {order} limit {limit}), second as materialized ("
    ));
    push_near(sql, SCORED - SAMPLED, SAMPLED);
    sql.push(format_args!(
        " and (select count(*) between {MIN_SAMPLED_MATCHES} and {limit} - 1 from first) {order} limit {limit}
        ),
        older as materialized (
            select (select is_rare from rare)
                or (select count(*) from first) + (select count(*) from second) < {limit}
                and case when (select count(*) from first) < {MIN_SAMPLED_MATCHES} then "
    ));
    push_exists(sql, SAMPLED);
    sql.push(" else ");
    push_exists(sql, SCORED);
    sql.push(format_args!(
        r#" end as wanted
        ),
        kept as materialized (
            select * from first
            union all
            select * from second
            union all
            (
                select p.id, p.rank, p.at
                from (
                    select found.id, found."authorId", t.rank, t.at
                    from found
                    cross join lateral (
                        select {column} as rank, t."createdAt" as at
                        from "projectTrend" t
                        where t."projectId" = found.id"#
    ));
    push_scored(sql, window, after);
    sql.push(
        " limit 1) t
                    where (select wanted from older)
                        and found.id not in (select id from first union all select id from second)",
    );
    // The authors are looked up in this order, until the page is full.
    sql.push(" order by rank desc, at desc, found.id desc offset 0) p where true");
    push_visible_author(sql);
    sql.push(format_args!(
        " order by rank desc, at desc, id desc limit {limit})
            order by rank desc, at desc, id desc
            limit {limit}
        ), "
    ));
}

/// Appends `changed as (…)`: the best projects that match and come after the position, with a score that differs from the
/// kept one.
fn push_changed(
    sql: &mut Sql,
    filter: &Filter,
    visibility: Visibility,
    after: Option<&Position>,
    limit: i64,
) {
    sql.push(
        r#"changed as materialized (
            select p.id, moved.rank, p."createdAt" as at
            from moved
            cross join lateral (select p.id, p."createdAt""#,
    );
    push_from(sql, filter, "");
    push_conditions(sql, filter, visibility);
    sql.push(" and p.id = moved.id limit 1) p where moved.rank > 0");
    push_after(sql, after, r#"(moved.rank, p."createdAt", p.id)"#);
    sql.push(format_args!(
        " order by rank desc, at desc, p.id desc limit {limit}), "
    ));
}

/// Appends the condition that the keys come after the position.
fn push_after(sql: &mut Sql, after: Option<&Position>, keys: &str) {
    match after {
        None => {}
        // The page starts in the projects without a score.
        Some(after) if after.rank <= 0 => {
            sql.push(" and false");
        }
        Some(after) => {
            sql.push(format_args!(" and {keys} < ("));
            sql.push_bind(after.rank).push(", ");
            push_time_and_id(sql, after);
        }
    }
}

/// Appends `others as (…)`: the newest projects that match and have no score, unless the page is already full.
fn push_others(
    sql: &mut Sql,
    filter: &Filter,
    visibility: Visibility,
    window: Window,
    after: Option<&Position>,
    limit: i64,
) {
    sql.push(r#"others as (select p.id, 0 as rank, p."createdAt" as at"#);
    push_from(sql, filter, "");
    push_conditions(sql, filter, visibility);
    sql.push(format_args!(
        " and (select count(*) from kept) + (select count(*) from changed) < {limit}"
    ));
    push_without_score(sql, window);
    push_after_others(sql, after);
    sql.push(format_args!(
        r#" order by p."createdAt" desc, p.id desc limit {limit}), "#
    ));
}

/// Appends `others as (…)` as [`push_others`] does, for filters that PostgreSQL cannot estimate.
fn push_found_others(
    sql: &mut Sql,
    filter: &Filter,
    window: Window,
    after: Option<&Position>,
    limit: i64,
) {
    let order = r#"order by p."createdAt" desc, p.id desc"#;
    let push_newest = |sql: &mut Sql, columns: &str| {
        sql.push(format_args!(
            r#"select {columns} from projects p where p."isPublic""#
        ));
        push_after_others(sql, after);
        sql.push(format_args!(" {order} "));
    };
    // If the index finds the projects with a score, it also finds those without one.
    sql.push(r#"newest as materialized (select p.id, 0 as rank, p."createdAt" as at from ("#);
    push_newest(sql, "p.*");
    sql.push(format_args!(
        "limit {WITHOUT_SCORE}) p
            where not (select wanted from older)
                and (select count(*) from kept) + (select count(*) from changed) < {limit}"
    ));
    push_row_conditions(sql, filter);
    push_without_score(sql, window);
    push_visible_author(sql);
    sql.push(format_args!(
        " {order} limit {limit}),
        older_others as materialized (
            select
                (select count(*) from kept) + (select count(*) from changed) + (select count(*) from newest) < {limit}
                and ((select wanted from older) or exists ("
    ));
    push_newest(sql, "");
    sql.push(format_args!(
        r#"offset {WITHOUT_SCORE} limit 1)) as wanted
        ),
        others as (
            select * from newest where not (select wanted from older_others)
            union all
            (
                select p.id, 0 as rank, p."createdAt" as at
                from (
                    select p.* from found p where (select wanted from older_others)"#
    ));
    push_without_score(sql, window);
    push_after_others(sql, after);
    sql.push(format_args!(" {order} offset 0) p where true"));
    push_visible_author(sql);
    sql.push(format_args!(" {order} limit {limit})), "));
}

/// Appends the condition that `p` has no score.
fn push_without_score(sql: &mut Sql, window: Window) {
    sql.push(format_args!(
        r#" and case
            when p.id in (select id from moved) then p.id in (select id from moved where rank <= 0)
            else coalesce((select {} from "projectTrend" t where t."projectId" = p.id), 0) = 0
        end"#,
        window.column()
    ));
}

/// Appends the condition that `p`, which has no score, comes after the position.
fn push_after_others(sql: &mut Sql, after: Option<&Position>) {
    match after.map(|after| (after.rank.cmp(&0), after)) {
        // The page starts in the projects with a score, so all projects without one follow.
        None | Some((Ordering::Greater, _)) => {}
        Some((Ordering::Equal, after)) => {
            sql.push(r#" and (p."createdAt", p.id) < ("#);
            push_time_and_id(sql, after);
        }
        // No cursor has a negative rank.
        Some((Ordering::Less, _)) => {
            sql.push(" and false");
        }
    }
}

/// Appends time and id of the position, and the parenthesis that closes the comparison.
fn push_time_and_id(sql: &mut Sql, after: &Position) {
    sql.push_bind(after.at).push(", ");
    sql.push_bind(after.id.clone()).push(")");
}
