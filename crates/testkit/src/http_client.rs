//! A tiny HTTP/1.1 client over one kept connection: enough to call the server and to play a publisher.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;

use crate::certificates::Authority;

/// One request at a time; clone nothing, make another one for more.
pub struct HttpClient {
    address: SocketAddr,
    tls: Option<TlsConnector>,
    connection: Mutex<Option<SendRequest<Full<Bytes>>>>,
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Bytes,
}

/// No answer came: refused, closed or not HTTP.
#[derive(Debug)]
pub struct NoAnswer(pub String);

impl HttpClient {
    pub fn to(address: SocketAddr) -> Self {
        Self { address, tls: None, connection: Mutex::new(None) }
    }

    /// Over TLS, to a server whose certificate this authority issued for its address.
    pub fn over_tls(address: SocketAddr, authority: &Authority) -> Self {
        Self { tls: Some(authority.connector()), ..Self::to(address) }
    }

    /// One attempt; a connection that was closed in the meantime is opened anew first.
    pub async fn send(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Reply, NoAnswer> {
        let mut request = Request::builder().method(method).uri(target);
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request = request.header("host", self.address.to_string());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).map_err(|error| NoAnswer(error.to_string()))?;

        let mut held = self.connection.lock().await;
        let mut sender = match reusable(held.take()).await {
            Some(kept) => kept,
            None => self.connect().await?,
        };
        let answer = sender.send_request(request).await.map_err(no_answer)?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(no_answer)?.to_bytes();
        *held = Some(sender);
        Ok(Reply { status: head.status.as_u16(), headers: head.headers, body })
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, NoAnswer> {
        let stream = TcpStream::connect(self.address).await.map_err(no_answer)?;
        stream.set_nodelay(true).map_err(no_answer)?;
        let Some(tls) = &self.tls else { return speak(stream).await };
        let name = ServerName::from(self.address.ip());
        speak(tls.connect(name, stream).await.map_err(no_answer)?).await
    }
}

async fn speak<S>(stream: S) -> Result<SendRequest<Full<Bytes>>, NoAnswer>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(no_answer)?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn reusable(kept: Option<SendRequest<Full<Bytes>>>) -> Option<SendRequest<Full<Bytes>>> {
    let mut sender = kept?;
    sender.ready().await.ok()?;
    Some(sender)
}

fn no_answer(error: impl std::error::Error) -> NoAnswer {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        words.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    NoAnswer(words)
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or("(not UTF-8)")
    }

    /// The body as JSON; fails the test if it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in the answer {} {}", self.status, self.text()))
    }

    /// Fails the test unless the answer has this status; returns it for chaining.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "the answer says {}", self.text());
        self
    }
}
