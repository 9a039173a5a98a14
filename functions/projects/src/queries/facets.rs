//! Counting what public projects have in common.

use sqlx::{FromRow, PgExecutor};

use super::filter::{Sql, Visible, is_common, push_conditions, push_from};
use crate::{
    facets::ProjectFacet,
    filter::{Filter, Window},
};

/// A facet of either kind.
#[derive(Debug, FromRow)]
pub struct FacetRow {
    pub is_tag: bool,
    name: String,
    count: i64,
    recent_count: i64,
    previous_count: i64,
}

impl From<FacetRow> for ProjectFacet {
    fn from(row: FacetRow) -> Self {
        Self {
            name: row.name,
            count: row.count,
            recent_count: row.recent_count,
            previous_count: row.previous_count,
        }
    }
}

/// The most frequent tags and languages that begin with `prefix`, `limit` of each, among the public projects that match.
/// Languages count in whatever case they are written, under the most frequent spelling.
pub async fn list_facets(
    db: impl PgExecutor<'_>,
    filter: &Filter,
    prefix: &str,
    window: Window,
    limit: i64,
) -> sqlx::Result<Vec<FacetRow>> {
    let hours = window.hours();
    let mut sql = Sql::new(format!(
        r#"
        with matching as materialized (
            select
                p.tags,
                p.language,
                (p."createdAt" > now() at time zone 'utc' - interval '{hours} hours')::int as recent,
                (
                    p."createdAt" > now() at time zone 'utc' - interval '{hours} hours' * 2
                    and p."createdAt" <= now() at time zone 'utc' - interval '{hours} hours'
                )::int as previous
        "#
    ));
    push_from(&mut sql, filter, "");
    push_conditions(&mut sql, filter, Visible::AtOnce);
    sql.push(
        r#"
        ),
        spelling as (
            select true as is_tag, tag as name, count(*) as count, sum(recent) as recent, sum(previous) as previous
            from matching
            cross join unnest(tags) as tag
            group by tag
            union all
            select false, language, count(*), sum(recent), sum(previous)
            from matching
            group by language
        ),
        facet as (
            select
                is_tag,
                (array_agg(name order by count desc, name))[1] as name,
                sum(count)::int8 as count,
                sum(recent)::int8 as recent_count,
                sum(previous)::int8 as previous_count
            from spelling
            where name <> '' and starts_with(lower(name), lower("#,
    );
    sql.push_bind(prefix.to_owned());
    sql.push(format_args!(
        r#"))
            group by is_tag, lower(name)
        ),
        ranked as (
            select *, row_number() over (partition by is_tag order by count desc, name) as place
            from facet
        )
        select is_tag, name, count, recent_count, previous_count
        from ranked
        where place <= {limit}
        order by is_tag, place
        "#
    ));
    let query = sql.build_query_as().persistent(is_common(filter));
    query.fetch_all(db).await
}
