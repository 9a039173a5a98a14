//! Pictures that were made of files.

use sqlx::PgExecutor;

/// Finds a picture that is in the bucket. Returns its size in bytes.
pub async fn find_picture(
    db: impl PgExecutor<'_>,
    upload: &str,
    variant: &str,
) -> sqlx::Result<Option<i32>> {
    let size = sqlx::query_scalar!(
        r#"select size from picture where "uploadId" = $1 and variant = $2"#,
        upload,
        variant,
    )
    .fetch_optional(db)
    .await?;
    Ok(size.flatten())
}

/// Leases a picture, so that only this request makes it. Returns `false` if it is already made, or if another request has
/// the lease. The lease is longer than the maximum duration of a request.
pub async fn lease_picture(
    db: impl PgExecutor<'_>,
    upload: &str,
    variant: &str,
) -> sqlx::Result<bool> {
    let leased = sqlx::query!(
        r#"
        insert into picture as p ("uploadId", variant, "leasedUntil")
        values ($1, $2, now() at time zone 'utc' + interval '15 seconds')
        on conflict ("uploadId", variant) do update
        set "leasedUntil" = excluded."leasedUntil"
        where p.size is null and p."leasedUntil" < now() at time zone 'utc'
        "#,
        upload,
        variant,
    )
    .execute(db)
    .await?;
    Ok(leased.rows_affected() == 1)
}

/// Records that a leased picture is in the bucket. Returns `false` if its file was deleted, which has recorded the
/// picture's object for removal.
pub async fn finish_picture(
    db: impl PgExecutor<'_>,
    upload: &str,
    variant: &str,
    size: i32,
) -> sqlx::Result<bool> {
    let finished = sqlx::query!(
        r#"update picture set size = $3 where "uploadId" = $1 and variant = $2"#,
        upload,
        variant,
        size,
    )
    .execute(db)
    .await?;
    Ok(finished.rows_affected() == 1)
}

/// Releases the lease of a picture that was not made.
pub async fn release_picture(
    db: impl PgExecutor<'_>,
    upload: &str,
    variant: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        update picture
        set "leasedUntil" = now() at time zone 'utc' - interval '1 second'
        where "uploadId" = $1 and variant = $2 and size is null
        "#,
        upload,
        variant,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes the row of a picture whose object is lost, so that it is made again.
pub async fn forget_picture(
    db: impl PgExecutor<'_>,
    upload: &str,
    variant: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        update picture
        set size = null, "leasedUntil" = now() at time zone 'utc' - interval '1 second'
        where "uploadId" = $1 and variant = $2 and size is not null
        "#,
        upload,
        variant,
    )
    .execute(db)
    .await?;
    Ok(())
}
