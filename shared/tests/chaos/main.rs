//! A database that stops, restarts, freezes or rejects writes, under a load of reads and writes. Every request gets 200 or
//! 503 within a time limit, no acknowledged write is lost, and no write is repeated.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod load;
mod server;

use std::time::Duration;

use tokio::time::sleep;

use self::{load::Load, server::Server};

const CALM: Duration = Duration::from_millis(700);

#[tokio::test]
async fn requests_survive_a_fast_restart() {
    let server = Server::start("fast").await;
    let load = Load::start(&server).await;
    for _ in 0..3 {
        sleep(CALM).await;
        server.control(&["restart", "-m", "fast"]).await;
    }
    load.finish(&server, "fast restart").await;
}

#[tokio::test]
async fn requests_survive_an_immediate_restart() {
    let server = Server::start("immediate").await;
    let load = Load::start(&server).await;
    for _ in 0..3 {
        sleep(CALM).await;
        server.control(&["restart", "-m", "immediate"]).await;
    }
    load.finish(&server, "immediate restart").await;
}

#[tokio::test]
async fn requests_survive_a_stop_of_three_seconds() {
    let server = Server::start("stop").await;
    let load = Load::start(&server).await;
    sleep(CALM).await;
    server.control(&["stop", "-m", "fast"]).await;
    sleep(Duration::from_secs(3)).await;
    server.start_again().await;
    load.finish(&server, "stop").await;
}

#[tokio::test]
async fn requests_survive_a_freeze_of_four_seconds() {
    let server = Server::start("freeze").await;
    let load = Load::start(&server).await;
    sleep(CALM).await;
    server.signal("STOP").await;
    sleep(Duration::from_secs(4)).await;
    server.signal("CONT").await;
    load.finish(&server, "freeze").await;
}

#[tokio::test]
async fn requests_survive_a_read_only_database() {
    let server = Server::start("read-only").await;
    let load = Load::start(&server).await;
    for setting in ["on", "off"] {
        sleep(CALM).await;
        server
            .execute(&format!(
                "alter database app set default_transaction_read_only = {setting}"
            ))
            .await;
        terminate(&server).await;
    }
    load.finish(&server, "read-only").await;
}

#[tokio::test]
async fn requests_survive_repeated_terminations_of_connections() {
    let server = Server::start("terminate").await;
    let load = Load::start(&server).await;
    for _ in 0..60 {
        sleep(Duration::from_millis(50)).await;
        terminate(&server).await;
    }
    load.finish(&server, "terminated connections").await;
}

async fn terminate(server: &Server) {
    server
        .execute(
            "with connection as materialized (
                 select pid from pg_stat_activity where application_name = 'codecave'
             )
             select pg_terminate_backend(pid) from connection",
        )
        .await;
}
