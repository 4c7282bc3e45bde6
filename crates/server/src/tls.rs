//! TLS of the listener: the certificate and key that the settings name, read again when the files change.
//!
//! New connections get the newest good pair, old ones keep theirs. Files that cannot be used (half
//! replaced, no PEM, a key of another certificate) leave the old pair in force and are told once.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hookswitch_core::clock::Handles;
use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{path} cannot be used: {why}")]
    Unreadable { path: PathBuf, why: String },
    #[error("{0} holds no certificate")]
    Empty(PathBuf),
    #[error("the certificate in {certificate} and the key in {key} do not make a pair: {why}")]
    NoPair { certificate: PathBuf, key: PathBuf, why: String },
}

/// The pair in force.
pub(crate) struct ListenerTls {
    files: Files,
    config: RwLock<Arc<ServerConfig>>,
    /// How the files looked when they were last read, good or not.
    seen: RwLock<Look>,
}

#[derive(Clone, Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// What changes when a file is written or replaced: inode, size and time of the last change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
struct Look([Option<(u64, u64, i64, i64)>; 2]);

impl ListenerTls {
    /// Reads the pair; `None` if the settings name none.
    pub(crate) async fn of(settings: &Settings) -> Result<Option<Arc<Self>>, TlsError> {
        let (Some(certificate), Some(key)) = (settings.tls_certificate.clone(), settings.tls_key.clone())
        else {
            return Ok(None);
        };
        let files = Files { certificate, key };
        let (look, config) = files.clone().read_off_thread().await;
        let config = RwLock::new(config?);
        Ok(Some(Arc::new(Self { files, config, seen: RwLock::new(look) })))
    }

    /// For one new connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config.read()))
    }

    /// Looks at the files now and then until the server stops.
    pub(crate) async fn watch(self: Arc<Self>, handles: Handles, stopping: CancellationToken) {
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                () = handles.sleep(LOOK_EVERY) => {}
            }
            self.look_again().await;
        }
    }

    async fn look_again(&self) {
        let files = self.files.clone();
        let look = tokio::task::spawn_blocking(move || files.look()).await.unwrap_or_default();
        if look == *self.seen.read() {
            return;
        }
        let (look, config) = self.files.clone().read_off_thread().await;
        *self.seen.write() = look;
        match config {
            Ok(config) => {
                *self.config.write() = config;
                tracing::info!(certificate = %self.files.certificate.display(), "the listener's certificate was read again");
            }
            Err(error) => {
                tracing::error!(%error, "the listener's new certificate cannot be used; the old one stays in force");
            }
        }
    }
}

impl Files {
    async fn read_off_thread(self) -> (Look, Result<Arc<ServerConfig>, TlsError>) {
        let path = self.certificate.clone();
        let read = tokio::task::spawn_blocking(move || {
            // Before the reading, so that a change meanwhile shows as a change.
            let look = self.look();
            (look, self.read())
        });
        read.await.unwrap_or_else(|error| {
            (Look::default(), Err(TlsError::Unreadable { path, why: error.to_string() }))
        })
    }

    fn look(&self) -> Look {
        let of = |path: &Path| {
            let about = std::fs::metadata(path).ok()?;
            Some((about.ino(), about.size(), about.mtime(), about.mtime_nsec()))
        };
        Look([of(&self.certificate), of(&self.key)])
    }

    fn read(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let unreadable = |path: &Path, why: String| TlsError::Unreadable { path: path.to_owned(), why };
        let pem =
            |path: &Path| std::fs::read(path).map_err(|error: io::Error| unreadable(path, error.to_string()));
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem(&self.certificate)?)
            .collect::<Result<_, _>>()
            .map_err(|error| unreadable(&self.certificate, error.to_string()))?;
        if chain.is_empty() {
            return Err(TlsError::Empty(self.certificate.clone()));
        }
        let key = PrivateKeyDer::from_pem_slice(&pem(&self.key)?)
            .map_err(|error| unreadable(&self.key, error.to_string()))?;
        let no_pair = |error: rustls::Error| TlsError::NoPair {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            why: error.to_string(),
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(no_pair)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(no_pair)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}
