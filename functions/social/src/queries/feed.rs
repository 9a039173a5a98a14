//! The feed.

use shared::time::Timestamp;
use sqlx::PgExecutor;

use super::After;
use crate::{feed::ProjectSummary, people::Author};

/// Which projects the feed has.
pub struct Filter {
    /// All must match.
    pub tags: Vec<String>,
    /// One must match, whatever the case; empty lets all through.
    pub languages: Vec<String>,
}

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
/// Among the newest projects of all there are mostly enough of those, so these are looked at first. Only when they do not
/// fill the page, each of the people followed is asked for their newest. So the time is bounded by the number of people
/// followed, whatever the number of projects.
pub async fn list_feed(
    db: impl PgExecutor<'_>,
    user: &str,
    filter: &Filter,
    after: Option<After>,
    limit: i64,
) -> sqlx::Result<Vec<ProjectSummary>> {
    let (at, id) = after.unzip();
    let rows = sqlx::query_as!(
        FeedRow,
        r#"
        with hidden as materialized (
            select u.id from "user" u where not u."isActive"
            union all
            select u.id from "user" u where u.banned and not is_visible(u)
        ),
        followed as materialized (
            select f."followingId" as id
            from follows f
            where f."followerId" = $1
                and f."followingId" <> $1
                and f."followingId" not in (select id from hidden)
        ),
        language as materialized (
            select lower(name) as name from unnest($3::text[]) as wanted (name)
        ),
        recent as materialized (
            select p.id, p."createdAt"
            from (
                select p.id, p."createdAt", p."authorId", p.tags, p.language
                from projects p
                where p."isPublic"
                    and (p."createdAt", p.id) < (coalesce($4, timestamp 'infinity'), coalesce($5, ''))
                order by p."createdAt" desc, p.id desc
                limit 1000
            ) p
            -- `is true` makes it a hash that is looked up, and not a join that is planned for an average user's follows.
            where (p."authorId" in (select id from followed)) is true
                and coalesce(p.tags, '{}') @> $2::text[]
                and (cardinality($3) = 0 or lower(p.language) in (select name from language))
            order by p."createdAt" desc, p.id desc
            limit $6
        ),
        page as (
            select id, "createdAt" from recent where (select count(*) from recent) = $6
            union all
            select p.id, p."createdAt"
            from followed
            cross join lateral (
                select p.id, p."createdAt"
                from projects p
                where p."authorId" = followed.id
                    and p."isPublic"
                    and coalesce(p.tags, '{}') @> $2::text[]
                    and (cardinality($3) = 0 or lower(p.language) in (select name from language))
                    and (p."createdAt", p.id) < (coalesce($4, timestamp 'infinity'), coalesce($5, ''))
                order by p."createdAt" desc, p.id desc
                limit $6
            ) p
            where (select count(*) from recent) < $6
            order by "createdAt" desc, id desc
            limit $6
        )
        select
            p.id,
            p.title,
            p.description,
            coalesce(p.tags, '{}') as "tags!",
            p.language,
            p."isPublic" as is_public,
            p."viewCount" as view_count,
            p."likeCount" as like_count,
            (
                select count(*)
                from comments c
                where c."projectId" = p.id and c."authorId" not in (select hidden.id from hidden)
            ) as "comment_count!",
            p."createdAt" as "created_at: Timestamp",
            p."updatedAt" as "updated_at: Timestamp",
            p."authorId" as author_id,
            u.name,
            u.image,
            u.avatar,
            u."githubUsername" as github_username,
            u."isPro" as is_pro,
            exists (select from likes where "userId" = $1 and "projectId" = p.id) as "is_liked!"
        from page
        join projects p on p.id = page.id
        join "user" u on u.id = p."authorId"
        order by page."createdAt" desc, page.id desc
        "#,
        user,
        &filter.tags,
        &filter.languages,
        at,
        id,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(FeedRow::summary).collect())
}
