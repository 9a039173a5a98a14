//! Stand-ins for the services that the API uses.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// Responds to each chunk of bytes that it receives on a free port, and returns the port. An empty response sends nothing.
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

/// Redis with the command PING. In its protocol, RESP, each command is an array.
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

/// Accepts connections and never responds.
pub fn silent(_: &str) -> String {
    String::new()
}
