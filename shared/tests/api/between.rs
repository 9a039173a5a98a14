//! A way to the database that can break.

use sqlx::{ConnectOptions as _, PgPool};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// How the way to the database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Open,
    /// Bytes are taken and none come back.
    Silent,
    /// Connections break, and new ones are refused as soon as they are made.
    Broken,
}

/// A server between a function and the database.
pub struct Between {
    pub address: String,
    pub way: watch::Sender<Way>,
}

impl Between {
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
        let (way, watched) = watch::channel(Way::Open);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (behind, mut way) = (behind.clone(), watched.clone());
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(behind).await.unwrap();
                    if *way.borrow() == Way::Open {
                        tokio::select! {
                            _ = copy_bidirectional(&mut near, &mut far) => return,
                            _ = way.wait_for(|way| *way != Way::Open) => {}
                        }
                    }
                    // What was silent once stays so: that server will never answer.
                    if *way.borrow() == Way::Silent {
                        std::future::pending::<()>().await;
                    }
                });
            }
        });
        Self {
            address: address.into(),
            way,
        }
    }
}
