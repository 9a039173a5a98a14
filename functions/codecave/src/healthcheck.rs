//! Checks the health of the program that serves on this machine, as container platforms do: by a command that fails.

use std::{
    env,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use shared::serve::DEFAULT_PORT;

/// Timeout of each step. Container platforms wait five seconds or longer for the command.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum length of a status line.
const MAX_LINE: u64 = 1024;

/// Succeeds if the program responds. A group without health routes responds with 404, which is healthy, too.
pub fn live() -> anyhow::Result<()> {
    let status = status("/health/live")?;
    ensure!(status < 500, "unhealthy: status {status}");
    Ok(())
}

/// Succeeds if the program responds and reaches its database.
pub fn ready() -> anyhow::Result<()> {
    let status = status("/health/ready")?;
    ensure!(status == 200, "not ready: status {status}");
    Ok(())
}

/// Requests the path of the program on `PORT`, and returns the status of the response.
fn status(path: &str) -> anyhow::Result<u16> {
    let port = match env::var("PORT") {
        Ok(port) if !port.is_empty() => port
            .parse()
            .context("the value of PORT is not of the right form")?,
        _ => DEFAULT_PORT,
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)
        .with_context(|| format!("nothing listens on port {port}"))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: codecave-healthcheck\r\nConnection: close\r\n\r\n"
    )
    .context("the request cannot be sent")?;
    let mut line = String::new();
    BufReader::new(stream.take(MAX_LINE))
        .read_line(&mut line)
        .context("no response")?;
    line.strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3))
        .and_then(|status| status.parse().ok())
        .context("the response is not HTTP/1.1")
}
