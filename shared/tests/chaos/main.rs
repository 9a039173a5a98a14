//! A database that stops, restarts, freezes, rejects writes, has a full disk or moves to another server, and a network that
//! loses packets, under a load of reads and writes. Every request gets 200 or 503 within a time limit, no acknowledged write
//! is lost, and no write is repeated. Slow commits do not delay reads.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod commits;
mod load;
mod migration;
mod node;
mod proxy;
mod server;

use std::time::Duration;

use tokio::time::sleep;

use self::{
    load::Load,
    node::Node,
    proxy::{Faults, Proxy},
    server::Server,
};

const CALM: Duration = Duration::from_millis(700);

#[tokio::test]
async fn requests_survive_a_fast_restart() {
    let server = Server::start("fast").await;
    let load = Load::start(Node::url(server.port)).await;
    for _ in 0..3 {
        sleep(CALM).await;
        server.control(&["restart", "-m", "fast"]).await;
    }
    load.finish(server.connect("app").await, "fast restart")
        .await;
}

#[tokio::test]
async fn requests_survive_an_immediate_restart() {
    let server = Server::start("immediate").await;
    let load = Load::start(Node::url(server.port)).await;
    for _ in 0..3 {
        sleep(CALM).await;
        server.control(&["restart", "-m", "immediate"]).await;
    }
    load.finish(server.connect("app").await, "immediate restart")
        .await;
}

#[tokio::test]
async fn requests_survive_a_stop_of_three_seconds() {
    let server = Server::start("stop").await;
    let load = Load::start(Node::url(server.port)).await;
    sleep(CALM).await;
    server.control(&["stop", "-m", "fast"]).await;
    sleep(Duration::from_secs(3)).await;
    server.start_again().await;
    load.finish(server.connect("app").await, "stop").await;
}

#[tokio::test]
async fn requests_survive_a_freeze_of_four_seconds() {
    let server = Server::start("freeze").await;
    let load = Load::start(Node::url(server.port)).await;
    sleep(CALM).await;
    server.signal("STOP").await;
    sleep(Duration::from_secs(4)).await;
    server.signal("CONT").await;
    load.finish(server.connect("app").await, "freeze").await;
}

#[tokio::test]
async fn requests_survive_a_read_only_database() {
    let server = Server::start("read-only").await;
    let load = Load::start(Node::url(server.port)).await;
    for setting in ["on", "off"] {
        sleep(CALM).await;
        server
            .execute(&format!(
                "alter database app set default_transaction_read_only = {setting}"
            ))
            .await;
        terminate(&server).await;
    }
    load.finish(server.connect("app").await, "read-only").await;
}

#[tokio::test]
async fn requests_survive_repeated_terminations_of_connections() {
    let server = Server::start("terminate").await;
    let load = Load::start(Node::url(server.port)).await;
    for _ in 0..60 {
        sleep(Duration::from_millis(50)).await;
        terminate(&server).await;
    }
    load.finish(server.connect("app").await, "terminated connections")
        .await;
}

/// The primary rejects writes, and the replica accepts them under the same address. The connections to the old primary stay
/// open.
#[tokio::test]
async fn requests_survive_a_failover_to_a_replica() {
    let server = Server::start("failover").await;
    let replica = server.replica().await;
    let proxy = Proxy::start(server.port).await;
    let load = Load::start(proxy.url()).await;
    sleep(CALM).await;
    server.set("default_transaction_read_only", "on").await;
    sleep(CALM).await;
    replica.control(&["promote"]).await;
    proxy.lead_to(replica.port);

    let statuses = load.finish(replica.connect("app").await, "failover").await;

    assert!(statuses.contains_key(&503), "{statuses:?}");
}

#[tokio::test]
async fn requests_survive_a_full_disk() {
    let server = Server::start("disk").await;
    if !server.mount_small_disk(16).await {
        eprintln!("full disk: not tested, because only root may mount a file system");
        return;
    }
    server.move_marks().await;
    let load = Load::start(Node::url(server.port)).await;
    sleep(CALM).await;
    server.fill_disk().await;
    sleep(Duration::from_secs(2)).await;
    server.empty_disk().await;

    let statuses = load.finish(server.connect("app").await, "full disk").await;

    assert!(statuses.contains_key(&503), "{statuses:?}");
}

/// One packet of 20 is lost and arrives later, and one of 300 ends its connection.
#[tokio::test]
async fn requests_survive_a_network_that_loses_packets() {
    let server = Server::start("network").await;
    let proxy = Proxy::start(server.port).await;
    let load = Load::start(proxy.url()).await;
    sleep(CALM).await;
    proxy.set_faults(Faults { lost: 50, cut: 3 });
    sleep(Duration::from_secs(6)).await;
    proxy.set_faults(Faults::default());
    load.finish(server.connect("app").await, "lost packets")
        .await;
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
