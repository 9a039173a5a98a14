//! Users as other users see them.

use chrono::NaiveDateTime;
use resources::{PublicUser, select_public_users};
use shared::db::NOBODY;
use sqlx::PgExecutor;

/// Conditions on the users of a list. Texts are patterns of `like`.
pub struct UserFilter {
    /// The longest term of a search. An index finds its rows, and the statement checks these rows for the other terms.
    pub term: Option<String>,
    /// The other terms.
    pub more_terms: Vec<String>,
    /// The terms that match only at the start of a word. They are not patterns.
    pub word_starts: Vec<String>,
    /// The terms that have no trigrams. An index finds them by their keys. They are not patterns.
    pub unindexed: Vec<String>,
    pub skills: Vec<String>,
    pub location: Option<String>,
}

impl UserFilter {
    fn is_empty(&self) -> bool {
        self.term.is_none() && self.skills.is_empty() && self.location.is_none()
    }
}

/// Finds a visible user.
pub async fn find_user(
    db: impl PgExecutor<'_>,
    viewer: Option<&str>,
    id: &str,
) -> sqlx::Result<Option<PublicUser>> {
    select_public_users!(
        "",
        r#"
            null::bigint as mutual_count,
            null::bigint as shared_skills_count,
            null::timestamp as listed_at,
            null::text as listed_id
        from "user" u
        where u.id = $2 and is_visible(u)
        "#,
        viewer.unwrap_or(NOBODY),
        id,
    )
    .fetch_optional(db)
    .await
}

/// Finds the visible user with a GitHub name. GitHub names can be transferred, so several users may have the same name.
/// The user whose GitHub account was linked last is returned.
pub async fn find_user_by_github(
    db: impl PgExecutor<'_>,
    viewer: Option<&str>,
    name: &str,
) -> sqlx::Result<Option<PublicUser>> {
    select_public_users!(
        r#"
        with holder as (
            select u.id
            from "user" u
            left join account a on a."userId" = u.id and a."providerId" = 'github'
            where fold(u."githubUsername") = fold($2) and $2 <> ''
            order by a."createdAt" desc nulls last, u."createdAt" desc, u.id desc
            limit 1
        )"#,
        r#"
            null::bigint as mutual_count,
            null::bigint as shared_skills_count,
            null::timestamp as listed_at,
            null::text as listed_id
        from "user" u
        join holder on holder.id = u.id
        where is_visible(u)
        "#,
        viewer.unwrap_or(NOBODY),
        name,
    )
    .fetch_optional(db)
    .await
}

