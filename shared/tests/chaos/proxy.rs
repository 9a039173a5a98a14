//! A proxy in front of a server: an address that moves to another server, and a network that loses packets.

use std::{net::Ipv4Addr, time::Duration};

use shared::random;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    time::sleep,
};

use crate::node::Node;

/// Maximum size of a packet.
const PACKET: usize = 1460;
/// Time until TCP sends a lost packet again, on Linux. It doubles with each further loss of the same packet.
const RETRANSMISSION: Duration = Duration::from_millis(200);

/// How many of 1,000 packets have a fault.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// They are lost and sent again.
    pub lost: u32,
    /// They end the connection.
    pub cut: u32,
}

pub struct Proxy {
    port: u16,
    target: watch::Sender<u16>,
    faults: watch::Sender<Faults>,
}

impl Proxy {
    /// Starts a proxy without faults in front of the server with that port.
    pub async fn start(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (target, targets) = watch::channel(port);
        let (faults, network) = watch::channel(Faults::default());
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (target, network) = (*targets.borrow(), network.clone());
                tokio::spawn(async move {
                    // Without a connection to the server, the client's connection is closed.
                    if let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await {
                        forward_both(near, far, network).await;
                    }
                });
            }
        });
        Self {
            port,
            target,
            faults,
        }
    }

    /// Returns the address of the tests' database behind the proxy.
    pub fn url(&self) -> String {
        Node::url(self.port)
    }

    /// Connects new clients to another server. Existing connections stay.
    pub fn lead_to(&self, port: u16) {
        self.target.send_replace(port);
    }

    pub fn set_faults(&self, faults: Faults) {
        self.faults.send_replace(faults);
    }
}

/// Forwards both directions. When one ends, both are closed.
async fn forward_both(near: TcpStream, far: TcpStream, faults: watch::Receiver<Faults>) {
    for stream in [&near, &far] {
        stream.set_nodelay(true).unwrap();
    }
    let (from_near, to_near) = near.into_split();
    let (from_far, to_far) = far.into_split();
    tokio::select! {
        () = forward(from_near, to_far, faults.clone()) => {}
        () = forward(from_far, to_near, faults) => {}
    }
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, faults: watch::Receiver<Faults>) {
    let mut packet = [0; PACKET];
    while let Ok(length @ 1..) = from.read(&mut packet).await {
        let Faults { lost, cut } = *faults.borrow();
        if random::below(1000) < cut {
            return;
        }
        let mut delay = RETRANSMISSION;
        // The packets after a lost one wait for it.
        while random::below(1000) < lost {
            sleep(delay).await;
            delay *= 2;
        }
        if to.write_all(&packet[..length]).await.is_err() {
            return;
        }
    }
}
