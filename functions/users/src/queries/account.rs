//! Updating and deleting the caller's account.

use sqlx::{PgExecutor, types::Json};

use crate::{profile::UpdateProfile, user::SelfUser};

/// Writes the fields that `changes` contains. Returns `None` if the account does not exist, or if `avatar` is neither the
/// stored value nor the URL of `upload`, a ready avatar that the user owns.
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
            select n.name, n.bio, n.website, n.location, n.company, skills.kept, n.avatar,
                -- Strictly later, even for a second change within one millisecond.
                case
                    when (n.name, n.bio, n.website, n.location, n.company, skills.kept, n.avatar)
                        is distinct from (u.name, u.bio, u.website, u.location, u.company, u.skills, u.avatar)
                    then greatest(now() at time zone 'utc', u."updatedAt" + interval '1 millisecond')
                    else u."updatedAt"
                end
            -- The row, overwritten with the keys of the document.
            from jsonb_populate_record(u, $2) n
            cross join lateral (
                select case when $2 ? 'skills' then distinct_folded(n.skills) else n.skills end as kept
            ) skills
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
        -- The same object as the guard selects for routes about the caller.
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

/// Deletes the account and everything that belongs to it, and adjusts the counters of other rows. An account with many rows is
/// only closed, and the scheduled job deletes its rows. Returns `false` if the account does not exist.
pub async fn delete_account(db: impl PgExecutor<'_>, id: &str) -> sqlx::Result<bool> {
    // PostgreSQL reports the result of a function as nullable.
    sqlx::query_scalar!(r#"select delete_account($1) as "deleted!""#, id)
        .fetch_one(db)
        .await
}
