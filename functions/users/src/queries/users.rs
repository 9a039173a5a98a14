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

/// Lists a page of users, newest first.
///
/// PostgreSQL plans this statement anew for each call, because a generic plan would be more expensive. The plan does not contain
/// the conditions whose parameter is empty. The same holds for the other lists of users.
///
/// If an index finds a term only by its keys, the statement first reads 1,000 users in order. They fill the page if the term is
/// frequent.
pub async fn list_newest_users(
    db: impl PgExecutor<'_>,
    viewer: &str,
    filter: &UserFilter,
    after: Option<&(NaiveDateTime, String)>,
    limit: i64,
) -> sqlx::Result<Vec<PublicUser>> {
    let (created_at, id) = after.map(|(at, id)| (*at, id.as_str())).unzip();
    select_public_users!(
        r#"
        with near as materialized (
            select n.id
            from (
                select id, "createdAt"
                from "user"
                where "isActive"
                    and cardinality($10::text[]) > 0
                    and ($6::timestamp is null or ("createdAt", id) < ($6, $7))
                order by "createdAt" desc, id desc
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
            order by n."createdAt" desc, n.id desc
            limit $8
        )"#,
        r#"
            null::bigint as mutual_count,
            null::bigint as shared_skills_count,
            null::timestamp as listed_at,
            null::text as listed_id
        from (
            select id from near where (select count(*) from near) >= $8
            union all
            (
                select u.id
                from "user" u
                where (select count(*) from near) < $8
                    and is_visible(u)
                    and matches_search(u, $2, $3, $4, $5, $9)
                    and (
                        cardinality($10::text[]) = 0
                        or search_keys(user_folded_text(u.name, u."githubUsername", u.skills)) @> all_term_keys($10)
                    )
                    and ($6::timestamp is null or (u."createdAt", u.id) < ($6, $7))
                order by u."createdAt" desc, u.id desc
                limit $8
            )
        ) listed
        join "user" u on u.id = listed.id
        order by u."createdAt" desc, u.id desc
        "#,
        viewer,
        filter.term.as_deref(),
        &filter.more_terms,
        &filter.skills,
        filter.location.as_deref(),
        created_at,
        id,
        limit,
        &filter.word_starts,
        &filter.unindexed,
    )
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
    let (followers, id) = after.map(|(count, id)| (*count, id.as_str())).unzip();
    select_public_users!(
        r#"
        with near as materialized (
            select n.id
            from (
                select id, "followersCount"
                from "user"
                where "isActive"
                    and cardinality($10::text[]) > 0
                    and ($6::int is null or ("followersCount", id) < ($6, $7))
                order by "followersCount" desc, id desc
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
            order by n."followersCount" desc, n.id desc
            limit $8
        )"#,
        r#"
            null::bigint as mutual_count,
            null::bigint as shared_skills_count,
            null::timestamp as listed_at,
            null::text as listed_id
        from (
            select id from near where (select count(*) from near) >= $8
            union all
            (
                select u.id
                from "user" u
                where (select count(*) from near) < $8
                    and is_visible(u)
                    and matches_search(u, $2, $3, $4, $5, $9)
                    and (
                        cardinality($10::text[]) = 0
                        or search_keys(user_folded_text(u.name, u."githubUsername", u.skills)) @> all_term_keys($10)
                    )
                    and ($6::int is null or (u."followersCount", u.id) < ($6, $7))
                order by u."followersCount" desc, u.id desc
                limit $8
            )
        ) listed
        join "user" u on u.id = listed.id
        order by u."followersCount" desc, u.id desc
        "#,
        viewer,
        filter.term.as_deref(),
        &filter.more_terms,
        &filter.skills,
        filter.location.as_deref(),
        followers,
        id,
        limit,
        &filter.word_starts,
        &filter.unindexed,
    )
    .fetch_all(db)
    .await
}

/// Lists users whom the viewer may want to follow, best score first: 2 points for each person whom the viewer follows and
/// who follows the user, and 1 for each skill in common.
///
/// Scores consider the 200 people whom the viewer has followed last, 100 follows of each, and the skills of the 1,000 users with
/// the most followers, so that the time is bounded. With filters, the 2,000 best scores are considered. The statement finds the
/// best of the users with a score without reading the rows of the others, and fills the page with the most followed of the other
/// users.
pub async fn list_suggested_users(
    db: impl PgExecutor<'_>,
    viewer: &str,
    filter: &UserFilter,
    limit: i64,
) -> sqlx::Result<Vec<PublicUser>> {
    let filtered = filter.term.is_some() || !filter.skills.is_empty() || filter.location.is_some();
    select_public_users!(
        r#"
        with eligible as not materialized (
            select u.*
            from "user" u
            where is_visible(u)
                and matches_search(u, $2, $3, $4, $5, $8)
                and (
                    cardinality($9::text[]) = 0
                    or search_keys(user_folded_text(u.name, u."githubUsername", u.skills)) @> all_term_keys($9)
                )
        ),
        hidden as materialized (
            select id from hidden_users()
        ),
        followed as materialized (
            select "followingId" as id, "createdAt" as at from follows where "followerId" = $1
        ),
        interest as materialized (
            select distinct unnest(fold_all(skills)) as skill from "user" where id = $1
        ),
        hint as (
            select theirs.id, true as is_mutual
            from (
                select id from followed where id not in (select id from hidden) order by at desc, id desc limit 200
            ) recent
            cross join lateral (
                select "followingId" as id from follows where "followerId" = recent.id order by "followingId" limit 100
            ) theirs
            union all
            select u.id, false
            from (
                select id, skills from "user" where "isActive" order by "followersCount" desc, id desc limit 1000
            ) u
            cross join lateral (select distinct skill from unnest(fold_all(u.skills)) skill) theirs
            join interest using (skill)
        ),
        hinted as (
            select
                id,
                count(*) filter (where is_mutual) as mutual_count,
                count(*) filter (where not is_mutual) as shared_skills_count
            from hint
            where id <> $1
            group by id
        ),
        best as (
            select *
            from (
                select *
                from hinted
                where id not in (select id from followed) and id not in (select id from hidden)
                order by 2 * mutual_count + shared_skills_count desc, id
                limit case when $6 then 2000 end
            ) hinted
            where not $6
                -- A subquery makes PostgreSQL look up each user.
                or (
                    select is_visible(u)
                        and matches_search(u, $2, $3, $4, $5, $8)
                    from "user" u
                    where u.id = hinted.id
                )
            order by 2 * mutual_count + shared_skills_count desc
            fetch first $7 rows with ties
        ),
        popular_first as materialized (
            select n.id
            from (
                select id, "followersCount"
                from "user"
                where "isActive" and id <> $1 and id not in (select id from followed)
                order by "followersCount" desc, id desc
                limit 1000
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
        popular as (
            select id, 0::bigint, 0::bigint from popular_first
            union all
            (
                select id, 0::bigint, 0::bigint
                from eligible
                where (select count(*) from popular_first) < $7
                    and id <> $1
                    and id not in (select id from followed)
                    and id not in (select id from best)
                    and id not in (select id from popular_first)
                order by "followersCount" desc, id desc
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
        order by
            2 * suggestion.mutual_count + suggestion.shared_skills_count desc,
            u."followersCount" desc,
            u.id desc
        limit $7
        "#,
        viewer,
        filter.term.as_deref(),
        &filter.more_terms,
        &filter.skills,
        filter.location.as_deref(),
        filtered,
        limit,
        &filter.word_starts,
        &filter.unindexed,
    )
    .fetch_all(db)
    .await
}
