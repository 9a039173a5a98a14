//! Watches the files from which the functions are built.
//!
//! The system reports a change at once. Its reports can stop silently, when a watched folder was replaced or the limit of
//! watches was reached. Therefore the times of the files are also compared every two seconds.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

/// Watched files and folders, relative to the root of the workspace.
const PLACES: [&str; 6] = [
    "functions",
    "shared",
    "migrations",
    "Cargo.toml",
    "Cargo.lock",
    ".env",
];
/// Ignored folders. Their files are part of no function.
const LEFT_OUT: [&str; 4] = ["examples", "target", "testing", "tests"];
/// Interval between comparisons of the files' times.
const SCAN_INTERVAL: Duration = Duration::from_secs(2);
/// Time between a report and the comparison, because an editor writes a file in several steps.
const SETTLING: Duration = Duration::from_millis(50);

/// Modification time and size of each file.
type Files = BTreeMap<PathBuf, (SystemTime, u64)>;

/// The watched files, as of the last comparison.
pub struct Inputs {
    root: PathBuf,
    files: Files,
    watcher: Option<RecommendedWatcher>,
    reports: mpsc::Receiver<()>,
    /// Whether the system reported a change since the last comparison.
    reported: bool,
}

impl Inputs {
    /// Starts to watch the files of the workspace at `root`.
    pub fn watch(root: &Path) -> Self {
        let (watcher, reports) = start(root);
        Self {
            files: scan(root),
            root: root.to_owned(),
            watcher,
            reports,
            reported: false,
        }
    }

    /// Waits for changes and returns the files that were written, added or removed, relative to the root.
    pub async fn changed(&mut self) -> Vec<PathBuf> {
        loop {
            if let Ok(Some(())) = timeout(SCAN_INTERVAL, self.reports.recv()).await {
                self.reported = true;
                sleep(SETTLING).await;
                while self.reports.try_recv().is_ok() {}
            } else if self.reports.is_closed() {
                // There is no watcher. Only the comparison finds changes.
                sleep(SCAN_INTERVAL).await;
            }
            let reported = std::mem::take(&mut self.reported);
            let changed = self.compare();
            if changed.is_empty() {
                continue;
            }
            if !reported && self.watcher.is_some() {
                eprintln!(
                    "The system did not report a change of a file; the watcher is restarted."
                );
                (self.watcher, self.reports) = start(&self.root);
            }
            return changed;
        }
    }

    /// Ignores the changes since the last comparison.
    pub fn forget(&mut self) {
        self.files = scan(&self.root);
    }

    fn compare(&mut self) -> Vec<PathBuf> {
        let now = scan(&self.root);
        let before = std::mem::replace(&mut self.files, now);
        let mut changed: Vec<PathBuf> = self
            .files
            .iter()
            .filter(|(path, stamp)| before.get(*path) != Some(*stamp))
            .map(|(path, _)| path.clone())
            .collect();
        let removed = before
            .into_keys()
            .filter(|path| !self.files.contains_key(path));
        changed.extend(removed);
        changed
    }
}

/// Starts a watcher. If the system provides none, the channel is closed.
fn start(root: &Path) -> (Option<RecommendedWatcher>, mpsc::Receiver<()>) {
    let (report, reports) = mpsc::channel(1);
    let watch = || {
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // Opening a folder is reported too, and each comparison opens all of them. Errors count as reports: something
            // happened.
            if !event.is_ok_and(|event| event.kind.is_access()) {
                // A full channel holds a report already.
                let _ = report.try_send(());
            }
        })?;
        for place in PLACES {
            let path = root.join(place);
            if path.is_dir() {
                watcher.watch(&path, RecursiveMode::Recursive)?;
            }
        }
        // Files are watched by way of their folder, since editors replace them.
        watcher.watch(root, RecursiveMode::NonRecursive)?;
        notify::Result::Ok(watcher)
    };
    match watch() {
        Ok(watcher) => (Some(watcher), reports),
        Err(error) => {
            eprintln!(
                "The system cannot watch the sources ({error}), so changes are noticed after some seconds. \
                 On Linux, raise fs.inotify.max_user_watches."
            );
            (None, reports)
        }
    }
}

