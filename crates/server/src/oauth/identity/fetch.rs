//! One GET of the identity provider's keys, over TLS judged as for deliveries. The address is the
//! operator's own word, so no guard stands before it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use hookswitch_transport::webhook::tls::client_config;

use super::KeysError;
use crate::state::Front;

const WITHIN: Duration = Duration::from_secs(5);

pub(super) async fn fetch(front: &Front, url: &Url, most: usize) -> Result<Bytes, KeysError> {
    let failed = |why: String| KeysError::Url { url: url.clone(), why };
    tokio::select! {
        fetched = get(front, url, most) => fetched.map_err(failed),
        () = front.handles.sleep(WITHIN) => Err(failed(format!("no answer within {} s", WITHIN.as_secs()))),
    }
}

async fn get(front: &Front, url: &Url, most: usize) -> Result<Bytes, String> {
    let host = url.host_str().ok_or("it names no host")?.trim_matches(['[', ']']);
    let port = url.port_or_known_default().ok_or("it names no port")?;
    let stream = TcpStream::connect((host, port)).await.map_err(words)?;
    if url.scheme() == "http" {
        return exchange(stream, url, most).await;
    }
    let authorities: Vec<PathBuf> =
        front.settings.delivery.extra_ca_files.iter().map(PathBuf::from).collect();
    let config = client_config(&authorities, Arc::clone(&front.handles.clock)).map_err(words)?;
    let name = ServerName::try_from(host.to_owned()).map_err(words)?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(words)?;
    exchange(stream, url, most).await
}

async fn exchange<S>(stream: S, url: &Url, most: usize) -> Result<Bytes, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(words)?;
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let request = Request::get(target)
        .header(header::HOST, authority)
        .header(header::ACCEPT, "application/json")
        .body(Empty::<Bytes>::new())
        .map_err(words)?;
    let exchanged = async {
        let response = sender.send_request(request).await.map_err(words)?;
        if !response.status().is_success() {
            return Err(format!("it answers {}", response.status()));
        }
        let body = Limited::new(response.into_body(), most).collect().await;
        body.map(http_body_util::Collected::to_bytes).map_err(|error| error.to_string())
    };
    // The connection moves bytes while the exchange waits; both end together.
    tokio::pin!(connection);
    tokio::pin!(exchanged);
    tokio::select! {
        done = &mut exchanged => done,
        ended = &mut connection => match ended {
            Ok(()) => exchanged.await,
            Err(error) => Err(words(error)),
        },
    }
}

fn words(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    text
}
