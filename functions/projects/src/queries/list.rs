//! Pages of projects in every order.

use chrono::NaiveDateTime;
use shared::db::NOBODY;
use sqlx::{FromRow, PgExecutor};

use super::{
    filter::{Sql, Visible, push_conditions, push_from},
    relevance, trending,
};
use crate::{
    filter::{Filter, Window},
    project::ProjectSummary,
};

/// What a list is ordered by, always descending. Every order ends in an id.
#[derive(Clone, Copy, Debug)]
pub enum Order {
    Newest,
    Updated,
    /// By the time of the like that `likedBy` asks for.
    Liked,
    Likes,
    Comments,
    Views,
    Trending(Window),
    Relevance,
}

impl Order {
    /// As cursors name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Updated => "updated",
            Self::Liked => "liked",
            Self::Likes => "likes",
            Self::Comments => "comments",
            Self::Views => "views",
            Self::Trending(_) => "trending",
            Self::Relevance => "relevance",
        }
    }
}

/// The place of a row in its list. Orders by time alone have the rank 0.
#[derive(Clone, Debug)]
pub struct After {
    /// What `trending` calls now.
    pub as_of: Option<NaiveDateTime>,
    pub rank: i32,
    pub at: NaiveDateTime,
    pub id: String,
}

/// A project and its place in a list.
#[derive(Debug, FromRow)]
pub struct Listed {
    pub as_of: Option<NaiveDateTime>,
    pub rank: i32,
    pub at: NaiveDateTime,
    pub key: String,
    #[sqlx(flatten)]
    pub project: ProjectSummary,
}

/// A page of the projects that match, as far as the viewer may see them.
pub async fn list_projects(
    db: impl PgExecutor<'_>,
    viewer: Option<&str>,
    filter: &Filter,
    order: Order,
    after: Option<After>,
    limit: i64,
) -> sqlx::Result<Vec<Listed>> {
    let mut sql = Sql::new("with ");
    let is_own = filter.is_own(viewer);
    match (order, filter.terms.as_slice()) {
        (Order::Trending(window), _) => {
            trending::push_page(&mut sql, filter, is_own, window, after.as_ref(), limit);
        }
        (Order::Relevance, [term]) if term.is_indexed() => {
            relevance::push_page(&mut sql, filter, term, is_own, after.as_ref(), limit);
        }
        _ => push_page(&mut sql, filter, is_own, order, after, limit),
    }
    push_select(&mut sql, viewer.unwrap_or(NOBODY));
    // The server keeps the plans of what many requests ask. With other values a plan would be another one: one for any
    // values would not know how frequent these tags, terms and users are.
    let query = sql.build_query_as().persistent(filter.is_empty());
    query.fetch_all(db).await
}

/// Appends `page as (…)` for the orders by columns and by relevance.
fn push_page(
    sql: &mut Sql,
    filter: &Filter,
    is_own: bool,
    order: Order,
    after: Option<After>,
    limit: i64,
) {
    let visible = match order {
        _ if is_own => Visible::Own,
        Order::Relevance => Visible::AtOnce,
        _ => Visible::OneByOne,
    };
    let (at, key) = match order {
        Order::Updated => (r#"p."updatedAt""#, "p.id"),
        Order::Liked => (r#"l."createdAt""#, "l.id"),
        _ => (r#"p."createdAt""#, "p.id"),
    };
    sql.push("page as (select p.id, ");
    let has_rank = push_rank(sql, filter, order);
    sql.push(format_args!(
        " as rank, {at} as at, {key} as key, null::timestamp as as_of"
    ));
    push_from(sql, filter, "");
    push_conditions(sql, filter, visible);
    if let Some(after) = after {
        if has_rank {
            sql.push(" and (");
            push_rank(sql, filter, order);
            sql.push(format_args!(", {at}, {key}) < ("));
            sql.push_bind(after.rank).push(", ");
        } else {
            sql.push(format_args!(" and ({at}, {key}) < ("));
        }
        sql.push_bind(after.at).push(", ");
        sql.push_bind(after.id).push(")");
    }
    sql.push(" order by ");
    if has_rank {
        push_rank(sql, filter, order);
        sql.push(" desc, ");
    }
    // The limit stands in the text, so that the planner knows that it is small.
    sql.push(format_args!("{at} desc, {key} desc limit {limit})"));
}

/// Appends what the order ranks by; whether that is more than a constant.
fn push_rank(sql: &mut Sql, filter: &Filter, order: Order) -> bool {
    let column = match order {
        Order::Likes => r#"p."likeCount""#,
        Order::Comments => r#"p."commentCount""#,
        Order::Views => r#"p."viewCount""#,
        Order::Relevance if !filter.terms.is_empty() => {
            for (index, term) in filter.terms.iter().enumerate() {
                sql.push(if index == 0 { "(" } else { " + " });
                sql.push("case when lower(p.title) like lower(");
                sql.push_bind(term.pattern.clone())
                    .push(") then 4 when lower(");
                sql.push_bind(term.text.clone())
                    .push(") = any (p.tags) then 2 else 1 end");
            }
            sql.push(")");
            return true;
        }
        _ => {
            sql.push("0");
            return false;
        }
    };
    sql.push(column);
    true
}

/// Appends the answer's columns for the projects of `page`.
fn push_select(sql: &mut Sql, viewer: &str) {
    sql.push(
        r#"
        select
            page.as_of,
            page.rank,
            page.at,
            page.key,
            p.id,
            p.title,
            p.description,
            coalesce(p.tags, '{}') as tags,
            p.language,
            p."isPublic" as is_public,
            p."viewCount" as view_count,
            p."likeCount" as like_count,
            -- The column leaves out everybody who is marked as banned, also where the ban has run out.
            p."commentCount" + (
                select count(*)
                from comments c
                where c."projectId" = p.id
                    and c."authorId" in (select b.id from "user" b where b.banned and is_visible(b))
            ) as comment_count,
            p."createdAt" as created_at,
            p."updatedAt" as updated_at,
            p."authorId" as author_id,
            u.name as author_name,
            u.image as author_image,
            u.avatar as author_avatar,
            u."githubUsername" as author_github_username,
            u."isPro" as author_is_pro,
            exists (
                select from follows f where f."followingId" = u.id and f."followerId" = "#,
    );
    sql.push_bind(viewer.to_owned());
    sql.push(
        r#"
            ) as is_following,
            exists (
                select from likes l where l."projectId" = p.id and l."userId" = "#,
    );
    sql.push_bind(viewer.to_owned());
    sql.push(
        r#"
            ) as is_liked
        from page
        join projects p on p.id = page.id
        join "user" u on u.id = p."authorId"
        order by page.rank desc, page.at desc, page.key desc
        "#,
    );
}
