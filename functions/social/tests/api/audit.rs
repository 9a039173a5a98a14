//! What staff do is written down.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use sqlx::PgPool;

use crate::{app, comment, project, promote};

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panicked").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn audit_lines(&self) -> Vec<String> {
        let bytes = self.0.lock().expect("nobody panicked").clone();
        String::from_utf8_lossy(&bytes)
            .lines()
            .filter(|line| line.contains(" audit: "))
            .map(str::to_owned)
            .collect()
    }
}

#[sqlx::test(migrator = "shared::testing::MIGRATOR")]
async fn a_deletion_by_staff_is_one_line_of_the_audit_log(db: PgPool) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let app = app(&db);
    let (ada, bob, eve) = (
        app.user("ada").await,
        app.user("bob").await,
        app.user("eve").await,
    );
    promote(&db, &eve, "moderator").await;
    project(&db, "p", &ada.id, true).await;

    // The author and the project's author need no audit, and a refusal is no act.
    for caller in [&ada, &bob] {
        let path = format!("/comments/{}", comment(&bob, "p", "x").await);
        caller.delete(&path).await.expect(204);
        eve.delete(&path).await.expect(404);
    }
    assert_eq!(log.audit_lines(), [""; 0]);
    let id = comment(&bob, "p", "what was said").await;
    eve.delete(&format!("/comments/{id}")).await.expect(204);

    let lines = log.audit_lines();
    assert_eq!(lines.len(), 1);
    for part in [eve.id.as_str(), "comment.delete", &id, &bob.id] {
        assert!(lines[0].contains(part), "{part} in {}", lines[0]);
    }
    assert!(!lines[0].contains("what was said"));
}
