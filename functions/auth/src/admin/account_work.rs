//! The remaining work after bans and deletions of accounts with many rows.

use std::time::{Duration, Instant};

use shared::db::Db;

use crate::queries;

/// Maximum time that a request spends on the work. The scheduled job does the rest.
const TIME_LIMIT: Duration = Duration::from_secs(3);

/// Does the work in steps, up to the time limit. The account is closed already, so a failure is only logged: the next
/// request or the scheduled job continues.
pub async fn continue_account_work(db: &Db) {
    let start = Instant::now();
    while start.elapsed() < TIME_LIMIT {
        match queries::admin::continue_account_work(db).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(%error, "a step of a ban or a deletion failed");
                return;
            }
        }
    }
}
