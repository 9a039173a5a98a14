//! Removes objects that no file refers to any more, for the scheduled job.

use std::time::{Duration, Instant};

use sqlx::PgConnection;

use super::Storage;

/// Objects that are deleted between two looks at the clock.
const BATCH: i64 = 100;

/// What a run has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removal {
    /// Files that were not completed within 24 hours, and are deleted.
    pub expired: u64,
    /// Objects that were deleted from the bucket.
    pub objects: u64,
}

/// Deletes pending files of 24 hours, and then the objects of deleted files. Stops when the time is over; the next run goes
/// on. If the storage fails, nothing is forgotten.
///
/// A client may still write to a signed URL after its file was deleted. A key is therefore worked off in every run until no
/// URL for it is valid. Statements are not prepared by name: behind a pooler, the next one may run on another connection.
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
        // Longer than `UPLOAD_LIFETIME`, by more than a request lasts.
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
