//! `include=contentHtml`

use sqlx::PgPool;
use testkit::process::processor_time;

use crate::{app, comment, each, project};

#[testkit::test]
async fn html_is_included_on_request_only(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    project(&db, "p", &ada.id, true).await;
    let id = comment(
        &ada,
        "p",
        "**bold** <script>alert(1)</script> [x](javascript:alert(1))",
    )
    .await;

    for path in ["/projects/p/comments".to_owned(), format!("/comments/{id}")] {
        let plain = app.anyone().get(&path).await.expect(200);
        assert!(!plain.text().contains("contentHtml"));
        let with = app
            .anyone()
            .get(&format!("{path}?include=contentHtml"))
            .await
            .expect(200)
            .json();
        let found = with.get(0).unwrap_or(&with);
        let html = found["contentHtml"].as_str().unwrap();
        assert!(html.contains("<strong>bold</strong>"), "{html}");
        assert!(
            !html.contains("<script") && !html.contains("javascript:"),
            "{html}"
        );
        assert!(found["content"].as_str().unwrap().contains("<script>"));
        let answer = app.anyone().get(&format!("{path}?include=html")).await;
        answer.expect_error(
            400,
            &["include must be one of the following values: contentHtml"],
        );
    }
}

#[testkit::test]
async fn a_page_with_html_has_at_most_fifty_comments(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    project(&db, "p", &ada.id, true).await;
    comment(&ada, "p", "x").await;
    let path = "/projects/p/comments?include=contentHtml&limit=";

    app.anyone().get(&format!("{path}50")).await.expect(200);
    let answer = app.anyone().get(&format!("{path}51")).await;
    answer.expect_error(400, &["limit must not be greater than 50"]);
}

#[testkit::test]
async fn a_page_with_html_stays_under_four_mebibytes(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    project(&db, "p", &ada.id, true).await;
    // These contents grow most: many short elements, and characters that JSON escapes.
    for content in [
        "> ".repeat(2_500),
        "*\n".repeat(2_500),
        "- [ ] \n".repeat(700),
        "\"".repeat(5_000),
    ] {
        for _ in 0..12 {
            comment(&ada, "p", &content).await;
        }
    }

    let answer = ada
        .get("/projects/p/comments?include=contentHtml&limit=50")
        .await
        .expect(200);

    assert!(answer.body.len() < 4 * 1024 * 1024, "{}", answer.body.len());
    assert_eq!(each(&answer.json(), "content").len(), 48);
    assert!(answer.json()[0]["contentHtml"].is_string());
}

#[testkit::test]
async fn a_page_costs_no_more_than_the_html_that_it_returns(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    project(&db, "p", &ada.id, true).await;
    project(&db, "q", &ada.id, true).await;
    // Each row gets a cell for each column, so that the HTML is 400 times as long.
    let table = |rows| {
        format!(
            "|{0}\n|{1}\n{2}",
            "a|".repeat(95),
            "-|".repeat(95),
            "b\n".repeat(rows)
        )
    };
    for _ in 0..12 {
        comment(&ada, "p", &table(2_300)).await;
    }
    comment(&ada, "q", &table(230)).await;

    let mut pages = Vec::new();
    for project in ["q", "p"] {
        let before = processor_time();
        let path = format!("/projects/{project}/comments?include=contentHtml&limit=50");
        let page = ada.get(&path).await.expect(200).json();
        let lengths = page.as_array().unwrap().iter();
        let lengths: Vec<_> = lengths
            .map(|comment| comment["contentHtml"].as_str().map(str::len))
            .collect();
        pages.push((processor_time().saturating_sub(before), lengths));
    }

    let [(small_time, small), (large_time, large)] = &pages[..] else {
        unreachable!()
    };
    assert!(small[0] > Some(190_000), "{small:?}");
    assert!(large[0] > Some(1_900_000), "{large:?}");
    assert_eq!(large[1..], [None; 11]);
    // If all twelve tables were rendered, the page would take 120 times as much.
    assert!(
        *large_time < *small_time * 40,
        "{large_time:?} for {large:?}, {small_time:?} for {small:?}"
    );
}
