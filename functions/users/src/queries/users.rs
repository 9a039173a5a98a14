//! Reading users as others see them.

use chrono::NaiveDateTime;
use shared::{db::NOBODY, time::Timestamp};
use sqlx::PgExecutor;

use crate::user::PublicUser;

/// Which users a list has. Texts are patterns of `like`.
pub struct Filter {
    /// The longest term of a search.
    pub term: Option<String>,
    /// The others.
    pub more_terms: Vec<String>,
    pub skills: Vec<String>,
    pub location: Option<String>,
}

/// Selects public users as the viewer `$1` sees them: common table expressions, two columns of suggestions, and what
/// follows `select …`, with `u` for the user. The list of columns stands here once.
macro_rules! public_users {
    ([$($with:literal)*] $hints:literal [$($rest:literal)*] $viewer:expr $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            PublicUser,
            "" $(+ $with)* + r#"
            select
                u.id,
                u.name,
                u.image,
                u.avatar,
                u.bio,
                u.website,
                u.location,
                u.company,
                coalesce(u.skills, '{}') as "skills!",
                u."githubUsername" as github_username,
                u."projectsCount" as projects_count,
                u."followersCount" as followers_count,
                u."followingCount" as following_count,
                u."isPro" as is_pro,
                u."createdAt" as "created_at: Timestamp",
                exists (
                    select from follows where "followerId" = $1 and "followingId" = u.id
                ) as "is_following!",
                exists (
                    select from follows where "followerId" = u.id and "followingId" = $1
                ) as "follows_me!","#
            + $hints $(+ $rest)*,
            $viewer
            $(, $argument)*
        )
    };
}

/// The same over `eligible`: visible users that pass the filter, `$2` to `$5`. PostgreSQL drops the conditions whose
/// parameter is empty before it plans, since no plan without the values is as cheap.
macro_rules! eligible_users {
    ([$($with:literal)*] $hints:literal [$($rest:literal)*] $viewer:expr, $filter:expr $(, $argument:expr)* $(,)?) => {
        public_users!(
            [
                r#"
                with eligible as not materialized (
                    select u.*
                    from "user" u
                    where is_visible(u)
                        -- An index finds the longest term, and the others are looked for in what it found.
                        and ($2::text is null
                            or user_search_text(u.name, u."githubUsername", u.skills) like lower($2))
                        and user_search_text(u.name, u."githubUsername", u.skills) like all (lower_all($3))
                        and (cardinality($4::text[]) = 0 or lower_all(u.skills) @> lower_all($4))
                        and ($5::text is null or lower(u.location) like lower($5))
                )"#
                $($with)*
            ]
            $hints
            [$($rest)*]
            $viewer,
            $filter.term.as_deref(),
            &$filter.more_terms,
            &$filter.skills,
            $filter.location.as_deref()
            $(, $argument)*
        )
    };
}

