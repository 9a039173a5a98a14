//! The feed.
//!
//! Written at run time, with every value bound, so that each filter has the plan that suits it.

use shared::time::Timestamp;
use sqlx::{FromRow, PgExecutor, Postgres, QueryBuilder};

use super::After;
use crate::{feed::ProjectSummary, people::Author};

type Sql = QueryBuilder<Postgres>;

/// Which projects the feed has.
pub struct Filter {
    /// All must match.
    pub tags: Vec<String>,
    /// One must match, whatever the case; empty lets all through.
    pub languages: Vec<String>,
}

impl Filter {
    fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.languages.is_empty()
    }
}

#[derive(FromRow)]
struct FeedRow {
    id: String,
    title: String,
    description: Option<String>,
    tags: Vec<String>,
    language: Option<String>,
    is_public: bool,
    view_count: i32,
    like_count: i32,
    comment_count: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
    author_id: String,
    name: String,
    image: Option<String>,
    avatar: Option<String>,
    github_username: Option<String>,
    is_pro: bool,
    is_liked: bool,
}

impl FeedRow {
    fn summary(self) -> ProjectSummary {
        ProjectSummary {
            id: self.id,
            title: self.title,
            description: self.description,
            tags: self.tags,
            language: self.language,
            is_public: self.is_public,
            view_count: self.view_count,
            like_count: self.like_count,
            comment_count: self.comment_count,
            created_at: self.created_at,
            updated_at: self.updated_at,
            author_id: self.author_id.clone(),
            author: Author {
                id: self.author_id,
                name: self.name,
                image: self.image,
                avatar: self.avatar,
                github_username: self.github_username,
                is_pro: self.is_pro,
                // Only projects of people whom the caller follows are here.
                is_following: true,
            },
            is_liked: self.is_liked,
        }
    }
}

/// A page of public projects by visible people whom the user follows, newest first.
///
/// Whoever follows many people finds enough for a page among the newest projects of all, so these are looked at first: some
/// for each of the people followed. Only when they do not fill the page and there are older ones, all those people are asked
/// for theirs. So the time is bounded by the number of people followed, whatever the number of projects.
pub async fn list_feed(
    db: impl PgExecutor<'_>,
    user: &str,
    filter: &Filter,
    after: Option<After>,
    limit: i64,
) -> sqlx::Result<Vec<ProjectSummary>> {
    let mut sql = Sql::new(
        r#"
        with hidden as materialized (
            select u.id from "user" u where not u."isActive"
            union all
            select u.id from "user" u where u.banned and not is_visible(u)
        ),
        followed as materialized (
            select f."followingId" as id
            from follows f
            where f."followingId" not in (select id from hidden)
                and f."followerId" = "#,
    );
    sql.push_bind(user.to_owned());
    sql.push(r#" and f."followingId" <> "#)
        .push_bind(user.to_owned());
    push_recent(&mut sql, filter, after.as_ref(), limit);
    push_page(&mut sql, filter, after.as_ref(), limit);
    push_select(&mut sql, user);
    // A plan for any values would not know how frequent these tags and languages are.
    let query = sql
        .build_query_as::<FeedRow>()
        .persistent(filter.is_empty());
    let rows = query.fetch_all(db).await?;
    Ok(rows.into_iter().map(FeedRow::summary).collect())
}

/// Appends `recent as (…)`: what is for the page among the newest projects of all; and `older as (…)`: whether others need to
/// be asked for.
fn push_recent(sql: &mut Sql, filter: &Filter, after: Option<&After>, limit: i64) {
    // Whose project it is stands in the index; what it is about does not, so there fewer are looked at.
    let looked_at = if filter.is_empty() {
        "(select 10 * count(*) from followed)"
    } else {
        "1000"
    };
    sql.push(
        r#"
        ),
        recent as materialized (
            select p.id, p."createdAt"
            from (
                select p.id, p."createdAt", p."authorId"
                from projects p
                where p."isPublic""#,
    );
    push_after(sql, after);
    sql.push(format_args!(
        r#"
                order by p."createdAt" desc, p.id desc
                limit {looked_at}
            ) p"#,
    ));
    if !filter.is_empty() {
        // With a limit it stays a look-up of each, in their order.
        sql.push(" cross join lateral (select from projects t where t.id = p.id");
        push_conditions(sql, filter, "t");
        sql.push(" limit 1) matching");
    }
    sql.push(format_args!(
        r#"
            -- `is true` makes it a hash that is looked up, and not a join that is planned for an average user's follows.
            where (p."authorId" in (select id from followed)) is true
            order by p."createdAt" desc, p.id desc
            limit {limit}
        ),
        older as materialized (
            select (select count(*) from recent) < {limit} and exists (
                select
                from projects p
                where p."isPublic""#,
    ));
    push_after(sql, after);
    sql.push(format_args!(
        r#"
                order by p."createdAt" desc, p.id desc
                offset {looked_at}
                limit 1
            ) as wanted
        )"#
    ));
}

/// Appends `page as (…)`: the recent ones where they fill it, or else everybody's.
fn push_page(sql: &mut Sql, filter: &Filter, after: Option<&After>, limit: i64) {
    sql.push(
        r#",
        page as (
            select id, "createdAt" from recent where not (select wanted from older)
            union all
            select p.id, p."createdAt"
            from followed"#,
    );
    if filter.is_empty() {
        sql.push(
            r#"
            cross join lateral (
                select p.id, p."createdAt"
                from projects p
                where p."authorId" = followed.id and p."isPublic""#,
        );
        push_after(sql, after);
        sql.push(format_args!(
            r#"
                order by p."createdAt" desc, p.id desc
                limit {limit}
            ) p
            where true"#
        ));
    } else {
        sql.push(r#" join projects p on p."authorId" = followed.id where p."isPublic""#);
        push_conditions(sql, filter, "p");
        push_after(sql, after);
    }
    sql.push(format_args!(
        r#"
                and (select wanted from older)
            order by "createdAt" desc, id desc
            limit {limit}
        )"#
    ));
}

/// Appends what the filter asks of a project.
fn push_conditions(sql: &mut Sql, filter: &Filter, project: &'static str) {
    if !filter.tags.is_empty() {
        sql.push(format_args!(" and {project}.tags @> "));
        sql.push_bind(filter.tags.clone());
    }
    if !filter.languages.is_empty() {
        sql.push(format_args!(
            " and lower({project}.language) = any (lower_all("
        ));
        sql.push_bind(filter.languages.clone()).push("))");
    }
}

/// Appends that a project comes after the page before.
fn push_after(sql: &mut Sql, after: Option<&After>) {
    if let Some((at, id)) = after {
        sql.push(r#" and (p."createdAt", p.id) < ("#)
            .push_bind(*at)
            .push(", ")
            .push_bind(id.clone())
            .push(")");
    }
}

/// Appends the answer's columns for the projects of `page`.
fn push_select(sql: &mut Sql, user: &str) {
    sql.push(
        r#"
        select
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
            u.name,
            u.image,
            u.avatar,
            u."githubUsername" as github_username,
            u."isPro" as is_pro,
            exists (select from likes l where l."projectId" = p.id and l."userId" = "#,
    );
    sql.push_bind(user.to_owned());
    sql.push(
        r#") as is_liked
        from page
        join projects p on p.id = page.id
        join "user" u on u.id = p."authorId"
        order by page."createdAt" desc, page.id desc
        "#,
    );
}
