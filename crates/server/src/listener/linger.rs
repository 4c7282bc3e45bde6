//! A connection that is closed although its client still sends: what comes is read and thrown away for a
//! while, because closing on unread bytes is a reset, and a reset takes the answer away from a client that
//! writes its request whole before it reads (413, 401 and the like would look like a broken connection).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hookswitch_core::clock::{Handles, Sleep};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::CancellationToken;

/// For so long, and for so many bytes, a client may go on sending what nobody reads.
const LINGER: Duration = Duration::from_secs(5);
const LINGER_BYTES: usize = 64 * 1024 * 1024;
const READ_AT_ONCE: usize = 8 * 1024;

/// Whether the latest request of a connection has a body that was not read to its end.
#[derive(Clone, Default)]
pub(super) struct Unread(Arc<AtomicBool>);

impl Unread {
    /// A body that notes when it has been read. A request without one leaves nothing unread.
    pub(super) fn watch(&self, body: Incoming) -> WatchedBody {
        let watched = WatchedBody { body, unread: self.clone() };
        watched.note();
        watched
    }
}

pub(super) struct WatchedBody {
    body: Incoming,
    unread: Unread,
}

impl WatchedBody {
    fn note(&self) {
        self.unread.0.store(!self.body.is_end_stream(), Ordering::Relaxed);
    }
}

impl Body for WatchedBody {
    type Data = <Incoming as Body>::Data;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            None => self.unread.0.store(false, Ordering::Relaxed),
            Some(_) => self.note(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

pub(super) struct Lingering<S> {
    stream: S,
    handles: Handles,
    unread: Unread,
    /// Nobody is waited for when the server stops.
    stopping: CancellationToken,
    is_shut: bool,
    patience: Option<Sleep>,
    bytes_left: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Lingering<S> {
    pub(super) fn new(stream: S, handles: Handles, unread: Unread, stopping: CancellationToken) -> Self {
        let bytes_left = LINGER_BYTES;
        Self { stream, handles, unread, stopping, is_shut: false, patience: None, bytes_left }
    }

    /// Ready when the client is done, or has had its time or bytes.
    fn poll_waste(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let handles = &self.handles;
        let patience = self.patience.get_or_insert_with(|| handles.sleep(LINGER));
        loop {
            if patience.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            let mut waste = [0; READ_AT_ONCE];
            let mut waste = ReadBuf::new(&mut waste);
            let read = ready!(Pin::new(&mut self.stream).poll_read(context, &mut waste));
            self.bytes_left = self.bytes_left.saturating_sub(waste.filled().len());
            if read.is_err() || waste.filled().is_empty() || self.bytes_left == 0 {
                return Poll::Ready(());
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_shut {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            self.is_shut = true;
        }
        if self.unread.0.load(Ordering::Relaxed) && !self.stopping.is_cancelled() {
            ready!(self.poll_waste(context));
        }
        Poll::Ready(Ok(()))
    }
}
