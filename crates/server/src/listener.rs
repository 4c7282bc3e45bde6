//! The one listener: accepts connections, speaks HTTP/1.1 on each, over TLS if there is a certificate, and
//! lets them end when the server stops. Bounded: connections by number, a TLS handshake by time, a
//! request's head by size and time, an answer that nobody takes by time, what a client sends after its answer
//! by both.

mod linger;
mod stall;
mod timer;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hookswitch_core::clock::{Handles, Sleep};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::Accept;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use self::linger::{Lingering, Unread};
use self::stall::Watched;
pub(crate) use self::timer::ClockTimer;
use crate::headers::{ClientAddress, Unanswered};
use crate::tls::ListenerTls;

/// Connections open at once; further ones wait in the operating system's queue.
const CONNECTIONS: usize = 20_000;
/// A client must have ended the handshake of TLS within this.
const TLS_WITHIN: Duration = Duration::from_secs(10);
/// After an accept that failed (out of file descriptors), try again after this.
const AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(100);

/// What connections are served with.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) router: Router,
    /// How large the head of a request may be, `limits.request_head`.
    pub(crate) head_bytes: usize,
    /// How long it may take to arrive, `limits.head_within`. So long may a kept connection be idle, too.
    pub(crate) head_within: Duration,
    /// The same by the clock of `handles`, for hyper.
    pub(crate) timer: ClockTimer,
    /// Patience with clients takes real time: the clock of development mode moves subscriptions, not the network.
    pub(crate) handles: Handles,
}

/// One connection's share of it.
struct Guest {
    door: Door,
    from: ClientAddress,
}

/// Serves until `stopping`, then lets requests under way end; the tracker ends with the last of them.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<Arc<ListenerTls>>,
    door: Door,
    stopping: CancellationToken,
    connections: TaskTracker,
) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let accepted = tokio::select! {
            () = stopping.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                // A failure here only costs latency.
                let _ = stream.set_nodelay(true);
                let guest = Guest { door: door.clone(), from: ClientAddress(peer.ip()) };
                let stopping = stopping.clone();
                match &tls {
                    None => connections.spawn(async move {
                        connection(stream, guest, stopping).await;
                        drop(permit);
                    }),
                    Some(tls) => {
                        let handshake = tls.acceptor().accept(stream);
                        let within = door.handles.sleep(TLS_WITHIN);
                        connections.spawn(async move {
                            secured(handshake, within, guest, stopping).await;
                            drop(permit);
                        })
                    }
                };
            }
            Err(error) => {
                tracing::warn!(%error, "accepting a connection failed");
                door.handles.sleep(AFTER_FAILED_ACCEPT).await;
            }
        }
    }
}

/// A handshake that fails is the client's business.
async fn secured(handshake: Accept<TcpStream>, within: Sleep, guest: Guest, stopping: CancellationToken) {
    let stream = tokio::select! {
        stream = handshake => stream,
        () = within => return,
        () = stopping.cancelled() => return,
    };
    match stream {
        Ok(stream) => connection(stream, guest, stopping).await,
        Err(error) => tracing::debug!(%error, "a TLS handshake failed"),
    }
}

async fn connection<S>(stream: S, guest: Guest, stopping: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Guest { door: Door { router, head_bytes, head_within, timer, handles }, from } = guest;
    let unread = Unread::default();
    let stream = Watched::new(stream, handles.clone());
    let stream = Lingering::new(stream, handles, unread.clone(), stopping.clone());
    let service = hyper::service::service_fn(move |request: http::Request<Incoming>| {
        let router = router.clone();
        let request = request.map(|body| Body::new(unread.watch(body)));
        async move { answer(router, from, request).await }
    });
    let connection = http1::Builder::new()
        .timer(timer)
        .header_read_timeout(head_within)
        // Twice as much as may be, so that somebody can say what the limit is.
        .max_buf_size(2 * head_bytes)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    tokio::select! {
        // A connection that breaks is the client's business.
        _ = connection.as_mut() => {}
        () = stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

/// Closes the connection.
#[derive(Debug, thiserror::Error)]
#[error("a fault of development mode: the call is not answered")]
struct Dropped;

async fn answer(
    router: Router,
    from: ClientAddress,
    mut request: http::Request<Body>,
) -> Result<http::Response<Body>, Dropped> {
    request.extensions_mut().insert(from);
    match router.oneshot(request).await {
        Ok(response) if response.extensions().get::<Unanswered>().is_some() => Err(Dropped),
        Ok(response) => Ok(response),
        Err(never) => match never {},
    }
}
