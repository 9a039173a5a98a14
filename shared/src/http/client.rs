//! The client's address, from the platform or from one trusted header.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{Extensions, HeaderMap, request::Parts},
};
use ipnet::IpNet;
use lambda_http::request::RequestContext;
use platform::config::Config;
use subtle::ConstantTimeEq as _;

use super::describe::Input;

/// The header in which a CDN proves that a request went through it.
const PROXY_SECRET: &str = "x-origin-secret";

/// The client's address. If `CLIENT_IP_HEADER` is set, it comes from that header, otherwise from API Gateway or from the
/// connection. If `TRUSTED_PROXY_SECRET` is set too, the header is believed only on requests with that value in
/// `X-Origin-Secret`. `None` if there is not exactly one valid address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub Option<IpAddr>);

impl ClientAddress {
    /// Returns the address of a request, before routing.
    pub fn of(config: &Config, headers: &HeaderMap, extensions: &Extensions) -> Self {
        let address = match &config.client_ip_header {
            Some(name) if is_from_proxy(config, headers) => from_header(headers, name),
            _ => from_platform(extensions),
        };
        Self(address.map(|address| address.to_canonical()))
    }

    /// Returns the network whose requests are counted together.
    pub fn network(self) -> String {
        self.0.map_or_else(|| "unknown".to_owned(), network)
    }
}

/// Returns whether the request went through the trusted proxy, if there is one. The comparison takes constant time.
fn is_from_proxy(config: &Config, headers: &HeaderMap) -> bool {
    let Some(secret) = &config.trusted_proxy_secret else {
        return true;
    };
    let mut values = headers.get_all(PROXY_SECRET).iter();
    let sent = values.next().filter(|_| values.next().is_none());
    sent.is_some_and(|sent| sent.as_bytes().ct_eq(secret.as_bytes()).into())
}

/// Returns the address in a header with exactly one value. A list is ignored, because the client may have written any part
/// of it.
fn from_header(headers: &HeaderMap, name: &str) -> Option<IpAddr> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    value.trim().parse().ok()
}

/// Returns the network of an address: a /64 for IPv6, because a client owns all of it.
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
