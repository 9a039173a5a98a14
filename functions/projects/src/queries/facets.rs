//! Facets: the most frequent tags and languages of public projects.

use sqlx::{FromRow, PgExecutor};

use super::{
    filter::{Sql, Visibility, push_conditions, push_from},
    search,
};
use crate::filter::{Filter, Window};

/// Maximum number of projects that are counted if the filter selects one author, or the likes of one user.
const MAX_COUNTED: i64 = 10_000;

/// A tag or a language, and its counts.
#[derive(Debug, FromRow)]
pub struct FacetRow {
    pub is_tag: bool,
    pub name: String,
    pub count: i64,
    pub recent_count: i64,
    pub previous_count: i64,
}

/// Lists the `limit` most frequent tags and the `limit` most frequent languages of all public projects. Their names start with
/// `prefix`. Names that differ only in case count together, under the most frequent spelling.
///
/// Triggers maintain the counts in `projectFacet` as of the time of `windowClock`; the statement reads only the projects that
/// have left a window since then.
pub async fn list_facets(
    db: impl PgExecutor<'_>,
    prefix: &str,
    window: Window,
    limit: i64,
) -> sqlx::Result<Vec<FacetRow>> {
    sqlx::query_as!(
        FacetRow,
        r#"
        with clock as materialized (
            select until as kept, now() at time zone 'utc' as now, make_interval(hours => $2) as size
            from "windowClock"
        ),
        moved as materialized (
            -- From the last window to the one before.
            select p.id, -1 as recent, 1 as previous
            from projects p
            where p."isPublic"
                and p."createdAt" > (select least(kept, now) - size from clock)
                and p."createdAt" <= (select greatest(kept, now) - size from clock)
            union all
            -- Out of the one before.
            select p.id, 0, -1
            from projects p
            where p."isPublic"
                and p."createdAt" > (select least(kept, now) - 2 * size from clock)
                and p."createdAt" <= (select greatest(kept, now) - 2 * size from clock)
        ),
        spelling as (
            select
                "isTag" as is_tag,
                name,
                count,
                case $2 when 24 then day when 168 then week else month end as recent,
                case $2 when 24 then "previousDay" when 168 then "previousWeek" else "previousMonth" end as previous
            from "projectFacet"
            where count > 0
            union all
            select facet."isTag", facet.name, 0, sum(moved.recent), sum(moved.previous)
            from moved
            -- The limit makes PostgreSQL look up each project.
            cross join lateral (
                select p.tags, p.language
                from projects p
                join "user" u on u.id = p."authorId"
                where p.id = moved.id and is_counted(u)
                limit 1
            ) p
            cross join lateral project_facets(p.tags, p.language) facet
            group by facet."isTag", facet.name
            union all
            -- The triggers exclude users who are marked as banned, even if the ban has expired.
            select
                facet."isTag",
                facet.name,
                count(*),
                count(*) filter (where p."createdAt" > clock.now - clock.size),
                count(*) filter (
                    where p."createdAt" > clock.now - 2 * clock.size and p."createdAt" <= clock.now - clock.size
                )
            from clock
            cross join "user" u
            join projects p on p."authorId" = u.id
            cross join lateral project_facets(p.tags, p.language) facet
            where u.banned and is_visible(u) and p."isPublic"
            group by facet."isTag", facet.name
        ),
        spelled as (
            select is_tag, name, sum(count) as count, sum(recent) as recent, sum(previous) as previous
            from spelling
            group by is_tag, name
        ),
        counted as (
            select
                is_tag,
                (array_agg(name order by count desc, name))[1] as name,
                sum(count)::int8 as count,
                sum(recent)::int8 as recent_count,
                sum(previous)::int8 as previous_count
            from spelled
            where starts_with(fold(name), fold($1))
            group by is_tag, fold(name)
        ),
        ranked as (
            select *, row_number() over (partition by is_tag order by count desc, name) as place
            from counted
        )
        select
            is_tag as "is_tag!",
            name as "name!",
            count as "count!",
            recent_count as "recent_count!",
            previous_count as "previous_count!"
        from ranked
        where place <= $3
        order by is_tag, place
        "#,
        prefix,
        window.hours(),
        limit,
    )
    .fetch_all(db)
    .await
}

/// Lists the same facets of the public projects that match a filter. Only the newest matches are counted, so that the time is
/// bounded.
pub async fn list_matching_facets(
    db: impl PgExecutor<'_>,
    filter: &Filter,
    prefix: &str,
    window: Window,
    limit: i64,
) -> sqlx::Result<Vec<FacetRow>> {
    let hours = window.hours();
    let push_columns = |sql: &mut Sql| {
        sql.push(format_args!(
            r#"
                p.tags,
                p.language,
                (p."createdAt" > now() at time zone 'utc' - interval '{hours} hours')::int as recent,
                (
                    p."createdAt" > now() at time zone 'utc' - interval '{hours} hours' * 2
                    and p."createdAt" <= now() at time zone 'utc' - interval '{hours} hours'
                )::int as previous"#
        ));
    };
    let mut sql = Sql::new("with ");
    if filter.is_small() {
        sql.push("matching as materialized (select ");
        push_columns(&mut sql);
        push_from(&mut sql, filter, "");
        push_conditions(&mut sql, filter, Visibility::AtOnce);
        sql.push(format_args!(
            r#" order by p."createdAt" desc, p.id desc limit {MAX_COUNTED}), "#
        ));
    } else {
        search::push_matches(&mut sql, filter, push_columns);
    }
    // Exact spellings are counted first. There are few of them, so only few names are folded.
    sql.push(
        "
        spelling as materialized (
            select true as is_tag, tag as name, count(*) as count, sum(recent) as recent, sum(previous) as previous
            from matching
            cross join unnest(tags) as tag
            group by tag
            union all
            select false, language, count(*), sum(recent), sum(previous)
            from matching
            group by language
        ),
        counted as (
            select
                is_tag,
                (array_agg(name order by count desc, name))[1] as name,
                sum(count)::int8 as count,
                sum(recent)::int8 as recent_count,
                sum(previous)::int8 as previous_count
            from spelling
            where char_length(name) between 1 and 255 and starts_with(fold(name), fold(",
    );
    sql.push_bind(prefix.to_owned());
    sql.push(format_args!(
        "))
            group by is_tag, fold(name)
        ),
        ranked as (
            select *, row_number() over (partition by is_tag order by count desc, name) as place
            from counted
        )
        select is_tag, name, count, recent_count, previous_count
        from ranked
        where place <= {limit}
        order by is_tag, place
        "
    ));
    // Not prepared: a generic plan would ignore how frequent these values are.
    sql.build_query_as().persistent(false).fetch_all(db).await
}
