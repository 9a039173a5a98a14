//! Servers that stand in for what the service uses.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// Answers each chunk of bytes that comes in on a port of its own, and tells the port. An empty answer is none.
pub async fn serve(answer: fn(&str) -> String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                    let answer = answer(&String::from_utf8_lossy(&buffer[..length]));
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    port
}

/// Redis, as far as a PING goes (RESP): each command is an array.
pub fn redis(commands: &str) -> String {
    let answer = |command: &str| {
        if command.contains("PING") {
            "+PONG\r\n"
        } else {
            "+OK\r\n"
        }
    };
    commands.split('*').skip(1).map(answer).collect()
}

/// Meilisearch's `GET /health`.
pub fn meilisearch(request: &str) -> String {
    let (status, body) = if request.starts_with("GET /health HTTP/1.1") {
        ("200 OK", r#"{"status":"available"}"#)
    } else {
        ("404 Not Found", "")
    };
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// Listens and never says a word.
pub fn silent(_: &str) -> String {
    String::new()
}
