//! The audit log of staff.

use sqlx::PgPool;
use testing::Log;
use tracing::Level;

use crate::{app, comment, project, promote};

#[testkit::test]
async fn a_deletion_by_staff_is_one_line_of_the_audit_log(db: PgPool) {
    let log = Log::capture(Level::INFO);
    let app = app(&db);
    let (ada, bob, eve) = (
        app.user("ada").await,
        app.user("bob").await,
        app.user("eve").await,
    );
    promote(&db, &eve, "moderator").await;
    project(&db, "p", &ada.id, true).await;

    // Deletions by the comment's author or the project's author are not audited, and neither are rejected requests.
    for caller in [&ada, &bob] {
        let path = format!("/comments/{}", comment(&bob, "p", "x").await);
        caller.delete(&path).await.expect(204);
        eve.delete(&path).await.expect(404);
    }
    assert_eq!(log.take_audit(), [""; 0]);
    let id = comment(&bob, "p", "what was said").await;
    eve.delete(&format!("/comments/{id}")).await.expect(204);

    let lines = log.take_audit();
    assert_eq!(lines.len(), 1);
    for part in [eve.id.as_str(), "comment.delete", &id, &bob.id] {
        assert!(lines[0].contains(part), "{part} in {}", lines[0]);
    }
    assert!(!lines[0].contains("what was said"));
}
