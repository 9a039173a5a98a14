//! Where a redirect leads, according to two parsers of addresses: that of Rust, and that of Node, which is the one of
//! browsers: both pass the tests of <https://url.spec.whatwg.org>.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::json;
use testkit::{programs, python::or_skipped};
use url::Url;

/// The trusted origins of these tests.
pub const TRUSTED: &str = "https://*.preview.test,*.wild.test,codecave://";
/// The page whose response redirects. Browsers resolve relative addresses against it.
const PAGE: &str = "http://localhost:3001/api/auth/callback/github";

/// Resolves the addresses of standard input against the page.
const SCRIPT: &str = "
    const [page, addresses] = JSON.parse(require('fs').readFileSync(0, 'utf8'));
    const resolve = (address) => {
        if (!URL.canParse(address, page)) return null;
        const { protocol, hostname, port } = new URL(address, page);
        return { scheme: protocol.slice(0, -1), host: hostname, port };
    };
    process.stdout.write(JSON.stringify(addresses.map(resolve)));
";

/// The parts of an address that decide who receives the request.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub struct Destination {
    scheme: String,
    host: String,
    /// Empty if it is the default of the scheme.
    port: String,
}

impl Destination {
    /// Returns `None` for an address that the browser rejects: it shows an error and goes nowhere.
    pub fn new(address: &str) -> Option<Self> {
        let url = Url::parse(PAGE).unwrap().join(address).ok()?;
        Some(Self {
            scheme: url.scheme().to_owned(),
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port().map_or(String::new(), |port| port.to_string()),
        })
    }

    /// Returns whether it is a trusted origin.
    fn is_trusted(&self) -> bool {
        let Self { scheme, host, port } = self;
        // Development trusts the pages of this machine.
        let is_local = scheme == "http" && ["localhost", "127.0.0.1", "[::1]"].contains(&&host[..]);
        let listed = [
            "codecave.tech",
            "www.codecave.tech",
            "app.codecave.tech",
            "api.codecave.tech",
        ];
        let is_secure = scheme == "https" && port.is_empty();
        let is_web = scheme == "http" || scheme == "https";
        scheme == "codecave"
            || is_local
            || (is_secure && (listed.contains(&&host[..]) || host.ends_with(".preview.test")))
            || (is_web && port.is_empty() && host.ends_with(".wild.test"))
    }
}

/// Returns whether a browser that follows the address ends at a trusted origin.
pub fn is_safe(address: &str) -> bool {
    Destination::new(address).is_none_or(|destination| destination.is_trusted())
}

/// Fails unless the addresses are safe according to Node. Where Node is missing, CI fails, and other machines skip this.
pub fn expect_safe_in_node(addresses: &[String]) {
    let Some(found) = or_skipped("Node", resolve_in_node(addresses)) else {
        return;
    };
    assert_eq!(found.len(), addresses.len());
    for (address, destination) in addresses.iter().zip(&found) {
        let is_safe = destination.as_ref().is_none_or(Destination::is_trusted);
        assert!(is_safe, "{address:?} leads to {destination:?}");
    }
    println!("measured: tried {} addresses in Node", found.len());
}

fn resolve_in_node(addresses: &[String]) -> anyhow::Result<Vec<Option<Destination>>> {
    let node = programs::find("node").context("it is not on this machine")?;
    let mut node = Command::new(node)
        .args(["--eval", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = node.stdin.take().context("its input is piped")?;
    // The script reads everything before it writes.
    input.write_all(json!([PAGE, addresses]).to_string().as_bytes())?;
    drop(input);
    let output = node.wait_with_output()?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[test]
fn node_finds_the_same_destinations_and_foreign_ones() {
    let addresses = [
        "/x",
        "//evil.example/x",
        "/.//evil.example",
        "https:evil.example",
        "\\\\evil.example",
        "https://a.wild.test:443",
        "codecave://x",
        "https://[::1]:8443",
        "https://b\u{fc}cher.example",
        "http://0x7f.1/",
        "https://%zz/",
        "//",
    ]
    .map(ToOwned::to_owned);
    let Some(found) = or_skipped("Node", resolve_in_node(&addresses)) else {
        return;
    };
    for (address, in_node) in addresses.iter().zip(&found) {
        assert_eq!(&Destination::new(address), in_node, "{address}");
    }
    let foreign = found.iter().flatten().filter(|found| !found.is_trusted());
    assert_eq!(foreign.count(), 5, "{found:?}");
}
