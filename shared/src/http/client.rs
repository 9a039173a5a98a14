//! The client's address: the platform's word for it, or one trusted header's.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{Extensions, HeaderMap, request::Parts},
};
use ipnet::IpNet;
use lambda_http::request::RequestContext;

use super::describe::Input;
use crate::config::Config;

/// Who sent the request: API Gateway's (or the peer's) address, or what `CLIENT_IP_HEADER` says where it is set.
/// `None` where neither names exactly one valid address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub Option<IpAddr>);

impl ClientAddress {
    /// Finds the address of a request before routing.
    pub fn of(config: &Config, headers: &HeaderMap, extensions: &Extensions) -> Self {
        let address = match &config.client_ip_header {
            Some(name) => from_header(headers, name),
            None => from_platform(extensions),
        };
        Self(address.map(|address| address.to_canonical()))
    }

    /// The text that requests of this client are counted under.
    pub fn network(self) -> String {
        self.0.map_or_else(|| "unknown".to_owned(), network)
    }
}

/// A header is believed only when it holds exactly one value and that is an address: of a list, the client may have
/// written any part.
fn from_header(headers: &HeaderMap, name: &str) -> Option<IpAddr> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    value.trim().parse().ok()
}

/// The network that a client address is counted under: IPv6 clients own a whole /64.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        address @ IpAddr::V6(_) => IpNet::new(address, 64).map_or_else(
            |_| address.to_string(),
            |network| network.trunc().addr().to_string(),
        ),
    }
}

fn from_platform(extensions: &Extensions) -> Option<IpAddr> {
    if let Some(context) = extensions.get::<RequestContext>() {
        return match context {
            RequestContext::ApiGatewayV2(context) => {
                context.http.source_ip.as_deref()?.parse().ok()
            }
            RequestContext::ApiGatewayV1(context) => {
                context.identity.source_ip.as_deref()?.parse().ok()
            }
            _ => None,
        };
    }
    extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|peer| peer.0.ip())
}

impl Input for ClientAddress {}

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts
            .extensions
            .get::<Self>()
            .copied()
            .unwrap_or(Self(None)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_clients_are_counted_by_their_network() {
        let network = |text: &str| network(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
    }
}
