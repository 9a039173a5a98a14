//! What people talk about now.

use std::cmp::Ordering;

use super::{
    filter::{HIDDEN, Sql, Visible, push_conditions, push_from},
    list::After,
};
use crate::filter::{Filter, Window};

/// Points of a like, and of somebody who commented.
const LIKE: i32 = 3;
const COMMENTER: i32 = 2;

/// Below that score so many projects have the same few points that it is cheaper to leave out the authors' own at once.
const CROWDED: i32 = 30;

/// What points count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Points {
    /// The author's own too.
    All,
    /// What scores do.
    OfOthers,
}

impl Points {
    /// How far a score may lie below the points.
    fn margin(self) -> i32 {
        match self {
            Self::All => LIKE + COMMENTER,
            Self::OfOthers => 0,
        }
    }
}

/// Appends `page as (…)`: by likes (3 each) and people who commented (2 each) within the window, by visible users other
/// than the author. Projects without any follow, newest first, so that a quiet site still fills the page.
///
/// Points are added up before any project is looked at, the author's own among them, which are at most one like and one
/// commenter. Projects are then looked up from the most points down, only as far as the page may reach; or all of them at
/// once, where that is far.
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
    let points = match after {
        Some(after) if after.rank > 0 && after.rank < CROWDED => Points::OfOthers,
        _ => Points::All,
    };
    push_points(sql, points, window, after);
    // The last of as many as the page has room for says how far it may reach.
    sql.push("reach as materialized (select points.sum");
    push_scored(sql, points, filter, visible, after);
    sql.push(format_args!(
        " order by points.sum desc limit {limit}), best as materialized (select p.id, "
    ));
    push_score(sql, points);
    sql.push(r#" as rank, p."createdAt" as at"#);
    push_scored(sql, points, filter, visible, after);
    sql.push(format_args!(
        " and (
                (select count(*) from reach) < {limit}
                or points.sum >= (select min(sum) - {} from reach)
            )
        ),",
        points.margin()
    ));
    push_others(sql, points, filter, visible, after, limit);
    sql.push(format_args!(
        "page as (
            select id, rank, at, id as key, (select until from clock) as as_of
            from (select * from best union all select * from others) ranked
            order by rank desc, at desc, id desc
            limit {limit}
        )"
    ));
}

/// Appends `clock`, the window, and `points`, the projects that anything happened to in it.
fn push_points(sql: &mut Sql, points: Points, window: Window, after: Option<&After>) {
    sql.push("clock as materialized (select until, until - interval '");
    sql.push(window.hours());
    sql.push(" hours' as since from (select ");
    // All pages look at the same time, that of the first one.
    match after.and_then(|after| after.as_of) {
        Some(as_of) => sql.push_bind(as_of).push("::timestamp"),
        None => sql.push("now() at time zone 'utc'"),
    };
    let of_others = |user| match points {
        Points::All => String::new(),
        Points::OfOthers => format!(
            r#"join (select id as made, "authorId" as maker from projects) own
                    on made = "projectId" and maker <> {user}"#
        ),
    };
    let (likes, comments) = (of_others(r#""userId""#), of_others(r#""authorId""#));
    sql.push(format_args!(
        r#" as until) now),
        hidden as materialized ({HIDDEN}),
        points as materialized (
            select id, sum(points)::int4 as sum
            from (
                select "projectId" as id, {LIKE} * count(*) as points
                from likes {likes}
                where {WITHIN} and "userId" not in (select id from hidden)
                group by "projectId"
                union all
                select "projectId", {COMMENTER} * count(*)
                from (
                    select distinct "projectId", "authorId"
                    from comments {comments}
                    where {WITHIN} and "authorId" not in (select id from hidden)
                ) commenter
                group by "projectId"
            ) act
            group by id
        ),"#
    ));
}

const WITHIN: &str =
    r#""createdAt" > (select since from clock) and "createdAt" <= (select until from clock)"#;

/// Appends the score of `p`: its `points` without the author's own. An author who does not count has no visible projects.
fn push_score(sql: &mut Sql, points: Points) {
    sql.push("points.sum");
    if points == Points::OfOthers {
        return;
    }
    sql.push(format_args!(
        r#"
            - {LIKE} * exists (
                select from likes
                where "projectId" = p.id and "userId" = p."authorId" and {WITHIN}
            )::int4
            - {COMMENTER} * exists (
                select from comments
                where "projectId" = p.id and "authorId" = p."authorId" and {WITHIN}
            )::int4"#
    ));
}

/// Appends the projects that match, have a score and come after, from those with the most points.
fn push_scored(
    sql: &mut Sql,
    points: Points,
    filter: &Filter,
    visible: Visible,
    after: Option<&After>,
) {
    push_from(
        sql,
        filter,
        "join (select id, sum from points order by sum desc) points on points.id = p.id",
    );
    push_conditions(sql, filter, visible);
    match after {
        None => {}
        // The page starts among the projects without a score.
        Some(after) if after.rank <= 0 => {
            sql.push(" and false");
        }
        Some(after) => {
            sql.push(" and points.sum <= ")
                .push_bind(after.rank.saturating_add(points.margin()));
            sql.push(" and (");
            push_score(sql, points);
            sql.push(r#", p."createdAt", p.id) < ("#);
            sql.push_bind(after.rank).push(", ");
            push_place(sql, after);
        }
    }
    sql.push(format_args!(" and (points.sum > {} or (", points.margin()));
    push_score(sql, points);
    sql.push(") > 0)");
}

/// Appends `others`: the first projects that match and have no score, unless the page is full already.
fn push_others(
    sql: &mut Sql,
    points: Points,
    filter: &Filter,
    visible: Visible,
    after: Option<&After>,
    limit: i64,
) {
    sql.push(r#"others as (select p.id, 0 as rank, p."createdAt" as at"#);
    push_from(sql, filter, "left join points on points.id = p.id");
    push_conditions(sql, filter, visible);
    sql.push(format_args!(
        " and (select count(*) from best) < {limit} and (points.sum is null or ("
    ));
    push_score(sql, points);
    sql.push(") = 0)");
    match after.map(|after| (after.rank.cmp(&0), after)) {
        // The page starts among the projects with a score, so these all follow.
        None | Some((Ordering::Greater, _)) => {}
        Some((Ordering::Equal, after)) => {
            sql.push(r#" and (p."createdAt", p.id) < ("#);
            push_place(sql, after);
        }
        // Nobody was handed such a cursor.
        Some((Ordering::Less, _)) => {
            sql.push(" and false");
        }
    }
    sql.push(format_args!(
        r#" order by p."createdAt" desc, p.id desc limit {limit}),"#
    ));
}

/// Appends the cursor's time and id and the bracket that closes the comparison.
fn push_place(sql: &mut Sql, after: &After) {
    sql.push_bind(after.at).push(", ");
    sql.push_bind(after.id.clone()).push(")");
}
