//! Changing and deleting the caller's account.

use sqlx::{PgExecutor, types::Json};

use crate::{profile::UpdateProfile, user::SelfUser};

/// Writes what is in `changes`. `None` where the account is gone, or where `avatar` is neither the value that is stored
/// nor an address of `upload`, a ready avatar of the account's owner.
pub async fn update_profile(
    db: impl PgExecutor<'_>,
    id: &str,
    changes: &UpdateProfile,
    avatar: Option<&str>,
    upload: Option<&str>,
) -> sqlx::Result<Option<SelfUser>> {
    let row = sqlx::query_scalar!(
        r#"
        update "user" u
        set (name, bio, website, location, company, skills, avatar, "updatedAt") = (
            select n.name, n.bio, n.website, n.location, n.company, n.skills, n.avatar,
                -- Strictly later, also for a second change in one millisecond.
                case when n is distinct from u
                    then greatest(now() at time zone 'utc', u."updatedAt" + interval '1 millisecond')
                    else u."updatedAt"
                end
            -- The row with the keys of the document written over it.
            from jsonb_populate_record(u, $2) n
        )
        where u.id = $1
            and (
                $3::text is null
                or u.avatar = $3
                or exists (
                    select from upload
                    where upload.id = $4 and "userId" = u.id and purpose = 'avatar' and status = 'ready'
                )
            )
        -- As the guard selects it for the routes that are about the caller.
        returning to_jsonb(u) || jsonb_build_object(
            'privateProjectsCount',
            (select count(*) from projects p where p."authorId" = u.id and not p."isPublic")
        ) as "user!: Json<SelfUser>"
        "#,
        id,
        Json(changes) as _,
        avatar,
        upload,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|Json(user)| user))
}

/// Locks the account, and before it, in the order of their ids, everybody whose follow counters its deletion moves. Who
/// follows, likes or comments at the same time either was committed before this returns, or fails for want of the row.
/// `None` where the account is gone.
pub async fn lock_account(db: impl PgExecutor<'_>, id: &str) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        r#"
        -- Not `for update`: others may go on referring to these users.
        with locked as materialized (
            select u.id
            from "user" u
            where u.id = $1
                or u.id in (select "followingId" from follows where "followerId" = $1)
                or u.id in (select "followerId" from follows where "followingId" = $1)
            order by u.id
            for no key update
        )
        select u.id
        from "user" u
        where u.id = $1 and (select count(*) from locked) > 0
        for update
        "#,
        id,
    )
    .fetch_optional(db)
    .await
}

/// Deletes a locked account, all that hangs on it, and its part in the counters of others.
pub async fn delete_account(db: impl PgExecutor<'_>, id: &str) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        with liked as materialized (
            select p.id
            from likes l
            join projects p on p.id = l."projectId"
            where l."userId" = $1 and p."authorId" <> $1
            order by p.id
            for no key update of p
        ),
        unliked as (
            update projects p
            set "likeCount" = p."likeCount" - 1
            from liked
            where p.id = liked.id
        ),
        neighbour as (
            select id, sum(follower)::int as followers, sum(following)::int as following
            from (
                select "followingId" as id, 1 as follower, 0 as following
                from follows where "followerId" = $1
                union all
                select "followerId", 0, 1
                from follows where "followingId" = $1
            ) f
            where id <> $1
            group by id
        ),
        unfollowed as (
            update "user" u
            set "followersCount" = u."followersCount" - n.followers,
                "followingCount" = u."followingCount" - n.following
            from neighbour n
            where u.id = n.id
        ),
        -- Keys have no foreign key; everything else goes with the row.
        revoked as (
            delete from apikey where "referenceId" = $1
        )
        delete from "user" where id = $1
        "#,
        id,
    )
    .execute(db)
    .await?;
    Ok(())
}
