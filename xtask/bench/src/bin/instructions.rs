//! Runs a code path repeatedly, so that valgrind can count its instructions. The paths use only the processor. The
//! difference between two counts leaves out the cost of the start.
//!
//! Usage: `instructions PATH COUNT`. See `cargo xtask bench --instructions`.

use std::{env, hint::black_box};

use anyhow::{Context as _, bail};
use lambda_http::{
    Adapter, Context, LambdaEvent, Service as _, http::HeaderValue, request::LambdaRequest,
};
use resources::{Author, ProjectSummary};
use shared::{AppState, config::Variables, cookie::Cookies, http::Cursor, time::Timestamp};

const SECRET: &str = "a-secret-of-the-benchmark-0123456789";
const EVENT: &[u8] = include_bytes!("../../../../events/health-get-health.json");

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [path, count] = arguments.as_slice() else {
        bail!("usage: instructions PATH COUNT");
    };
    let count: u32 = count.parse().context("COUNT is not a number")?;
    match path.as_str() {
        "request" => requests(count).await,
        "cookie" => cookies(count),
        "cursor" => cursors(count),
        "page" => pages(count),
        _ => bail!("there is no path {path}"),
    }
}

/// Converts the bytes of an event to the bytes of the response, through the whole request stack.
async fn requests(count: u32) -> anyhow::Result<()> {
    let variables: Variables = [
        ("BETTER_AUTH_SECRET", SECRET),
        ("BETTER_AUTH_URL", "https://api.codecave.tech"),
        ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    let api = health::api();
    let app = AppState::new(variables, api.required_names(), api.secret_names())?;
    let mut adapter = Adapter::from(api.router(health::HealthState::new(app)));
    for _ in 0..count {
        let event: LambdaRequest = serde_json::from_slice(black_box(EVENT))?;
        let event = LambdaEvent::new(event, Context::default());
        let answer = adapter.call(event).await.map_err(anyhow::Error::msg)?;
        black_box(serde_json::to_vec(&answer)?);
    }
    Ok(())
}

/// Verifies a session cookie among other cookies.
fn cookies(count: u32) -> anyhow::Result<()> {
    let cookies = Cookies::new(SECRET, true);
    let signed = cookies.sign("pAQ8n2FvXb7Zc1LmT5yRk0WuJ6HsDg3E");
    let header = format!("theme=dark; {}={signed}", cookies.name("session_token"));
    let mut headers = axum::http::HeaderMap::new();
    headers.insert("cookie", HeaderValue::try_from(header)?);
    for _ in 0..count {
        let token = cookies.read(black_box(&headers), "session_token");
        black_box(token.context("the cookie is rejected")?);
    }
    Ok(())
}

/// Encodes and decodes a cursor.
fn cursors(count: u32) -> anyhow::Result<()> {
    let id = "9b1d62e2-4f0a-4a7e-8f3c-1d2e3f4a5b6c";
    let at = Timestamp::from_millis(1_736_937_000_123)
        .context("the time is out of range")?
        .0;
    for _ in 0..count {
        let text = Cursor::new("likes", (342, black_box(at), id)).encode();
        black_box(Cursor::decode(&text).context("the cursor is rejected")?);
    }
    Ok(())
}

/// Serializes a page of twenty projects as JSON.
fn pages(count: u32) -> anyhow::Result<()> {
    let at = Timestamp::from_millis(1_736_937_000_123).context("the time is out of range")?;
    let page: Vec<ProjectSummary> = (0..20)
        .map(|number| ProjectSummary {
            id: format!("9b1d62e2-4f0a-4a7e-8f3c-{number:012}"),
            title: "CodeCollab".to_owned(),
            description: Some("An editor for several people at once, in a browser".to_owned()),
            tags: ["rust", "editor", "async"].map(str::to_owned).to_vec(),
            language: Some("Rust".to_owned()),
            is_public: true,
            view_count: 2847,
            like_count: 342,
            comment_count: 87,
            created_at: at,
            updated_at: at,
            author_id: "3f6c0a5e-6f0c-4c3a-9a55-0d6f7c3b1c11".to_owned(),
            author: Author {
                id: "3f6c0a5e-6f0c-4c3a-9a55-0d6f7c3b1c11".to_owned(),
                name: "Sarah Chen".to_owned(),
                image: Some("https://avatars.githubusercontent.com/u/1?v=4".to_owned()),
                avatar: None,
                github_username: Some("sarahbuilds".to_owned()),
                is_pro: false,
                is_following: true,
            },
            is_liked: true,
        })
        .collect();
    for _ in 0..count {
        black_box(serde_json::to_vec(black_box(&page))?);
    }
    Ok(())
}
