//! Facets: the most frequent skills and locations.

use sqlx::PgExecutor;

use crate::directory::UserFacet;

/// A skill or a location, and its count.
pub struct FacetRow {
    pub is_skill: bool,
    name: String,
    count: i64,
}

impl From<FacetRow> for UserFacet {
    fn from(row: FacetRow) -> Self {
        Self {
            name: row.name,
            count: row.count,
        }
    }
}

/// Lists the most frequent skills and locations that match a pattern, `limit` of each.
pub async fn list_facets(
    db: impl PgExecutor<'_>,
    prefix: Option<&str>,
    limit: i64,
) -> sqlx::Result<Vec<FacetRow>> {
    // Exact spellings are counted first. There are few of them, so that only few names must be folded.
    sqlx::query_as!(
        FacetRow,
        r#"
        with spelling as (
            select true as is_skill, name, count(*) as count
            from (select unnest(u.skills) as name from "user" u where is_visible(u)) skill
            group by name
            union all
            select false, u.location, count(*)
            from "user" u
            where is_visible(u)
            group by u.location
        ),
        facet as (
            select
                is_skill,
                (array_agg(name order by count desc, name))[1] as name,
                sum(count)::bigint as count
            from spelling
            where name <> '' and ($1::text is null or fold(name) like fold($1))
            group by is_skill, fold(name)
        ),
        ranked as (
            select *, row_number() over (partition by is_skill order by count desc, name) as rank
            from facet
        )
        select is_skill as "is_skill!", name as "name!", count as "count!"
        from ranked
        where rank <= $2
        order by is_skill, rank
        "#,
        prefix,
        limit,
    )
    .fetch_all(db)
    .await
}
