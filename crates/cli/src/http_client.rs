//! A small HTTP/1.1 client over one kept connection, plain or TLS, for the commands that ask a server.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use url::Url;

use crate::failure::{Failure, with_causes};

/// The longest answer that is read: a page of history with its bodies.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;

pub struct HttpClient {
    base: Url,
    tls: Arc<ClientConfig>,
    connection: Mutex<Option<Sender>>,
}

type Sender = SendRequest<Full<Bytes>>;

pub struct Answer {
    pub status: u16,
    pub retry_after: Option<u64>,
    pub body: Bytes,
}

impl HttpClient {
    pub fn new(base: Url) -> Result<Self, Failure> {
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(Failure::Usage(format!("{base} is not an http or https URL")));
        }
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        Ok(Self { base, tls: tls(roots)?, connection: Mutex::new(None) })
    }

    /// Trusts the certificate authorities of a PEM file too.
    pub fn trusting(mut self, ca_file: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = ca_file else { return Ok(self) };
        let wrong = |why: String| Failure::Usage(format!("{}: {why}", path.display()));
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let before = roots.len();
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
            roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
        }
        if roots.len() == before {
            return Err(wrong("holds no certificate".to_owned()));
        }
        self.tls = tls(roots)?;
        Ok(self)
    }

    /// `target` is a path with its query. Any status is an answer.
    pub async fn send(
        &self,
        method: Method,
        target: &str,
        authorization: Option<&str>,
        body: Option<(&str, Bytes)>,
    ) -> Result<Answer, Failure> {
        let request = self.request(method, target, authorization, body)?;
        let mut held = self.connection.lock().await;
        let mut sender = match still_open(held.take()).await {
            Some(kept) => kept,
            None => self.connect().await?,
        };
        let response = match sender.try_send_request(request).await {
            Ok(response) => response,
            Err(mut failed) => match failed.take_message() {
                // Closed while nobody looked, before anything was sent.
                Some(request) => {
                    sender = self.connect().await?;
                    sender.send_request(request).await.map_err(|error| self.no_answer(&error))?
                }
                None => return Err(self.no_answer(failed.error())),
            },
        };
        let (head, body) = response.into_parts();
        let read = Limited::new(body, ANSWER_BYTES).collect().await;
        let body = read.map_err(|error| self.no_answer(error.as_ref()))?.to_bytes();
        *held = Some(sender);
        let retry_after =
            head.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        Ok(Answer { status: head.status.as_u16(), retry_after, body })
    }

    fn request(
        &self,
        method: Method,
        target: &str,
        authorization: Option<&str>,
        body: Option<(&str, Bytes)>,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        // A server behind a proxy may have a path of its own.
        let path = format!("{}{target}", self.base.path().trim_end_matches('/'));
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, self.authority());
        if let Some(value) = authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        let (content_type, body) = body.unzip();
        if let Some(value) = content_type {
            request = request.header(header::CONTENT_TYPE, value);
        }
        let request = request.body(Full::new(body.unwrap_or_default()));
        request.map_err(|error| Failure::Usage(format!("{target}: {error}")))
    }

    async fn connect(&self) -> Result<Sender, Failure> {
        let host = self.base.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let port = self.base.port_or_known_default().unwrap_or(80);
        let stream = TcpStream::connect((host, port)).await.map_err(|error| self.no_answer(&error))?;
        stream.set_nodelay(true).map_err(|error| self.no_answer(&error))?;
        if self.base.scheme() == "http" {
            return self.speak(stream).await;
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|error| self.no_answer(&error))?;
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(&self.tls));
        let stream = connector.connect(name, stream).await.map_err(|error| self.no_answer(&error))?;
        self.speak(stream).await
    }

    async fn speak<S>(&self, stream: S) -> Result<Sender, Failure>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| self.no_answer(&error))?;
        // A connection that breaks shows in the next request.
        tokio::spawn(connection);
        Ok(sender)
    }

    fn authority(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        self.base.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    fn no_answer(&self, error: &dyn std::error::Error) -> Failure {
        let why = with_causes(error);
        Failure::NoAnswer { url: self.base.to_string(), why }
    }
}

async fn still_open(kept: Option<Sender>) -> Option<Sender> {
    let mut sender = kept?;
    sender.ready().await.ok()?;
    Some(sender)
}

fn tls(roots: RootCertStore) -> Result<Arc<ClientConfig>, Failure> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| Failure::Failed(format!("TLS: {error}")))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

impl Answer {
    /// The answer if it is a success, else what the server says about it.
    pub fn success(self) -> Result<Self, Failure> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        Err(Failure::Refused { status: self.status, message: self.message() })
    }

    pub fn json(&self) -> Result<Value, Failure> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Failure::Failed(format!("the server's answer is not JSON: {error}")))
    }

    /// The server's words, or the start of whatever it sent.
    pub fn message(&self) -> String {
        let json = serde_json::from_slice::<Value>(&self.body).unwrap_or_default();
        let words = ["message", "error_description", "detail"].iter().find_map(|name| json[*name].as_str());
        words.map_or_else(|| String::from_utf8_lossy(&self.body).chars().take(300).collect(), str::to_owned)
    }
}
