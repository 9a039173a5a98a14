//! Ports of this machine for the programs that a test starts.

use std::{
    io,
    net::{Ipv4Addr, TcpListener, UdpSocket},
    ops::Range,
    process,
    sync::{Mutex, PoisonError},
};

/// Ports below those that systems choose for connections and for listeners on port 0: Linux begins at 32768, others at 49152
/// (<https://docs.kernel.org/networking/ip-sysctl.html>, `ip_local_port_range`).
const PORTS: Range<u16> = 10_000..32_000;

/// The datagram sockets that keep other processes from choosing the same ports.
static RESERVED: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());

/// Returns a port of 127.0.0.1 on which no program listens. Until this process ends, this function returns it to no other
/// process and not again.
///
/// A port that the system chooses for a listener is free again as soon as that is closed. The system may then give it to another
/// program before the one that a test starts listens there.
///
/// # Errors
///
/// If no port is free.
pub fn free_port() -> io::Result<u16> {
    // Processes that run at the same time begin at different ports.
    let first = (process::id() as usize).wrapping_mul(7_919) % PORTS.len();
    let ports = PORTS.cycle().skip(first).take(PORTS.len());
    let mut reserved = RESERVED.lock().unwrap_or_else(PoisonError::into_inner);
    for port in ports {
        let address = (Ipv4Addr::LOCALHOST, port);
        if let Ok(socket) = UdpSocket::bind(address)
            && TcpListener::bind(address).is_ok()
        {
            reserved.push(socket);
            return Ok(port);
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_port_is_returned_once_and_free() {
        let ports: Vec<_> = (0..20).map(|_| free_port().unwrap()).collect();

        assert_eq!(ports.iter().collect::<HashSet<_>>().len(), 20);
        for port in ports {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        }
    }

    #[test]
    fn a_port_in_use_is_not_returned() {
        let free = free_port().unwrap();
        // The next one of this process. If this fails, another program listens there.
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, free + 1));

        assert_ne!(free_port().unwrap(), free + 1);
    }
}
