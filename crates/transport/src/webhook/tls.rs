//! TLS towards receivers: what we trust, and in words what was wrong with what a receiver showed.
//!
//! Public certificate authorities and the operator's own, TLS 1.2 or newer, sessions resumed. The usual
//! verification is done by the library; `Explaining` only looks closer when it fails, because "unknown
//! issuer" does not tell a person whether to send the intermediate certificate or to stop self-signing.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use hookswitch_core::clock::{Clock, WallTime};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, VerifierBuilderError};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore,
    SignatureScheme,
};

/// Sessions remembered for resumption, over all receivers.
const SESSIONS: usize = 1024;

/// The server does not start with certificate authorities it cannot read.
#[derive(Debug, thiserror::Error)]
pub enum TlsSetupError {
    #[error("cannot read the certificate authorities in {}: {why}", path.display())]
    Unreadable { path: PathBuf, why: String },
    #[error("{} holds no certificate", .0.display())]
    Empty(PathBuf),
    #[error("cannot set up TLS")]
    Library(#[from] rustls::Error),
    #[error("cannot set up certificate verification")]
    Verifier(#[from] VerifierBuilderError),
}

/// What else we connect to over TLS is judged the same way.
pub fn client_config(
    extra_ca_files: &[PathBuf],
    clock: Arc<dyn Clock>,
) -> Result<ClientConfig, TlsSetupError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for path in extra_ca_files {
        add_authorities(&mut roots, path)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let usual =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
    let mut config = ClientConfig::builder_with_details(provider, Arc::new(OurTime(clock)))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Explaining { usual }))
        .with_no_client_auth();
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn add_authorities(roots: &mut RootCertStore, path: &PathBuf) -> Result<(), TlsSetupError> {
    let unreadable = |why: String| TlsSetupError::Unreadable { path: path.clone(), why };
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| unreadable(error.to_string()))?;
    let before = roots.len();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
    }
    if roots.len() == before { Err(TlsSetupError::Empty(path.clone())) } else { Ok(()) }
}

/// Certificates expire by the same clock as everything else.
struct OurTime(Arc<dyn Clock>);

impl fmt::Debug for OurTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OurTime")
    }
}

impl TimeProvider for OurTime {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now().unix_seconds()).ok()?;
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)))
    }
}

/// The usual verifier; when it finds no trusted issuer, this says what is likely missing.
#[derive(Debug)]
struct Explaining {
    usual: Arc<WebPkiServerVerifier>,
}

/// Why no trusted issuer was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Untrusted {
    #[error("the certificate is self-signed")]
    SelfSigned,
    #[error(
        "the certificate chain is incomplete: an intermediate certificate is missing, or the issuer is not trusted"
    )]
    Alone,
    #[error("the certificate's chain ends at an authority that is not trusted")]
    UnknownRoot,
}

impl ServerCertVerifier for Explaining {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.usual
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .map_err(|error| explained(error, end_entity, intermediates))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

fn explained(
    error: rustls::Error,
    end_entity: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
) -> rustls::Error {
    let self_signed = is_self_signed(end_entity);
    let untrusted = match &error {
        // A self-signed certificate that may also sign others fails as "an authority used as a server".
        rustls::Error::InvalidCertificate(CertificateError::Other(_)) if self_signed => Untrusted::SelfSigned,
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) if self_signed => {
            Untrusted::SelfSigned
        }
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) if intermediates.is_empty() => {
            Untrusted::Alone
        }
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => Untrusted::UnknownRoot,
        _ => return error,
    };
    CertificateError::Other(OtherError(Arc::new(untrusted))).into()
}

fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    webpki::EndEntityCert::try_from(certificate).is_ok_and(|parsed| parsed.issuer() == parsed.subject())
}

/// What was wrong, for the person who runs the receiver.
pub(crate) fn words(error: &rustls::Error) -> String {
    use rustls::Error as E;
    match error {
        E::InvalidCertificate(certificate) => certificate_words(certificate),
        E::InvalidMessage(_) => "the receiver does not speak TLS there".to_owned(),
        E::PeerIncompatible(why) => {
            format!("no common ground with the receiver (TLS 1.2 or newer is needed): {why:?}")
        }
        E::AlertReceived(AlertDescription::ProtocolVersion) => {
            "the receiver does not offer TLS 1.2 or newer".to_owned()
        }
        E::AlertReceived(alert) => format!("the receiver refused with the alert {alert:?}"),
        other => other.to_string(),
    }
}

fn certificate_words(error: &CertificateError) -> String {
    use CertificateError as E;
    match error {
        E::Expired => "the certificate has expired".to_owned(),
        E::ExpiredContext { not_after, .. } => format!("the certificate has expired, on {}", day(*not_after)),
        E::NotValidYet => "the certificate is not valid yet".to_owned(),
        E::NotValidYetContext { not_before, .. } => {
            format!("the certificate is not valid before {}", day(*not_before))
        }
        E::NotValidForName => "the certificate is for another name".to_owned(),
        E::NotValidForNameContext { expected, presented } => {
            format!("the certificate is for {}, not for {}", names(presented), expected.to_str())
        }
        E::BadSignature => "the certificate is not signed by the authority it names".to_owned(),
        E::Revoked => "the certificate was revoked".to_owned(),
        E::UnknownIssuer => Untrusted::UnknownRoot.to_string(),
        E::Other(other) => match other.0.downcast_ref::<Untrusted>() {
            Some(untrusted) => untrusted.to_string(),
            None => format!("the certificate is not valid: {other}"),
        },
        other => format!("the certificate is not valid: {other}"),
    }
}

/// A certificate may carry hundreds of names; the first few tell whose it is.
fn names(presented: &[String]) -> String {
    const SHOWN: usize = 3;
    // The library writes them as `DnsName("other.example")` or `IpAddress(127.0.0.1)`.
    let plain = |name: &String| {
        let inner = name.split_once('(').map_or(name.as_str(), |(_, inner)| inner.trim_end_matches(')'));
        inner.trim_matches('"').to_owned()
    };
    let shown: Vec<String> = presented.iter().take(SHOWN).map(plain).collect();
    match presented.len() {
        0 => "no name at all".to_owned(),
        count if count > SHOWN => format!("{} and {} more", shown.join(", "), count - SHOWN),
        _ => shown.join(", "),
    }
}

fn day(time: UnixTime) -> String {
    let millis = i64::try_from(time.as_secs()).unwrap_or(i64::MAX).saturating_mul(1000);
    WallTime(millis).iso8601().split('T').next().unwrap_or_default().to_owned()
}
