//! Random input of clients. Nothing panics or responds with 500, and the session is still found.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Request},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use shared::{cookie, markdown, serve::event::HttpEvent, uri_component};
use sqlx::PgPool;
use testing::App;

use crate::api;

/// Texts that parsers treat specially. Random texts consist of these and of random characters.
const PIECES: [&str; 48] = [
    "", " ", "\t", "\n", "\0", "\u{7f}", "é", "\u{301}", "\u{200d}", "🦀", "\u{fffd}", "%", "%2",
    "%41", "%00", "%ff", "+", "&", "=", ";", ",", "\"", "'", "\\", "/", "//", "..", "?", "#", "{",
    "}", "[", "]", "(", ")", "<", ">", ":", "*", "_", "`", "~", "|", "-", "!", "null", "1e999",
    "http://",
];

/// The generator of Numerical Recipes. Every run tries the same texts.
struct Random(u32);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        usize::try_from(self.0 >> 8).unwrap() % limit
    }

    fn text(&mut self, most: usize) -> String {
        let mut text = String::new();
        for _ in 0..self.below(most) {
            match self.below(4) {
                0 => {
                    let code = u32::try_from(self.below(0x11_0000)).unwrap();
                    text.extend(char::from_u32(code));
                }
                1 => text.push(char::from(b' ' + u8::try_from(self.below(95)).unwrap())),
                _ => text.push_str(PIECES[self.below(PIECES.len())]),
            }
        }
        text
    }

    fn json(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 5 } else { 7 }) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 => json!(self.below(1_000_000)),
            3 | 4 => json!(self.text(12)),
            5 => (0..self.below(4)).map(|_| self.json(depth - 1)).collect(),
            _ => {
                let count = self.below(4);
                let fields = (0..count).map(|_| (self.text(6), self.json(depth - 1)));
                Value::Object(fields.collect())
            }
        }
    }
}

#[testkit::test]
async fn a_session_is_found_among_random_cookies(db: PgPool) {
    let app = App::new(api(), db);
    let config = &app.state.config;
    let session = format!(
        "{}={}",
        config.cookies.name("session_token"),
        config.cookies.sign("token")
    );
    let mut random = Random(1);
    for _ in 0..4_000 {
        let printable = |text: String| text.replace(|c: char| c.is_control() || c == ';', "");
        let line = format!(
            "{}; {session}; {}",
            printable(random.text(20)),
            printable(random.text(20))
        );
        let mut headers = HeaderMap::new();
        headers.insert("cookie", HeaderValue::from_bytes(line.as_bytes()).unwrap());
        assert!(cookie::pairs(&headers).count() < 40);
        let token = config.cookies.read(&headers, "session_token");
        assert_eq!(token.as_deref(), Some("token"), "{line}");
    }
}

#[testkit::test]
async fn random_events_bodies_and_cursors_cause_no_server_errors(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    let mut random = Random(2);
    for _ in 0..400 {
        let mut event = json!({
            "version": "2.0", "routeKey": "$default", "rawPath": format!("/echo/{}", random.text(8)),
            "rawQueryString": random.text(12), "cookies": [random.text(8)],
            "headers": {
                "host": random.text(6), "x-forwarded-proto": random.text(3), "user-agent": random.text(9),
                "content-type": "application/json",
            },
            "requestContext": {
                "accountId": "1", "apiId": "a", "domainName": random.text(6), "requestId": "r", "stage": random.text(3),
                "http": {"method": "POST", "path": "/", "protocol": "HTTP/1.1", "sourceIp": random.text(5), "userAgent": "t"},
                "time": "12/Mar/2026:19:03:58 +0000", "timeEpoch": 1_583_348_638_390_i64,
            },
            "body": random.json(3).to_string(), "isBase64Encoded": false,
        });
        if random.below(2) == 0 {
            event["rawPath"] = json!(random.text(12));
        }
        let parsed: HttpEvent = serde_json::from_str(&event.to_string()).unwrap();
        let request = parsed.into_request().unwrap();
        let request = request.map(|body| Body::from(body.to_vec()));
        let answer = app.anyone().request(request).await;
        assert!(!answer.status.is_server_error(), "{event}: {answer:?}");

        let body = match random.below(3) {
            0 => random.text(30),
            1 => json!({"text": random.json(2)}).to_string(),
            _ => random.json(4).to_string(),
        };
        let request = Request::post("/notes")
            .header("content-type", "application/json")
            .body(Body::from(body.clone()))
            .unwrap();
        let answer = ada.request(request).await;
        assert!(
            [200, 400].contains(&answer.status.as_u16()),
            "{body:?}: {answer:?}"
        );

        let cursor = match random.below(3) {
            0 => random.text(20),
            1 => json!({"v": 1, "s": "newest", "k": random.json(2)}).to_string(),
            _ => random.json(3).to_string(),
        };
        for cursor in [URL_SAFE_NO_PAD.encode(&cursor), cursor] {
            let cursor = uri_component::encode(&cursor);
            let answer = app.anyone().get(&format!("/pages?cursor={cursor}")).await;
            assert!(
                [200, 400].contains(&answer.status.as_u16()),
                "{cursor}: {answer:?}"
            );
        }
    }
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

#[test]
fn random_markdown_becomes_allowed_tags_and_harmless_links() {
    let mut random = Random(3);
    for _ in 0..4_000 {
        let parts = [
            random.text(20),
            format!("[{}]({})", random.text(4), random.text(9)),
            format!("\n\n<{} onclick=\"{}\">", random.text(3), random.text(3)),
            format!("[x](javascript:{})\n|a|b|\n|-|-|\n", random.text(3)),
            format!("\n- [x] {}\n```{}\n", random.text(3), random.text(3)),
        ];
        let text: String = (0..4)
            .map(|_| parts[random.below(parts.len())].as_str())
            .collect();

        let html = markdown::to_html(&text).unwrap();

        for tag in html.split('<').skip(1) {
            let name = tag.trim_start_matches('/');
            let name = name
                .split(|c: char| !c.is_ascii_alphanumeric())
                .next()
                .unwrap();
            assert!(TAGS.contains(&name), "{text:?} becomes {html}");
            let tag = tag.split('>').next().unwrap();
            for attribute in [
                "onclick=",
                "style=",
                "href=\"javascript",
                "href=\"data",
                "src=\"data",
            ] {
                assert!(!tag.contains(attribute), "{text:?} becomes {html}");
            }
        }
    }
}
