//! Files, from their creation to their deletion.

use shared::db::{NOBODY, Tx};
use sqlx::{PgExecutor, types::Json};

use crate::{file::FileRow, uploads::CreateUpload};

/// Quotas of files, which include pending and ready ones.
const MAX_PENDING: i64 = 10;
const MAX_AVATARS: i64 = 10;
const MAX_FILES_OF_PROJECT: i64 = 3;
const MAX_FILES_OF_PRO_PROJECT: i64 = 15;

/// The exceeded quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadRefusal {
    ProjectFull,
    TooManyPending,
    TooManyAvatars,
}

/// Inserts a pending file unless a quota is exceeded. Returns `None` if the user does not exist.
///
/// The lock on the user's row serialises the uploads of a user. The second statement starts after the lock is acquired,
/// so it counts all uploads that were committed before.
pub async fn insert_upload(
    tx: &mut Tx,
    user: &str,
    id: &str,
    upload: &CreateUpload,
) -> sqlx::Result<Option<Result<FileRow, UploadRefusal>>> {
    let is_pro = sqlx::query_scalar!(
        r#"select "isPro" from "user" where id = $1 for no key update"#,
        user
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(is_pro) = is_pro else {
        return Ok(None);
    };
    let max_files = if is_pro {
        MAX_FILES_OF_PRO_PROJECT
    } else {
        MAX_FILES_OF_PROJECT
    };
    let row = sqlx::query!(
        r#"
        with counted as (
            select
                count(*) filter (where f.status = 'pending') >= $7 as "tooManyPending",
                $3::text is null and count(*) filter (where f.purpose = 'avatar') >= $8 as "tooManyAvatars",
                $3 is not null and count(*) filter (where f."projectId" = $3) >= $9 as "projectFull"
            from upload f
            where f."userId" = $1 and is_upload_listed(f, $1)
        ),
        inserted as (
            insert into upload (
                id, "userId", "projectId", purpose, filename, "contentType", size, "createdAt", "updatedAt"
            )
            select
                $2, $1, $3, case when $3 is null then 'avatar' else 'project' end, $4, $5, $6,
                now() at time zone 'utc', now() at time zone 'utc'
            from counted
            where not ("tooManyPending" or "tooManyAvatars" or "projectFull")
            returning *
        )
        select
            to_jsonb(inserted) as "file: Json<FileRow>",
            "tooManyPending" as "too_many_pending!",
            "tooManyAvatars" as "too_many_avatars!"
        from counted
        left join inserted on true
        "#,
        user,
        id,
        upload.project_id.as_deref() as _,
        upload.filename,
        upload.file_type.name(),
        upload.size,
        MAX_PENDING,
        MAX_AVATARS,
        max_files,
    )
    .fetch_one(&mut *tx)
    .await?;
    Ok(Some(match row.file {
        Some(Json(file)) => Ok(file),
        None if row.too_many_pending => Err(UploadRefusal::TooManyPending),
        None if row.too_many_avatars => Err(UploadRefusal::TooManyAvatars),
        None => Err(UploadRefusal::ProjectFull),
    }))
}

/// A file that the viewer can see.
pub struct FoundUpload {
    pub file: FileRow,
    pub is_owner: bool,
    /// Whether it is visible to everyone.
    pub is_public: bool,
}

/// Finds a file that is visible to the viewer: a file of a visible project, an avatar of a visible user, or a pending
/// file of the viewer.
pub async fn find_upload(
    db: impl PgExecutor<'_>,
    viewer: Option<&str>,
    id: &str,
) -> sqlx::Result<Option<FoundUpload>> {
    let row = sqlx::query!(
        r#"
        select
            to_jsonb(f) as "file!: Json<FileRow>",
            f."userId" = $1 as "is_owner!",
            coalesce(p."isPublic", true) as "is_public!"
        from upload f
        left join projects p on p.id = f."projectId"
        join "user" u on u.id = coalesce(p."authorId", f."userId")
        where f.id = $2
            and is_upload_listed(f, $1)
            and case
                when p.id is null then f."userId" = $1 or is_visible(u)
                else is_visible_to(p, u, $1)
            end
        "#,
        viewer.unwrap_or(NOBODY),
        id,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| FoundUpload {
        file: row.file.0,
        is_owner: row.is_owner,
        is_public: row.is_public,
    }))
}