/// Expands to the statement of a page of users in the order of `$column`, which has the SQL type `$type`. `$after` is the value
/// of the column and the id after which the page starts.
///
/// With a search, the statement first reads 1,000 users in order, who fill the page if matches are frequent. If they do not, it
/// reads the users that an index finds, at most 20,000, sorts them, and checks them in order until the page is full.
///
/// PostgreSQL plans this statement anew for each call, because a generic plan would be more expensive. The plan does not contain
/// the conditions whose parameter is empty. The same holds for suggestions.
macro_rules! list_users {
    ($column:literal, $type:literal, $viewer:expr, $filter:expr, $after:expr, $limit:expr) => {{
        let filter: &UserFilter = $filter;
        let (place, id) = $after.map(|(place, id)| (*place, id.as_str())).unzip();
        select_public_users!(
            r#"
            with near as materialized (
                select n.id, n.place
                from (
                    select id, "# + $column + r#" as place
                    from "user"
                    where "isActive"
                        and $11
                        and ($6::"# + $type + r#" is null or ("# + $column + r#", id) < ($6, $7))
                    order by "# + $column + r#" desc, id desc
                    limit 1000
                ) n
                cross join lateral (
                    select
                    from "user" u
                    where u.id = n.id
                        and is_visible(u)
                        and matches_search(u, $2, $3, $4, $5, $9)
                    limit 1
                ) matching
                order by n.place desc, n.id desc
                limit $8
            ),
            found as materialized (
                select u.id, u."# + $column + r#" as place
                from "user" u
                where $11
                    -- The condition is there twice. Parallel workers cannot read the value in the second form, so PostgreSQL
                    -- starts no workers for a query that may have nothing to do.
                    and (select count(*) < $8 from near)
                    and u."isActive" in (select count(*) < $8 from near)
                    and u."isActive"
                    and has_index_matches(u, $2, $3, $4, $5, $10)
                    and ($6::"# + $type + r#" is null or (u."# + $column + r#", u.id) < ($6, $7))
                limit 20000
            ),
            listed as (
                select id from near
                union all
                (
                    select u.id
                    from "user" u
                    where not $11
                        and is_visible(u)
                        and ($6::"# + $type + r#" is null or (u."# + $column + r#", u.id) < ($6, $7))
                    order by u."# + $column + r#" desc, u.id desc
                    limit $8
                )
                union all
                (
                    select sorted.id
                    from (
                        select id, place from found where id not in (select id from near) order by place desc, id desc offset 0
                    ) sorted
                    -- The limit makes PostgreSQL check the users in order.
                    cross join lateral (
                        select
                        from "user" u
                        where u.id = sorted.id
                            and is_visible(u)
                            and matches_search(u, $2, $3, $4, $5, $9)
                        limit 1
                    ) matching
                    order by sorted.place desc, sorted.id desc
                    limit $8
                )
            )"#,
            r#"
                null::bigint as mutual_count,
                null::bigint as shared_skills_count,
                null::timestamp as listed_at,
                null::text as listed_id
            from listed
            join "user" u on u.id = listed.id
            order by u."# + $column + r#" desc, u.id desc
            limit $8
            "#,
            $viewer,
            filter.term.as_deref(),
            &filter.more_terms,
            &filter.skills,
            filter.location.as_deref(),
            place,
            id,
            $limit,
            &filter.word_starts,
            &filter.unindexed,
            !filter.is_empty(),
        )
    }};
}