fn scan(root: &Path) -> Files {
    let mut files = Files::new();
    let mut left: Vec<PathBuf> = PLACES.iter().map(|place| root.join(place)).collect();
    while let Some(path) = left.pop() {
        // A file that disappears during the scan counts as removed.
        let Ok(metadata) = fs::metadata(&path) else {
            continue;
        };
        if metadata.is_dir() {
            let entries = fs::read_dir(&path).into_iter().flatten().flatten();
            left.extend(
                entries
                    .filter(|entry| is_input(&entry.file_name().to_string_lossy()))
                    .map(|entry| entry.path()),
            );
        } else if let (Ok(modified), Ok(relative)) = (metadata.modified(), path.strip_prefix(root))
        {
            files.insert(relative.to_owned(), (modified, metadata.len()));
        }
    }
    files
}

/// Whether a file or folder of this name is watched. Temporary files of editors are not.
fn is_input(name: &str) -> bool {
    !LEFT_OUT.contains(&name) && !name.starts_with(['.', '#']) && !name.ends_with('~')
}

#[cfg(test)]
mod tests {
    use testkit::timing::within;
    use tokio::time::Instant;

    use super::*;

    fn workspace(name: &str) -> PathBuf {
        let root = std::env::temp_dir().join(format!("xtask-inputs-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("functions/users/src")).unwrap();
        fs::create_dir_all(root.join("functions/users/tests")).unwrap();
        fs::write(root.join("functions/users/src/lib.rs"), "1").unwrap();
        root
    }

    async fn changed(inputs: &mut Inputs) -> Vec<PathBuf> {
        timeout(Duration::from_secs(20), inputs.changed())
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_change_is_reported_with_its_file_and_editors_files_are_not() {
        let root = workspace("report");
        let mut inputs = Inputs::watch(&root);

        fs::write(root.join("functions/users/src/.lib.rs.swp"), "").unwrap();
        fs::write(root.join("functions/users/tests/api.rs"), "").unwrap();
        fs::write(root.join("functions/users/src/lib.rs"), "two").unwrap();
        fs::write(root.join("Cargo.toml"), "").unwrap();
        let changed = changed(&mut inputs).await;

        fs::remove_dir_all(root).unwrap();
        assert_eq!(
            changed,
            [
                Path::new("Cargo.toml"),
                Path::new("functions/users/src/lib.rs")
            ]
        );
    }

    #[tokio::test]
    async fn a_comparison_does_not_report_itself() {
        let root = workspace("quiet");
        let mut inputs = Inputs::watch(&root);

        assert!(inputs.compare().is_empty());
        let report = timeout(Duration::from_millis(500), inputs.reports.recv()).await;

        fs::remove_dir_all(root).unwrap();
        assert!(report.is_err());
    }

    #[tokio::test]
    async fn a_new_folder_and_a_removed_file_are_changes() {
        let root = workspace("folder");
        let mut inputs = Inputs::watch(&root);

        fs::create_dir_all(root.join("functions/users/src/queries")).unwrap();
        fs::write(root.join("functions/users/src/queries/mod.rs"), "").unwrap();
        let added = changed(&mut inputs).await;
        fs::remove_file(root.join("functions/users/src/queries/mod.rs")).unwrap();
        let removed = changed(&mut inputs).await;

        fs::remove_dir_all(root).unwrap();
        let file = Path::new("functions/users/src/queries/mod.rs");
        assert_eq!(added, [file]);
        assert_eq!(removed, [file]);
    }

    #[tokio::test]
    async fn a_watcher_that_reports_nothing_is_restarted() {
        let root = workspace("dead");
        let mut inputs = Inputs::watch(&root);
        let file = root.join("functions/users/src/lib.rs");
        // As after the replacement of a folder: the watcher runs and reports nothing.
        inputs
            .watcher
            .as_mut()
            .unwrap()
            .unwatch(&root.join("functions"))
            .unwrap();

        fs::write(&file, "two").unwrap();
        let missed = changed(&mut inputs).await;
        let mut number = 2;
        within(SCAN_INTERVAL, async || {
            number += 1;
            let written = Instant::now();
            fs::write(&file, number.to_string()).unwrap();
            assert_eq!(changed(&mut inputs).await, missed);
            written.elapsed()
        })
        .await;

        fs::remove_dir_all(root).unwrap();
        assert_eq!(missed, [Path::new("functions/users/src/lib.rs")]);
    }
}
