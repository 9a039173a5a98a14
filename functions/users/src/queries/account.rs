//! Updating and deleting the caller's account.

use serde_json::value::RawValue;
use sqlx::{PgExecutor, types::Json};

use crate::user::UpdateProfile;

/// Writes the fields that `changes` contains, and returns the row. Returns `None` if the account does not exist, or if
/// `avatar` is neither the stored value nor the URL of `upload`, a ready avatar that the user owns.
///
/// A field of [`UpdateProfile`] is one column, which both lists of the assignment name. The user's row is locked before the
/// file's, as in the statement that deletes a file. A locked row has its newest version, whenever the statement started, so that
/// a file that is deleted meanwhile does not become the avatar.
pub async fn update_profile(
    db: impl PgExecutor<'_>,
    id: &str,
    changes: &UpdateProfile,
    avatar: Option<&str>,
    upload: Option<&str>,
) -> sqlx::Result<Option<Box<RawValue>>> {
    let row = sqlx::query_scalar!(
        r#"
        with account as (
            select u.id, u.avatar from "user" u where u.id = $1 for no key update
        ),
        chosen as (
            select f.id
            from account
            join upload f on f."userId" = account.id
            where f.id = $4 and f.purpose = 'avatar' and f.status = 'ready'
            for key share of f
        )
        update "user" u
        set (
            name, bio, website, location, company, skills, avatar,
            "updatedAt"
        ) = (
            select
                n.name, n.bio, n.website, n.location, n.company, n.skills, n.avatar,
                -- Strictly later, even for a second change within one millisecond.
                case
                    when n is distinct from u
                    then greatest(now() at time zone 'utc', u."updatedAt" + interval '1 millisecond')
                    else u."updatedAt"
                end
            from (
                select
                    case
                        when $2 ? 'skills'
                        then jsonb_set($2, '{skills}', to_jsonb(distinct_folded(
                            array(select jsonb_array_elements_text($2 -> 'skills'))
                        )))
                        else $2
                    end as document
            ) changes
            -- The row, overwritten with the keys of the document.
            cross join lateral jsonb_populate_record(u, changes.document) n
        )
        from account
        where u.id = account.id
            and ($3::text is null or account.avatar = $3 or exists (select from chosen))
        -- The same object as the guard selects for routes about the caller.
        returning to_jsonb(u) || jsonb_build_object(
            'privateProjectsCount',
            (select count(*) from projects p where p."authorId" = u.id and not p."isPublic")
        ) as "user!: Json<Box<RawValue>>"
        "#,
        id,
        Json(changes) as _,
        avatar,
        upload,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|Json(row)| row))
}

/// Deletes the account and everything that belongs to it, and adjusts the counters of other rows. An account with many rows is
/// only closed, and the scheduled job deletes its rows. Returns `false` if the account does not exist.
pub async fn delete_account(db: impl PgExecutor<'_>, id: &str) -> sqlx::Result<bool> {
    // PostgreSQL reports the result of a function as nullable.
    sqlx::query_scalar!(r#"select delete_account($1) as "deleted!""#, id)
        .fetch_one(db)
        .await
}
