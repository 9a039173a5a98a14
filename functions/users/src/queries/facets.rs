//! Facets: the most frequent skills and locations.

use sqlx::PgExecutor;

/// A skill or a location, and its count.
pub struct FacetRow {
    pub is_skill: bool,
    pub name: String,
    pub count: i64,
}

/// Lists the most frequent skills and locations that match a pattern, `limit` of each. Triggers maintain the counts.
pub async fn list_facets(
    db: impl PgExecutor<'_>,
    prefix: Option<&str>,
    limit: i64,
) -> sqlx::Result<Vec<FacetRow>> {
    sqlx::query_as!(
        FacetRow,
        r#"
        with spelling as (
            select "isSkill" as is_skill, name, count
            from "userFacet"
            where count > 0
            union all
            -- The triggers exclude users who are marked as banned, even if the ban has expired.
            select facet."isSkill", facet.name, count(*)
            from "user" u
            cross join lateral user_facets(u.skills, u.location) facet
            where u.banned and is_visible(u)
            group by facet."isSkill", facet.name
        ),
        spelled as (
            select is_skill, name, sum(count) as count from spelling group by is_skill, name
        ),
        facet as (
            select
                is_skill,
                (array_agg(name order by count desc, name))[1] as name,
                sum(count)::bigint as count
            from spelled
            where $1::text is null or fold(name) like fold($1)
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
