//! The feed.
//!
//! The statement is built at run time, with every value bound, so that each filter gets the plan that suits it.

use resources::ProjectSummary;
use sqlx::{PgExecutor, Postgres, QueryBuilder};

use super::Position;

type Sql = QueryBuilder<Postgres>;

/// Conditions on the projects of the feed.
pub struct FeedFilter {
    /// All of them must match.
    pub tags: Vec<String>,
    /// One of them must match, regardless of case. Empty matches every language.
    pub languages: Vec<String>,
}

impl FeedFilter {
    fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.languages.is_empty()
    }
}

/// Lists a page of the public projects of visible people whom the user follows, newest first.
///
/// The newest projects of the whole site usually fill the page of a user who follows many people, so the statement reads
/// these first: ten for each person followed. Only if they do not fill the page, and there are older ones, it reads the
/// newest projects of each person followed. So the time is bounded by the number of people followed, not by the number of
/// projects.
pub async fn list_feed(
    db: impl PgExecutor<'_>,
    user: &str,
    filter: &FeedFilter,
    after: Option<Position>,
    limit: i64,
) -> sqlx::Result<Vec<ProjectSummary>> {
    let mut sql = Sql::new(
        r#"
        with hidden as materialized (
            select id from hidden_users()
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
    sql.push("select ");
    ProjectSummary::push_columns_and_from(&mut sql, user);
    sql.push(r#" order by page."createdAt" desc, page.id desc"#);
    // A generic plan would ignore how frequent these tags and languages are.
    let query = sql.build_query_as().persistent(filter.is_empty());
    query.fetch_all(db).await
}

/// Appends `recent as (…)`, the projects for the page among the newest of the whole site, and `older as (…)`, whether
/// older projects must be read.
fn push_recent(sql: &mut Sql, filter: &FeedFilter, after: Option<&Position>, limit: i64) {
    // The index contains the author of a project. Tags and language require a lookup of each project.
    let inspected = if filter.is_empty() {
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
                limit {inspected}
            ) p"#,
    ));
    if !filter.is_empty() {
        // The limit makes PostgreSQL look up each project, in their order.
        sql.push(" cross join lateral (select from projects t where t.id = p.id");
        push_conditions(sql, filter, "t");
        sql.push(" limit 1) matching");
    }
    sql.push(format_args!(
        r#"
            -- With `is true` PostgreSQL probes a hash table, instead of a join that it would plan for an average number of follows.
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
                offset {inspected}
                limit 1
            ) as wanted
        )"#
    ));
}

/// Appends `page as (…)`: the recent projects if they fill the page, otherwise the newest of each person followed.
fn push_page(sql: &mut Sql, filter: &FeedFilter, after: Option<&Position>, limit: i64) {
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

/// Appends the conditions of the filter on a project.
fn push_conditions(sql: &mut Sql, filter: &FeedFilter, project: &'static str) {
    if !filter.tags.is_empty() {
        sql.push(format_args!(" and fold_all({project}.tags) @> fold_all("));
        sql.push_bind(filter.tags.clone()).push(")");
    }
    if !filter.languages.is_empty() {
        sql.push(format_args!(
            " and fold({project}.language) = any (fold_all("
        ));
        sql.push_bind(filter.languages.clone()).push("))");
    }
}

/// Appends the condition that a project comes after the previous page.
fn push_after(sql: &mut Sql, after: Option<&Position>) {
    if let Some((at, id)) = after {
        sql.push(r#" and (p."createdAt", p.id) < ("#)
            .push_bind(*at)
            .push(", ")
            .push_bind(id.clone())
            .push(")");
    }
}
