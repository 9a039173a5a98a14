//! The feed.
//!
//! The statement is built at run time, with every value bound, so that each filter gets the plan that suits it.

use resources::{ProjectSummary, push_is_rare};
use sqlx::{PgExecutor, Postgres, QueryBuilder};

use super::Position;

type Sql = QueryBuilder<Postgres>;

/// Estimated number of projects of all followed people: 20 of each, which is more than the average.
const PROJECTS_OF_FOLLOWED: &str = "20 * (select count(*) from followed)";
/// Maximum number of projects that are read from the index of tags and languages.
const MAX_FOUND: i64 = 20_000;

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
/// these first: ten for each person followed, and at most 10,000. Only if they do not fill the page, and there are older ones, it
/// reads the newest projects of each person followed. The time depends on the number of people followed, not on the number of
/// projects.
///
/// With tags or languages, the statement reads the newest 5,000 projects of the site. If they do not fill the page, it reads the
/// projects of each person followed, or those that an index finds by tags and languages. It takes the set that is probably smaller.
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
        "(select least(10 * count(*), 10000) from followed)"
    } else {
        "5000"
    };
    let columns = if filter.is_empty() {
        r#"p.id, p."createdAt", p."authorId""#
    } else {
        "p.*"
    };
    sql.push(
        r#"
        ),
        recent as materialized (
            select p.id, p."createdAt"
            from (
                select "#,
    );
    sql.push(columns);
    sql.push(r#" from projects p where p."isPublic""#);
    push_after(sql, after);
    sql.push(format_args!(
        r#"
                order by p."createdAt" desc, p.id desc
                limit {inspected}
            ) p"#,
    ));
    sql.push(
        r#"
            -- With `is true` PostgreSQL probes a hash table, instead of a join that it would plan for an average number of follows.
            where (p."authorId" in (select id from followed)) is true"#,
    );
    push_conditions(sql, filter);
    sql.push(format_args!(
        r#"
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
    if !filter.is_empty() {
        return push_filtered_page(sql, filter, after, limit);
    }
    sql.push(
        r#",
        page as (
            select id, "createdAt" from recent where not (select wanted from older)
            union all
            select p.id, p."createdAt"
            from followed
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
            where (select wanted from older)
            order by "createdAt" desc, id desc
            limit {limit}
        )"#
    ));
}

/// Appends `page as (…)`: the recent projects, and if they do not fill the page, older ones.
fn push_filtered_page(sql: &mut Sql, filter: &FeedFilter, after: Option<&Position>, limit: i64) {
    sql.push(", choice as materialized (select wanted and found as by_index, wanted and not found as by_author from older cross join (select ");
    push_is_rare(sql, PROJECTS_OF_FOLLOWED, &filter.tags, &filter.languages);
    // The condition is there twice. Parallel workers cannot read the value in the second form, so PostgreSQL starts no workers for
    // a query that may have nothing to do.
    sql.push(
        r#" as found) found),
        page as (
            select id, "createdAt" from recent
            union all
            (
                select p.id, p."createdAt"
                from (
                    select p.*
                    from projects p
                    where (select by_index from choice) and p."isPublic" in (select by_index from choice) and p."isPublic""#,
    );
    push_tags(sql, filter);
    if !filter.languages.is_empty() {
        sql.push(" and array[fold(p.language)] && fold_all(");
        sql.push_bind(filter.languages.clone()).push(")");
    }
    push_after(sql, after);
    sql.push(format_args!(
        r#"
                    limit {MAX_FOUND}
                ) p
                where (p."authorId" in (select id from followed)) is true and p.id not in (select id from recent)
                order by p."createdAt" desc, p.id desc
                limit {limit}
            )
            union all
            (
                select p.id, p."createdAt"
                from followed
                join projects p on p."authorId" = followed.id
                where (select by_author from choice) and p."isPublic" and p.id not in (select id from recent)"#
    ));
    push_conditions(sql, filter);
    push_after(sql, after);
    sql.push(format_args!(
        r#"
                order by p."createdAt" desc, p.id desc
                limit {limit}
            )
            order by "createdAt" desc, id desc
            limit {limit}
        )"#
    ));
}

/// Appends the conditions of the filter on `projects p`, for statements that find the projects by time or by author.
fn push_conditions(sql: &mut Sql, filter: &FeedFilter) {
    // The text contains each tag on a line of its own. Most rows fail this condition, which costs less than the next.
    for tag in &filter.tags {
        sql.push(r#" and (p."searchText" || '') like fold("#);
        sql.push_bind(shared::search::line_beginning(tag)).push(")");
    }
    push_tags(sql, filter);
    if !filter.languages.is_empty() {
        sql.push(" and fold(p.language) = any (fold_all(");
        sql.push_bind(filter.languages.clone()).push("))");
    }
}

fn push_tags(sql: &mut Sql, filter: &FeedFilter) {
    if !filter.tags.is_empty() {
        sql.push(" and fold_all(p.tags) @> fold_all(");
        sql.push_bind(filter.tags.clone()).push(")");
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
