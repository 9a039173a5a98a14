//! What people talk about now.

use std::cmp::Ordering;

use super::{
    filter::{HIDDEN, Sql, Visible, push_conditions, push_from},
    list::After,
};
use crate::filter::{Filter, Window};

/// Appends `page as (…)`: by likes (3 each) and people who commented (2 each) within the window, by visible users other
/// than the author. Projects without any follow, newest first, so that a quiet site still fills the page.
pub fn push_page(
    sql: &mut Sql,
    filter: &Filter,
    is_own: bool,
    window: Window,
    after: Option<&After>,
    limit: i64,
) {
    let visible = if is_own {
        Visible::Own
    } else {
        Visible::AtOnce
    };
    sql.push("clock as (select ");
    // All pages look at the same time, that of the first one.
    match after.and_then(|after| after.as_of) {
        Some(as_of) => sql.push_bind(as_of).push("::timestamp"),
        None => sql.push("now() at time zone 'utc'"),
    };
    push_scores(sql, filter, visible, window);
    sql.push("ranked as ((select id, rank, at from scored");
    if let Some(after) = after {
        sql.push(" where (rank, at, id) < (");
        push_keys(sql, after, true);
    }
    sql.push(format_args!(
        r#" order by rank desc, at desc, id desc limit {limit})
            union all
            (select p.id, 0, p."createdAt""#
    ));
    push_from(sql, filter, "");
    push_conditions(sql, filter, visible);
    sql.push(" and p.id not in (select id from scored)");
    if let Some(after) = after {
        match after.rank.cmp(&0) {
            // The cursor stands among the projects with a score, so these all follow.
            Ordering::Greater => {}
            Ordering::Equal => {
                sql.push(r#" and (p."createdAt", p.id) < ("#);
                push_keys(sql, after, false);
            }
            // Nobody was handed such a cursor.
            Ordering::Less => {
                sql.push(" and false");
            }
        }
    }
    sql.push(format_args!(
        r#" order by p."createdAt" desc, p.id desc limit {limit})
        ),
        page as (
            select id, rank, at, id as key, (select now from clock) as as_of
            from ranked
            order by rank desc, at desc, id desc
            limit {limit}
        )"#
    ));
}

/// Appends `scored`: all projects that match and have a score.
fn push_scores(sql: &mut Sql, filter: &Filter, visible: Visible, window: Window) {
    let within = format!(
        r#""createdAt" > (select now from clock) - interval '{} hours'
                and "createdAt" <= (select now from clock)"#,
        window.hours()
    );
    sql.push(format_args!(
        r#" as now),
        hidden as materialized ({HIDDEN}),
        act as (
            select "projectId", "userId", 3 as weight
            from likes
            where {within}
                and "userId" not in (select id from hidden)
            union all
            select distinct "projectId", "authorId", 2
            from comments
            where {within}
                and "authorId" not in (select id from hidden)
        ),
        scored as materialized (
            select p.id, p."createdAt" as at, sum(act.weight)::int4 as rank"#
    ));
    push_from(
        sql,
        filter,
        r#"join act on act."projectId" = p.id and act."userId" <> p."authorId""#,
    );
    push_conditions(sql, filter, visible);
    sql.push(r#" group by p.id, p."createdAt"),"#);
}

/// Appends the cursor's keys and the bracket that closes the comparison.
fn push_keys(sql: &mut Sql, after: &After, with_rank: bool) {
    if with_rank {
        sql.push_bind(after.rank).push(", ");
    }
    sql.push_bind(after.at).push(", ");
    sql.push_bind(after.id.clone()).push(")");
}
