//! Certificate authorities and certificates, good and bad, made for one test.

use std::sync::Arc;

use hookswitch_testkit::TempFolder;
use hookswitch_testkit::receiver::Wrap;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The receiver's host name in these tests; the test's resolver leads it to loopback.
pub const HOST: &str = "hooks.example";

pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub fn root() -> Self {
        Self::named("Test Root")
    }

    pub fn named(name: &str) -> Self {
        let issuer = CertifiedIssuer::self_signed(authority_params(name), key()).expect("sound parameters");
        Self { issuer }
    }

    pub fn intermediate(&self) -> Self {
        let params = authority_params("Test Intermediate");
        let issuer = CertifiedIssuer::signed_by(params, key(), &self.issuer).expect("sound parameters");
        Self { issuer }
    }

    pub fn certificate(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    /// As a file for `extra_ca_files`.
    pub fn file(&self, folder: &TempFolder) -> std::path::PathBuf {
        let path = folder.join("authorities.pem");
        std::fs::write(&path, self.issuer.pem()).expect("the test's folder is writable");
        path
    }

    pub fn issue(&self, params: CertificateParams) -> Identity {
        let key = key();
        let certificate = params.signed_by(&key, &self.issuer).expect("sound parameters");
        Identity { chain: vec![certificate.der().clone()], key }
    }
}

/// What a receiver shows.
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

impl Identity {
    pub fn self_signed(params: CertificateParams) -> Self {
        let key = key();
        let certificate = params.self_signed(&key).expect("sound parameters");
        Self { chain: vec![certificate.der().clone()], key }
    }

    pub fn with(mut self, authority: &Authority) -> Self {
        self.chain.push(authority.certificate());
        self
    }

    pub fn tls(self) -> Tls {
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).expect("made a moment ago");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the defaults are sound")
            .with_no_client_auth()
            .with_single_cert(self.chain, key)
            .expect("key and certificate belong together");
        Tls(TlsAcceptor::from(Arc::new(config)))
    }
}

/// Wraps a receiver's connections in TLS.
pub struct Tls(TlsAcceptor);

impl Wrap for Tls {
    type Stream = TlsStream<TcpStream>;
    const SCHEME: &'static str = "https";

    async fn wrap(&self, stream: TcpStream) -> Option<Self::Stream> {
        self.0.accept(stream).await.ok()
    }
}

impl Tls {
    pub async fn accept(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        self.0.accept(stream).await.ok()
    }
}

/// A server's certificate for these names, with its own name in the subject.
pub fn for_names(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("sound names");
    params.distinguished_name = named("Test Receiver");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

pub fn expired(mut params: CertificateParams) -> CertificateParams {
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2025, 1, 1);
    params
}

pub fn not_yet_valid(mut params: CertificateParams) -> CertificateParams {
    params.not_before = date_time_ymd(2030, 1, 1);
    params.not_after = date_time_ymd(2031, 1, 1);
    params
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn key() -> KeyPair {
    KeyPair::generate().expect("the generator works")
}
