//! Projects in lists.

use std::fmt::Display;

use platform::{db::NOBODY, time::Timestamp};
use serde::Serialize;
use sqlx::{FromRow, Postgres, QueryBuilder};
use utoipa::ToSchema;

use crate::Author;

/// A project in a list.
#[derive(Debug, Serialize, ToSchema, FromRow)]
#[serde(rename_all = "camelCase")]
pub struct ProjectSummary {
    pub id: String,
    pub title: String,
    pub description: Option<String>,
    pub tags: Vec<String>,
    pub language: Option<String>,
    pub is_public: bool,
    pub view_count: i32,
    pub like_count: i32,
    pub comment_count: i32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub author_id: String,
    #[sqlx(flatten)]
    pub author: Author,
    pub is_liked: bool,
}

impl ProjectSummary {
    /// Appends the columns of summaries as the viewer sees them, and `from page join …`: the common table expression `page`
    /// contains the ids of the projects.
    pub fn push_columns_and_from(sql: &mut QueryBuilder<Postgres>, viewer: &str) {
        sql.push(
            r#"
            p.id,
            p.title,
            p.description,
            coalesce(p.tags, '{}') as tags,
            p.language,
            p."isPublic" as is_public,
            p."viewCount" as view_count,
            p."likeCount" as like_count,
            comments.count::int as comment_count,
            p."createdAt" as created_at,
            p."updatedAt" as updated_at,
            p."authorId" as author_id,
            u.name as author_name,
            u.image as author_image,
            u.avatar as author_avatar,
            u."githubUsername" as author_github_username,
            u."isPro" as author_is_pro,
            "#,
        );
        push_flags(sql, viewer);
        sql.push(
            r#"
            from page
            join projects p on p.id = page.id
            join "user" u on u.id = p."authorId"
            cross join lateral visible_comments(p.id, p."commentCount") comments
            "#,
        );
    }
}

/// Appends whether the viewer follows the author and likes the project.
fn push_flags(sql: &mut QueryBuilder<Postgres>, viewer: &str) {
    // A signed-out viewer does neither. The lookups are a third of the time of the statement.
    if viewer == NOBODY {
        sql.push("false as is_following, false as is_liked");
        return;
    }
    sql.push(r#"(select true from follows f where f."followingId" = u.id and f."followerId" = "#);
    sql.push_bind(viewer.to_owned());
    sql.push(
        r#" limit 1) is not null as is_following,
            (select true from likes l where l."projectId" = p.id and l."userId" = "#,
    );
    sql.push_bind(viewer.to_owned());
    sql.push(" limit 1) is not null as is_liked");
}

/// Appends an expression that is true if one of the tags, or all languages together, have fewer projects than `bound`, which is
/// an expression, too. Triggers maintain the counts in `projectFacet`.
pub fn push_is_rare(
    sql: &mut QueryBuilder<Postgres>,
    bound: impl Display,
    tags: &[String],
    languages: &[String],
) {
    sql.push("(false");
    for tag in tags {
        sql.push(format_args!(
            r#" or {bound} > coalesce((
                select sum(count) from "projectFacet" where "isTag" and fold(name) = fold("#
        ));
        sql.push_bind(tag.clone()).push(")), 0)");
    }
    if !languages.is_empty() {
        sql.push(format_args!(
            r#" or {bound} > coalesce((
                select sum(count) from "projectFacet" where not "isTag" and fold(name) = any (fold_all("#
        ));
        sql.push_bind(languages.to_vec()).push("))), 0)");
    }
    sql.push(")");
}
