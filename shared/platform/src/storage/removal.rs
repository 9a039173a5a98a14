//! Removes objects that no file refers to any more, for the scheduled job.

use std::time::{Duration, Instant};

use sqlx::PgConnection;

use super::Storage;

/// Number of objects that are deleted between two checks of the time limit.
const BATCH: i64 = 100;

/// The result of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removal {
    /// Deleted files that were not completed within 24 hours.
    pub expired: u64,
    /// Objects that were deleted from the bucket.
    pub objects: u64,
}

/// Deletes pending files after 24 hours, and then the objects of deleted files. Stops at the time limit, and the next run
/// continues. If the storage fails, the keys are kept for the next run.
///
/// A client may still write to a signed URL after its file was deleted. Therefore every run deletes the object of a
/// key, until no URL for the key is valid. Statements are unnamed, because behind a pooler the next one may use another
/// connection.
pub async fn remove_objects(
    db: &mut PgConnection,
    storage: &Storage,
    limit: Duration,
) -> anyhow::Result<Removal> {
    let started = Instant::now();
    let mut removal = Removal::default();
    let expired = sqlx::query!(
        r#"
        delete from upload
        where status = 'pending' and "createdAt" < now() at time zone 'utc' - interval '24 hours'
        "#
    )
    .persistent(false)
    .execute(&mut *db)
    .await?;
    removal.expired = expired.rows_affected();
    let mut after = String::new();
    while started.elapsed() < limit {
        let keys = sqlx::query_scalar!(
            r#"select key from "objectRemoval" where key > $1 order by key limit $2"#,
            after,
            BATCH,
        )
        .persistent(false)
        .fetch_all(&mut *db)
        .await?;
        let Some(last) = keys.last() else {
            break;
        };
        after.clone_from(last);
        for key in &keys {
            storage.delete(key).await?;
            removal.objects += 1;
        }
        // Longer than `UPLOAD_LIFETIME` plus the duration of a request.
        sqlx::query!(
            r#"
            delete from "objectRemoval"
            where key = any ($1) and "createdAt" < now() at time zone 'utc' - interval '11 minutes'
            "#,
            &keys,
        )
        .persistent(false)
        .execute(&mut *db)
        .await?;
    }
    Ok(removal)
}