/// Deletes a file of the caller, or for staff any ready file that is visible to everyone. If the file is its owner's
/// avatar, the avatar becomes null. Returns the owner, or `None` if no file was deleted. A trigger records the objects.
pub async fn delete_upload(
    db: impl PgExecutor<'_>,
    caller: &str,
    is_staff: bool,
    id: &str,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        r#"
        -- The row of the owner is locked first, as in every statement, so that concurrent writers do not deadlock. A locked row
        -- has its newest version, so `avatar` may be later than this statement's start.
        with owner as (
            select u.id, u.avatar, is_visible(u) as "isVisible"
            from "user" u
            where u.id = (select f."userId" from upload f where f.id = $2)
            for no key update
        ),
        gone as (
            delete from upload f
            using owner u
            where f.id = $2
                and f."userId" = u.id
                and is_upload_listed(f, u.id)
                and (
                    u.id = $1
                    or $3
                        and f.status = 'ready'
                        and u."isVisible"
                        and (
                            f."projectId" is null
                            or exists (select from projects p where p.id = f."projectId" and p."isPublic")
                        )
                )
            returning f.id, f."userId"
        ),
        cleared as (
            update "user" u
            set avatar = null,
                "updatedAt" = greatest(now() at time zone 'utc', u."updatedAt" + interval '1 millisecond')
            from gone
            join owner on owner.id = gone."userId"
            where u.id = owner.id
                and (
                    owner.avatar like '%/images/' || gone.id
                    or owner.avatar like '%/uploads/' || gone.id || '/content'
                )
        )
        select "userId" from gone
        "#,
        caller,
        id,
        is_staff,
    )
    .fetch_optional(db)
    .await
}

/// Leases a pending file, so that only this request completes it. Returns `None` if another request has the lease, or
/// if the file is no longer pending. The lease is longer than the maximum duration of a request.
pub async fn lease_upload(db: impl PgExecutor<'_>, id: &str) -> sqlx::Result<Option<FileRow>> {
    let file = sqlx::query_scalar!(
        r#"
        update upload f
        set "leasedUntil" = now() at time zone 'utc' + interval '15 seconds'
        where f.id = $1
            and f.status = 'pending'
            and is_upload_listed(f, f."userId")
            and (f."leasedUntil" is null or f."leasedUntil" < now() at time zone 'utc')
        returning to_jsonb(f) as "file!: Json<FileRow>"
        "#,
        id,
    )
    .fetch_optional(db)
    .await?;
    Ok(file.map(|Json(file)| file))
}

/// Releases the lease of a file that stays pending.
pub async fn release_upload(db: impl PgExecutor<'_>, id: &str) -> sqlx::Result<()> {
    sqlx::query!(
        r#"update upload set "leasedUntil" = null where id = $1"#,
        id
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Properties of a file that are known after its completion.
pub struct ReadyFile {
    pub size: i32,
    pub width: Option<i32>,
    pub height: Option<i32>,
}

/// Makes a leased file ready, and records its pending object for removal. Returns `None` if the file was deleted.
pub async fn finish_upload(
    db: impl PgExecutor<'_>,
    id: &str,
    ready: &ReadyFile,
) -> sqlx::Result<Option<FileRow>> {
    let file = sqlx::query_scalar!(
        r#"
        with finished as (
            update upload
            set status = 'ready',
                size = $2,
                width = $3,
                height = $4,
                "leasedUntil" = null,
                "updatedAt" = now() at time zone 'utc'
            where id = $1 and status = 'pending'
            returning *
        ),
        recorded as (
            insert into "objectRemoval" (key)
            select 'pending/' || id from finished
            on conflict (key) do nothing
        )
        select to_jsonb(f) as "file!: Json<FileRow>" from finished f
        "#,
        id,
        ready.size,
        ready.width,
        ready.height,
    )
    .fetch_optional(db)
    .await?;
    Ok(file.map(|Json(file)| file))
}

/// Deletes a pending file whose content does not match its declaration.
pub async fn refuse_upload(db: impl PgExecutor<'_>, id: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "delete from upload where id = $1 and status = 'pending'",
        id
    )
    .execute(db)
    .await?;
    Ok(())
}
