//! The client's address in the form that is counted and stored.

use std::net::IpAddr;

use shared::http::ClientAddress;

/// Returns the normalised text of an address. For IPv6 this is the /64 network, written in full. A request without an
/// address counts as local outside production, and has an empty text in production.
pub fn client_address(address: ClientAddress, production: bool) -> String {
    match address.0.map(|address| address.to_canonical()) {
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:04x}:{b:04x}:{c:04x}:{d:04x}:0000:0000:0000:0000")
        }
        None if production => String::new(),
        None => "127.0.0.1".to_owned(),
    }
}