/// Lists a page of users, newest first.
pub async fn list_newest_users(
    db: impl PgExecutor<'_>,
    viewer: &str,
    filter: &UserFilter,
    after: Option<&(NaiveDateTime, String)>,
    limit: i64,
) -> sqlx::Result<Vec<PublicUser>> {
    list_users!(r#""createdAt""#, "timestamp", viewer, filter, after, limit)
        .fetch_all(db)
        .await
}

/// Lists a page of users, most followers first.
pub async fn list_most_followed_users(
    db: impl PgExecutor<'_>,
    viewer: &str,
    filter: &UserFilter,
    after: Option<&(i32, String)>,
    limit: i64,
) -> sqlx::Result<Vec<PublicUser>> {
    list_users!(r#""followersCount""#, "int", viewer, filter, after, limit)
        .fetch_all(db)
        .await
}

/// Lists users whom the viewer may want to follow, best score first: 2 points for each person whom the viewer follows and
/// who follows the user, and 1 for each skill in common.
///
/// So that the time is bounded, scores consider the 200 people whom the viewer has followed last, 100 follows of each and 6,000
/// follows together, and the skills of the 1,000 users with the most followers. With filters, the 2,000 best scores are considered.
/// The statement finds the best of the users with a score without reading the rows of the others. Of users with equal scores at
/// the end of the page, it compares the followers of at most 500. It fills the page with the most followed of the other users,
/// whom it finds as the other lists do.
#[expect(clippy::too_many_lines, reason = "one statement")]
pub async fn list_suggested_users(
    db: impl PgExecutor<'_>,
    viewer: &str,
    filter: &UserFilter,
    limit: i64,
) -> sqlx::Result<Vec<PublicUser>> {
    select_public_users!(
        r#"
        with hidden as materialized (
            select id from hidden_users()
        ),
        followed as materialized (
            select "followingId" as id from follows where "followerId" = $1
        ),
        interest as materialized (
            select distinct unnest(fold_all(skills)) as skill from "user" where id = $1
        ),
        hint as (
            (
                select theirs.id, 1 as mutual, 0 as shared
                from (
                    select f."followingId" as id
                    from follows f
                    where f."followerId" = $1 and f."followingId" not in (select id from hidden)
                    order by f."createdAt" desc, f.id desc
                    limit 200
                ) recent
                cross join lateral (
                    select "followingId" as id from follows where "followerId" = recent.id order by "followingId" limit 100
                ) theirs
                limit 6000
            )
            union all
            select u.id, 0, skills.shared
            from (
                select id, fold_all(skills) as skills
                from "user"
                where "isActive"
                order by "followersCount" desc, id desc
                limit 1000
            ) u
            cross join lateral (
                select count(*)::int as shared from interest where skill = any (u.skills)
            ) skills
            where skills.shared > 0
        ),
        hinted as (
            select id, sum(mutual) as mutual_count, sum(shared) as shared_skills_count
            from hint
            where id <> $1
            group by id
        ),
        scored as (
            select *, 2 * mutual_count + shared_skills_count as score
            from hinted
            where id not in (select id from followed) and id not in (select id from hidden)
            -- Ids only make the choice of these users definite.
            order by score desc, case when $6 then id end
            limit case when $6 then 2000 end
        ),
        best as (
            select *
            from (
                select *
                from scored
                where not $6
                    -- A subquery makes PostgreSQL look up each user.
                    or (
                        select is_visible(u)
                            and matches_search(u, $2, $3, $4, $5, $8)
                        from "user" u
                        where u.id = scored.id
                    )
                order by score desc
                fetch first $7 rows with ties
            ) tied
            order by score desc, id
            limit 500
        ),
        popular_first as materialized (
            select n.id
            from (
                select id, "followersCount"
                from "user"
                where (select count(*) from best) < $7
                    and "isActive"
                    and id <> $1
                    and id not in (select id from followed)
                order by "followersCount" desc, id desc
                limit case when $6 then 1000 end
            ) n
            cross join lateral (
                select
                from "user" u
                where u.id = n.id
                    and is_visible(u)
                    and matches_search(u, $2, $3, $4, $5, $8)
                limit 1
            ) matching
            where n.id not in (select id from best)
            order by n."followersCount" desc, n.id desc
            limit $7
        ),
        found as materialized (
            select u.id, u."followersCount"
            from "user" u
            where $6
                -- As in the other lists, the condition is there twice, so that no workers are started.
                and (select (select count(*) from best) + count(*) < $7 from popular_first)
                and u."isActive" in (select (select count(*) from best) + count(*) < $7 from popular_first)
                and u."isActive"
                and has_index_matches(u, $2, $3, $4, $5, $9)
            limit 20000
        ),
        popular as (
            select id, 0::bigint, 0::bigint, 0::bigint from popular_first
            union all
            (
                select sorted.id, 0::bigint, 0::bigint, 0::bigint
                from (
                    select id, "followersCount"
                    from found
                    where id <> $1
                        and id not in (select id from followed)
                        and id not in (select id from best)
                        and id not in (select id from popular_first)
                    order by "followersCount" desc, id desc
                    offset 0
                ) sorted
                cross join lateral (
                    select
                    from "user" u
                    where u.id = sorted.id
                        and is_visible(u)
                        and matches_search(u, $2, $3, $4, $5, $8)
                    limit 1
                ) matching
                order by sorted."followersCount" desc, sorted.id desc
                limit $7
            )
        ),
        suggestion as (
            select * from best
            union all
            select * from popular
        )"#,
        r#"
            suggestion.mutual_count,
            suggestion.shared_skills_count,
            null::timestamp as listed_at,
            null::text as listed_id
        from suggestion
        join "user" u on u.id = suggestion.id
        order by suggestion.score desc, u."followersCount" desc, u.id desc
        limit $7
        "#,
        viewer,
        filter.term.as_deref(),
        &filter.more_terms,
        &filter.skills,
        filter.location.as_deref(),
        !filter.is_empty(),
        limit,
        &filter.word_starts,
        &filter.unindexed,
    )
    .fetch_all(db)
    .await
}
