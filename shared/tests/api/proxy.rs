//! A proxy in front of the database, whose connections can break.

use std::{
    mem,
    sync::{Arc, Mutex},
};

use sqlx::{ConnectOptions as _, PgPool};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// The proxy's treatment of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyState {
    Open,
    /// Accepts bytes and returns none.
    Silent,
    /// Closes connections, including new ones.
    Broken,
}

/// A proxy between a function and the database.
pub struct Proxy {
    pub address: String,
    pub state: watch::Sender<ProxyState>,
    /// Each connection has a receiver, and ends at a change.
    connections: SharedConnections,
}

type SharedConnections = Arc<Mutex<watch::Sender<()>>>;

impl Proxy {
    pub async fn new(db: &PgPool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut address = db.connect_options().to_url_lossy();
        let behind = (
            address.host_str().unwrap().to_owned(),
            address.port().unwrap_or(5432),
        );
        address
            .set_port(Some(listener.local_addr().unwrap().port()))
            .unwrap();
        let (state, watched) = watch::channel(ProxyState::Open);
        let connections = SharedConnections::default();
        let all = connections.clone();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (behind, mut state) = (behind.clone(), watched.clone());
                let mut broken = all.lock().unwrap().subscribe();
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(behind).await.unwrap();
                    if *state.borrow() == ProxyState::Open {
                        tokio::select! {
                            _ = copy_bidirectional(&mut near, &mut far) => return,
                            _ = broken.changed() => return,
                            _ = state.wait_for(|state| *state != ProxyState::Open) => {}
                        }
                    }
                    // A silent connection stays silent when the proxy is opened again.
                    if *state.borrow() == ProxyState::Silent {
                        std::future::pending::<()>().await;
                    }
                });
            }
        });
        Self {
            address: address.into(),
            state,
            connections,
        }
    }

    /// Closes all connections without a message of PostgreSQL. New ones are accepted.
    pub async fn break_connections(&self) {
        let connections = mem::take(&mut *self.connections.lock().unwrap());
        connections.send_replace(());
        // Until no connection has a receiver.
        connections.closed().await;
    }
}
