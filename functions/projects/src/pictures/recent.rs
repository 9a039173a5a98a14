//! Versions of images that this process returned recently. A request for one of them reads nothing from the bucket.

use std::sync::LazyLock;

use bytes::Bytes;
use quick_cache::{Weighter, sync::Cache};

/// Maximum size of a version in memory, in bytes. Larger ones are read from the bucket every time.
const MAX_VERSION: usize = 512 * 1024;
/// Maximum size of all versions in memory, in bytes. The function has 1,024 MB, and the largest image needs 680 MB of them.
const CAPACITY: u64 = 48 * 1024 * 1024;
/// Expected number of versions, if each has some tens of kilobytes.
const EXPECTED: usize = 1024;

static RECENT: LazyLock<Cache<String, Bytes, BytesWeighter>> =
    LazyLock::new(|| Cache::with_weighter(EXPECTED, CAPACITY, BytesWeighter));

#[derive(Clone)]
struct BytesWeighter;

impl Weighter<String, Bytes> for BytesWeighter {
    fn weight(&self, key: &String, bytes: &Bytes) -> u64 {
        (key.len() + bytes.len()) as u64
    }
}

/// Returns a version by its key in the bucket. The key contains the id of the file, whose content never changes. The caller
/// has checked that the viewer can see the file.
pub fn find(key: &str) -> Option<Bytes> {
    RECENT.get(key)
}

/// Stores a version, unless it is large. If the memory is full, the cache drops versions that are seldom used.
pub fn keep(key: String, bytes: &Bytes) {
    if bytes.len() <= MAX_VERSION {
        RECENT.insert(key, bytes.clone());
    }
}
