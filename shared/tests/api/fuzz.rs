//! Generated input of clients. Nothing panics or responds with 500, and the session is still found.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Request},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use shared::{cookie, markdown, serve::event::HttpEvent, uri_component};
use sqlx::PgPool;
use testing::{
    App,
    fuzz::{json as value, text, try_all},
    proptest::{collection, prelude::*, sample},
};
use unicode_normalization::UnicodeNormalization as _;

use crate::api;

#[testkit::test]
async fn a_session_is_found_among_random_cookies(db: PgPool) {
    let app = App::new(api(), db);
    let config = &app.state.config;
    let session = format!(
        "{}={}",
        config.cookies.name("session_token"),
        config.cookies.sign("token")
    );
    let printable = |text: String| text.replace(|c: char| c.is_control() || c == ';', "");
    let around = (text(20), text(20));
    try_all("cookies", 4_000, &around, async |(before, after)| {
        let line = format!("{}; {session}; {}", printable(before), printable(after));
        let mut headers = HeaderMap::new();
        headers.insert("cookie", HeaderValue::from_bytes(line.as_bytes()).unwrap());
        prop_assert!(cookie::pairs(&headers).count() < 40);
        let token = config.cookies.read(&headers, "session_token");
        prop_assert_eq!(token.as_deref(), Some("token"), "{}", line);
        Ok(())
    })
    .await;
}

/// Events of API Gateway for the route that returns its request.
fn events() -> impl Strategy<Value = Value> {
    let path = prop_oneof![text(8).prop_map(|id| format!("/echo/{id}")), text(12)];
    let hosts = (text(6), text(6), text(3), text(9));
    let rest = (text(12), text(8), text(3), text(5));
    (path, hosts, rest, value(3)).prop_map(
        |(path, (host, domain, protocol, agent), (query, cookie, stage, address), body)| {
            json!({
                "version": "2.0", "routeKey": "$default", "rawPath": path,
                "rawQueryString": query, "cookies": [cookie],
                "headers": {
                    "host": host, "x-forwarded-proto": protocol, "user-agent": agent,
                    "content-type": "application/json",
                },
                "requestContext": {
                    "accountId": "1", "apiId": "a", "domainName": domain, "requestId": "r", "stage": stage,
                    "http": {"method": "POST", "path": "/", "protocol": "HTTP/1.1", "sourceIp": address, "userAgent": "t"},
                    "time": "12/Mar/2026:19:03:58 +0000", "timeEpoch": 1_583_348_638_390_i64,
                },
                "body": body.to_string(), "isBase64Encoded": false,
            })
        },
    )
}

#[testkit::test]
async fn random_events_cause_no_server_errors(db: PgPool) {
    let app = App::new(api(), db);
    try_all("events", 400, &events(), async |event| {
        let parsed: HttpEvent = serde_json::from_str(&event.to_string()).unwrap();
        let request = parsed.into_request().unwrap();
        let request = request.map(|body| Body::from(body.to_vec()));
        let answer = app.anyone().request(request).await;
        prop_assert!(!answer.status.is_server_error(), "{answer:?}");
        Ok(())
    })
    .await;
}

#[testkit::test]
async fn random_bodies_are_accepted_or_rejected(db: PgPool) {
    let ada = App::new(api(), db).user("ada").await;
    let bodies = prop_oneof![
        text(30),
        value(2).prop_map(|value| json!({ "text": value }).to_string()),
        value(4).prop_map(|value| value.to_string()),
    ];
    try_all("bodies", 400, &bodies, async |body| {
        let request = Request::post("/notes")
            .header("content-type", "application/json")
            .body(Body::from(body))
            .unwrap();
        let answer = ada.request(request).await;
        prop_assert!([200, 400].contains(&answer.status.as_u16()), "{answer:?}");
        Ok(())
    })
    .await;
}

#[testkit::test]
async fn random_cursors_are_accepted_or_rejected(db: PgPool) {
    let anyone = App::new(api(), db).anyone();
    let cursors = prop_oneof![
        text(20),
        value(2).prop_map(|value| json!({ "v": 1, "s": "newest", "k": value }).to_string()),
        value(3).prop_map(|value| value.to_string()),
    ];
    try_all("cursors", 400, &cursors, async |cursor| {
        for cursor in [URL_SAFE_NO_PAD.encode(&cursor), cursor] {
            let cursor = uri_component::encode(&cursor);
            let answer = anyone.get(&format!("/pages?cursor={cursor}")).await;
            prop_assert!([200, 400].contains(&answer.status.as_u16()), "{answer:?}");
        }
        Ok(())
    })
    .await;
}

#[testkit::test]
async fn random_texts_are_folded_alike_in_every_spelling(db: PgPool) {
    let texts = collection::vec(text(20), 1..50);
    try_all("lists of texts", 60, &texts, async |mut texts| {
        // PostgreSQL cannot store it.
        for text in &mut texts {
            text.retain(|c| c != '\0');
        }
        let decomposed: Vec<String> = texts.iter().map(|text| text.nfd().collect()).collect();
        let folded: (Vec<String>, Vec<String>, Vec<String>, Vec<String>) = sqlx::query_as(
            "select array(select fold(item) from unnest($1::text[]) item),
                array(select fold(item) from unnest($2::text[]) item),
                array(select fold(fold(item)) from unnest($1::text[]) item),
                fold_all($1::text[])",
        )
        .bind(&texts)
        .bind(&decomposed)
        .fetch_one(&db)
        .await
        .unwrap();
        let (once, of_decomposed, twice, as_list) = folded;
        prop_assert_eq!(&once, &of_decomposed);
        prop_assert_eq!(&once, &twice);
        prop_assert_eq!(&once, &as_list);
        Ok(())
    })
    .await;
}

/// Tags that Markdown may become.
const TAGS: [&str; 28] = [
    "a",
    "blockquote",
    "br",
    "code",
    "del",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "img",
    "input",
    "li",
    "ol",
    "p",
    "pre",
    "strong",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
    "",
];

/// Markdown with links, tags, tables and lists.
fn documents() -> impl Strategy<Value = String> {
    let parts = (
        text(20),
        (text(4), text(9)).prop_map(|(label, address)| format!("[{label}]({address})")),
        (text(3), text(3)).prop_map(|(tag, code)| format!("\n\n<{tag} onclick=\"{code}\">")),
        text(3).prop_map(|code| format!("[x](javascript:{code})\n|a|b|\n|-|-|\n")),
        (text(3), text(3)).prop_map(|(item, name)| format!("\n- [x] {item}\n```{name}\n")),
    );
    let parts = parts.prop_map(|(a, b, c, d, e)| vec![a, b, c, d, e]);
    parts
        .prop_flat_map(|parts| collection::vec(sample::select(parts), 0..5))
        .prop_map(|parts| parts.concat())
}

#[tokio::test]
async fn random_markdown_becomes_allowed_tags_and_harmless_links() {
    try_all("Markdown texts", 4_000, &documents(), async |text| {
        let html = markdown::to_html(&text).unwrap();

        for tag in html.split('<').skip(1) {
            let name = tag.trim_start_matches('/');
            let name = name
                .split(|c: char| !c.is_ascii_alphanumeric())
                .next()
                .unwrap();
            prop_assert!(TAGS.contains(&name), "becomes {html}");
            let tag = tag.split('>').next().unwrap();
            for attribute in [
                "onclick=",
                "style=",
                "href=\"javascript",
                "href=\"data",
                "src=\"data",
            ] {
                prop_assert!(!tag.contains(attribute), "becomes {html}");
            }
        }
        Ok(())
    })
    .await;
}
