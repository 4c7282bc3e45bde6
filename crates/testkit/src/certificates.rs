//! A certificate authority for one test, what it issues, and TLS over that from both sides.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::receiver::Wrap;

pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key.
pub struct Identity {
    pub certificate: CertificateDer<'static>,
    pub certificate_pem: String,
    pub key_pem: String,
    key: KeyPair,
}

/// Wraps a receiver's connections in TLS.
pub struct Tls(TlsAcceptor);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Test Authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, key()).expect("sound parameters");
        Self { issuer }
    }

    /// The authority's own certificate, for a file of trusted ones.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A server's certificate for these names or addresses.
    pub fn issue(&self, names: &[&str]) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("sound names");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = key();
        let certificate = params.signed_by(&key, &self.issuer).expect("sound parameters");
        Identity {
            certificate: certificate.der().clone(),
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            key,
        }
    }

    /// For clients that trust this authority alone.
    pub fn connector(&self) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("a sound certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the defaults are sound")
            .with_root_certificates(roots)
            .with_no_client_auth();
        TlsConnector::from(Arc::new(config))
    }

    /// The certificate that a server shows to a client that trusts this authority.
    pub async fn shown_by(&self, server: SocketAddr) -> CertificateDer<'static> {
        let stream = TcpStream::connect(server).await.expect("the server listens");
        let name = ServerName::from(server.ip());
        let stream = self.connector().connect(name, stream).await.expect("a handshake");
        let shown = stream.get_ref().1.peer_certificates().expect("a certificate");
        shown[0].clone().into_owned()
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Identity {
    pub fn tls(&self) -> Tls {
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).expect("made a moment ago");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the defaults are sound")
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key)
            .expect("key and certificate belong together");
        Tls(TlsAcceptor::from(Arc::new(config)))
    }
}

impl Wrap for Tls {
    type Stream = TlsStream<TcpStream>;
    const SCHEME: &'static str = "https";

    async fn wrap(&self, stream: TcpStream) -> Option<Self::Stream> {
        self.0.accept(stream).await.ok()
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("the generator works")
}
