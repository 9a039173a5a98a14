//! `/openapi.json`, `/docs`.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use crate::app_without_database;

#[tokio::test]
async fn the_document_is_public_and_has_an_etag() {
    let app = app_without_database(&[]);

    let answer = app.anyone().get("/openapi.json").await.expect(200);

    assert_eq!(
        answer.header("content-type"),
        "application/json; charset=utf-8"
    );
    assert_eq!(answer.json()["openapi"], "3.1.0");
    assert_eq!(answer.json()["info"]["version"], env!("CARGO_PKG_VERSION"));
    let etag = answer.header("etag").to_owned();
    let again = app.anyone().header("if-none-match", &etag);
    again.get("/openapi.json").await.expect(304);
}

#[tokio::test]
async fn the_viewers_policy_allows_its_own_style_and_script_only() {
    let answer = app_without_database(&[])
        .anyone()
        .get("/docs")
        .await
        .expect(200);

    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    let page = answer.text();
    let policy = answer.header("content-security-policy");
    for (tag, directive) in [("style", "style-src"), ("script", "script-src")] {
        let inline = between(&page, &format!("<{tag}>"), &format!("</{tag}>"));
        let hash = STANDARD.encode(Sha256::digest(inline));
        assert!(
            policy.contains(&format!("{directive} 'sha256-{hash}'")),
            "{policy}"
        );
        assert_eq!(page.matches(&format!("<{tag}")).count(), 1);
    }
    assert!(policy.contains("default-src 'none'"));
    assert_eq!(policy.matches("unsafe").count(), 0);
}

#[tokio::test]
async fn the_viewer_loads_nothing_from_other_origins() {
    let page = app_without_database(&[]).anyone().get("/docs").await.text();
    for foreign in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!page.contains(foreign), "{foreign}");
    }
}

/// The page is part of the binary. Other viewers have 0.9 to 3.6 MB.
#[tokio::test]
async fn the_viewer_has_a_maximum_size() {
    let page = app_without_database(&[]).anyone().get("/docs").await.text();

    assert!(page.len() < 64 * 1024, "{} bytes", page.len());
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let from = text.find(start).unwrap() + start.len();
    let to = text[from..].find(end).unwrap();
    &text[from..from + to]
}
