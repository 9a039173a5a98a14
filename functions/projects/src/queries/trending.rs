//! The order by recent likes and comments.

use std::cmp::Ordering;

use super::{
    filter::{Sql, Visibility, push_conditions, push_from},
    position::Position,
};
use crate::filter::{Filter, Window};

/// Points of a like, and of a user who commented.
const LIKE: i32 = 3;
const COMMENTER: i32 = 2;

/// Below this score so many projects have the same number of points that it is cheaper to exclude the authors' own likes and
/// comments first.
const CROWDED: i32 = 30;

/// The likes and comments that points include.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Points {
    /// All, including those of the author.
    All,
    /// Those of other users, as in scores.
    OfOthers,
}

impl Points {
    /// The largest difference between the points and the score of a project.
    fn margin(self) -> i32 {
        match self {
            Self::All => LIKE + COMMENTER,
            Self::OfOthers => 0,
        }
    }
}

/// Appends `page as (…)`, ordered by score: 3 for each like and 2 for each user who commented within the window, without
/// hidden users and the author. Projects with a score of 0 come last, newest first, so that a quiet site still fills the
/// page.
///
/// The statement sums up points before it reads any project. The points include those of the author, at most one like and
/// one commenter. It then reads projects from the most points down, only as far as the page can reach. Where it would read
/// too many projects, it excludes the points of the authors first.
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
        Visibility::AtOnce
    };
    let points = match after {
        Some(after) if after.rank > 0 && after.rank < CROWDED => Points::OfOthers,
        _ => Points::All,
    };
    push_points(sql, points, window, after);
    // The page cannot reach below the points of the last of `limit` projects, except by the margin.
    sql.push("reach as materialized (select points.sum");
    push_scored(sql, points, filter, visibility, after);
    sql.push(format_args!(
        " order by points.sum desc limit {limit}), best as materialized (select p.id, "
    ));
    push_score(sql, points);
    sql.push(r#" as rank, p."createdAt" as at"#);
    push_scored(sql, points, filter, visibility, after);
    sql.push(format_args!(
        " and (
                (select count(*) from reach) < {limit}
                or points.sum >= (select min(sum) - {} from reach)
            )
        ),",
        points.margin()
    ));
    push_others(sql, points, filter, visibility, after, limit);
    sql.push(format_args!(
        "page as (
            select id, rank, at, id as key, (select until from clock) as as_of
            from (select * from best union all select * from others) ranked
            order by rank desc, at desc, id desc
            limit {limit}
        )"
    ));
}

/// Appends `clock`, the window, and `points`, the points of each project with likes or comments in the window.
fn push_points(sql: &mut Sql, points: Points, window: Window, after: Option<&Position>) {
    sql.push("clock as materialized (select until, until - interval '");
    sql.push(window.hours());
    sql.push(" hours' as since from (select ");
    // All pages use the time of the first page.
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
        hidden as materialized (select id from hidden_users()),
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

/// Appends the score of `p`: its `points` without those of the author. Hidden authors need no check, because their projects
/// are not visible.
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

/// Appends `from … where …` for the projects that match, have a score and come after the position, most points first.
fn push_scored(
    sql: &mut Sql,
    points: Points,
    filter: &Filter,
    visibility: Visibility,
    after: Option<&Position>,
) {
    push_from(
        sql,
        filter,
        "join (select id, sum from points order by sum desc) points on points.id = p.id",
    );
    push_conditions(sql, filter, visibility);
    match after {
        None => {}
        // The page starts in the projects without a score.
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
            push_time_and_id(sql, after);
        }
    }
    sql.push(format_args!(" and (points.sum > {} or (", points.margin()));
    push_score(sql, points);
    sql.push(") > 0)");
}

/// Appends `others as (…)`: the newest projects that match and have no score, unless the page is already full.
fn push_others(
    sql: &mut Sql,
    points: Points,
    filter: &Filter,
    visibility: Visibility,
    after: Option<&Position>,
    limit: i64,
) {
    sql.push(r#"others as (select p.id, 0 as rank, p."createdAt" as at"#);
    push_from(sql, filter, "left join points on points.id = p.id");
    push_conditions(sql, filter, visibility);
    sql.push(format_args!(
        " and (select count(*) from best) < {limit} and (points.sum is null or ("
    ));
    push_score(sql, points);
    sql.push(") = 0)");
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
    sql.push(format_args!(
        r#" order by p."createdAt" desc, p.id desc limit {limit}),"#
    ));
}

/// Appends time and id of the position, and the parenthesis that closes the comparison.
fn push_time_and_id(sql: &mut Sql, after: &Position) {
    sql.push_bind(after.at).push(", ");
    sql.push_bind(after.id.clone()).push(")");
}
