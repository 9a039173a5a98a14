//! Certificates of a local authority, and TLS in front of a server that has none.

use std::{net::Ipv4Addr, sync::Arc};

use anyhow::Context as _;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

/// An authority that no machine trusts by itself.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate for `localhost` and its key, both in PEM format.
pub struct Certificate {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    /// Creates an authority with a new key.
    pub fn new() -> anyhow::Result<Self> {
        let key = KeyPair::generate()?;
        let mut parameters = CertificateParams::default();
        let name = &mut parameters.distinguished_name;
        name.push(DnType::CommonName, "Local authority");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let pem = parameters.self_signed(&key)?.pem();
        Ok(Self {
            issuer: Issuer::new(parameters, key),
            pem,
        })
    }

    /// The authority's own certificate in PEM format, which clients have to trust.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Issues a certificate for `localhost`.
    pub fn issue(&self) -> anyhow::Result<Certificate> {
        let key = KeyPair::generate()?;
        let parameters = CertificateParams::new(["localhost".to_owned()])?;
        let certificate = parameters.signed_by(&key, &self.issuer)?;
        Ok(Certificate {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }

    /// Accepts TLS connections, and forwards what they contain to the local port. Returns the port for TLS.
    pub async fn terminate(&self, port: u16) -> anyhow::Result<u16> {
        let Certificate { certificate, key } = self.issue()?;
        let configuration = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(certificate.as_bytes())?],
                PrivateKeyDer::from_pem_slice(key.as_bytes())?,
            )?;
        let acceptor = TlsAcceptor::from(Arc::new(configuration));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Err(error) = forward(&acceptor, stream, port).await {
                        eprintln!("TLS in front of port {port}: {error:#}");
                    }
                });
            }
        });
        Ok(address.port())
    }
}

async fn forward(acceptor: &TlsAcceptor, stream: TcpStream, port: u16) -> anyhow::Result<()> {
    let mut outer = acceptor.accept(stream).await.context("handshake")?;
    let mut inner = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    copy_bidirectional(&mut outer, &mut inner).await?;
    Ok(())
}