/// A visible user.
pub async fn find_user(
    db: impl PgExecutor<'_>,
    viewer: Option<&str>,
    id: &str,
) -> sqlx::Result<Option<PublicUser>> {
    public_users!(
        []
        "null::bigint as mutual_count, null::bigint as shared_skills_count"
        [r#" from "user" u where u.id = $2 and is_visible(u)"#]
        viewer.unwrap_or(NOBODY),
        id,
    )
    .fetch_optional(db)
    .await
}

/// The visible user of a GitHub name. Names are given up and taken by others there, so of several users with one name it
/// is the one whose GitHub account came last.
pub async fn find_user_by_github(
    db: impl PgExecutor<'_>,
    viewer: Option<&str>,
    name: &str,
) -> sqlx::Result<Option<PublicUser>> {
    public_users!(
        [
            r#"
            with holder as (
                select u.id
                from "user" u
                left join account a on a."userId" = u.id and a."providerId" = 'github'
                where lower(u."githubUsername") = lower($2) and $2 <> ''
                order by a."createdAt" desc nulls last, u."createdAt" desc, u.id desc
                limit 1
            )"#
        ]
        "null::bigint as mutual_count, null::bigint as shared_skills_count"
        [r#" from "user" u join holder on holder.id = u.id where is_visible(u)"#]
        viewer.unwrap_or(NOBODY),
        name,
    )
    .fetch_optional(db)
    .await
}

/// A page of users, newest first.
pub async fn list_newest_users(
    db: impl PgExecutor<'_>,
    viewer: &str,
    filter: &Filter,
    after: Option<&(NaiveDateTime, String)>,
    limit: i64,
) -> sqlx::Result<Vec<PublicUser>> {
    let (created_at, id) = after.map(|(at, id)| (*at, id.as_str())).unzip();
    eligible_users!(
        []
        "null::bigint as mutual_count, null::bigint as shared_skills_count"
        [
            r#"
            from eligible u
            where $6::timestamp is null or (u."createdAt", u.id) < ($6, $7)
            order by u."createdAt" desc, u.id desc
            limit $8
            "#
        ]
        viewer,
        filter,
        created_at,
        id,
        limit,
    )
    .fetch_all(db)
    .await
}

/// A page of users, most followers first.
pub async fn list_followed_users(
    db: impl PgExecutor<'_>,
    viewer: &str,
    filter: &Filter,
    after: Option<&(i32, String)>,
    limit: i64,
) -> sqlx::Result<Vec<PublicUser>> {
    let (followers, id) = after.map(|(count, id)| (*count, id.as_str())).unzip();
    eligible_users!(
        []
        "null::bigint as mutual_count, null::bigint as shared_skills_count"
        [
            r#"
            from eligible u
            where $6::int is null or (u."followersCount", u.id) < ($6, $7)
            order by u."followersCount" desc, u.id desc
            limit $8
            "#
        ]
        viewer,
        filter,
        followers,
        id,
        limit,
    )
    .fetch_all(db)
    .await
}

/// People whom the viewer may want to follow: 2 for each person between them, 1 for each skill in common. The best of
/// those with a score are found first, without their rows, and the most followed of the others fill the page.
pub async fn list_suggested_users(
    db: impl PgExecutor<'_>,
    viewer: &str,
    filter: &Filter,
    limit: i64,
) -> sqlx::Result<Vec<PublicUser>> {
    let filtered = filter.term.is_some() || !filter.skills.is_empty() || filter.location.is_some();
    eligible_users!(
        [
            r#",
            hidden as materialized (
                select u.id from "user" u where not u."isActive"
                union all
                select u.id from "user" u where u.banned and not is_visible(u)
            ),
            followed as materialized (
                select "followingId" as id from follows where "followerId" = $1
            ),
            interest as materialized (
                select distinct unnest(lower_all(skills)) as skill from "user" where id = $1
            ),
            hint as (
                select theirs."followingId" as id, true as is_mutual
                from followed
                join follows theirs on theirs."followerId" = followed.id
                where followed.id not in (select id from hidden)
                union all
                select u.id, false
                from interest
                join "user" u on lower_all(u.skills) @> array[interest.skill]
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
                from hinted
                where id not in (select id from followed)
                    and id not in (select id from hidden)
                    and (not $6 or id in (select id from eligible))
                order by 2 * mutual_count + shared_skills_count desc
                fetch first $7 rows with ties
            ),
            popular as (
                select id, 0::bigint, 0::bigint
                from eligible
                where id <> $1
                    and id not in (select id from followed)
                    and id not in (select id from best)
                order by "followersCount" desc, id desc
                limit $7
            ),
            suggestion as (
                select * from best
                union all
                select * from popular
            )"#
        ]
        "mutual_count, shared_skills_count"
        [
            r#"
            from suggestion
            join "user" u on u.id = suggestion.id
            order by 2 * mutual_count + shared_skills_count desc, u."followersCount" desc, u.id desc
            limit $7
            "#
        ]
        viewer,
        filter,
        filtered,
        limit,
    )
    .fetch_all(db)
    .await
}
