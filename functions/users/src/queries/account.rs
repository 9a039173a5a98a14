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

/// Deletes the account, all that hangs on it, and its part in the counters of others. `false` where it is gone already.
pub async fn delete_account(db: impl PgExecutor<'_>, id: &str) -> sqlx::Result<bool> {
    // PostgreSQL takes a function's result for nullable.
    sqlx::query_scalar!(r#"select delete_account($1) as "deleted!""#, id)
        .fetch_one(db)
        .await
}
