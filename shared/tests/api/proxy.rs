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
    /// A message on this channel ends each connection.
    breaks: Breaks,
}

type Breaks = Arc<Mutex<watch::Sender<()>>>;

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
        let breaks = Breaks::default();
        let subscribed = breaks.clone();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (behind, mut state) = (behind.clone(), watched.clone());
                let mut broken = subscribed.lock().unwrap().subscribe();
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
                        let _ = broken.changed().await;
                    }
                });
            }
        });
        Self {
            address: address.into(),
            state,
            breaks,
        }
    }

    /// Closes all connections without a message of PostgreSQL. New ones are accepted.
    pub async fn break_connections(&self) {
        let breaks = mem::take(&mut *self.breaks.lock().unwrap());
        breaks.send_replace(());
        // Each connection drops its receiver when it ends.
        breaks.closed().await;
    }
}
