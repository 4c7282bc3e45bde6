//! HTTP/1.1 as far as a sender of notifications needs it: one POST, one answer, one connection.
//!
//! The general client library costs two task switches and a dozen allocations for each request, which is
//! most of what a small delivery costs at all. Here the task that sends an event writes the request and reads
//! the answer itself. `head` reads an answer's head, `body` its body: both are pure values that get bytes
//! and know nothing of sockets. What an answer means is `verdict`'s business, and the handshake, which
//! is rare and strict, uses the general library.

mod body;
mod head;

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead as _, AsyncReadExt as _, AsyncWrite as _, ReadBuf};

pub(crate) use self::body::BodyReader;
pub(crate) use self::head::Head;
use super::wire::Wire;

/// Most answers to a notification fit in this.
const READ_AT_ONCE: usize = 2048;
/// What follows is long.
const READ_ON: usize = 16 * 1024;
/// The head of an answer may be this large.
const HEAD_BYTES: usize = 64 * 1024;

/// A request in the parts that are written one after another.
pub(crate) struct Request {
    parts: [Bytes; 4],
}

/// An answer whose head is read. What was read beyond it is the start of its body.
pub(crate) struct Answer {
    pub(crate) head: Head,
    rest: BytesMut,
    /// The peer answered before it had the whole request: nothing may follow on this connection.
    cut_short: bool,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error("the head of the answer is too large")]
    TooLarge,
    #[error("the answer is not HTTP/1.1")]
    NotHttp,
    #[error("closed")]
    Closed { anything_read: bool },
    #[error("{error}")]
    Io { error: io::Error, anything_read: bool },
}

impl Broken {
    /// Whether the peer may have seen the request: it began to answer.
    pub(crate) fn anything_read(&self) -> bool {
        match self {
            Self::TooLarge | Self::NotHttp => true,
            Self::Closed { anything_read } | Self::Io { anything_read, .. } => *anything_read,
        }
    }
}

impl Request {
    /// `start` is the request line and the host, `headers` whole lines.
    pub(crate) fn new(start: &[u8], headers: &[u8], body: [Bytes; 3]) -> Self {
        let length: usize = body.iter().map(Bytes::len).sum();
        let mut head = Vec::with_capacity(start.len() + headers.len() + 48);
        let length = format!("content-length: {length}\r\n\r\n");
        for part in [start, headers, length.as_bytes()] {
            head.extend_from_slice(part);
        }
        let [one, two, three] = body;
        Self { parts: [head.into(), one, two, three] }
    }

    fn is_written(&self) -> bool {
        self.parts.iter().all(Bytes::is_empty)
    }

    fn poll_write(&mut self, wire: &mut Wire, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.is_written() {
            let slices = self.parts.each_ref().map(|part| IoSlice::new(part));
            let written = ready!(Pin::new(&mut *wire).poll_write_vectored(context, &slices))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        Pin::new(wire).poll_flush(context)
    }

    fn advance(&mut self, mut written: usize) {
        for part in &mut self.parts {
            let of_part = written.min(part.len());
            part.advance(of_part);
            written -= of_part;
        }
    }
}

/// Writes the request and reads the head of its answer. A peer may answer before it has all of the
/// request: that answer counts.
pub(crate) async fn exchange(wire: &mut Wire, mut request: Request) -> Result<Answer, Broken> {
    let mut reading = Reading::default();
    let mut writing = Some(&mut request);
    let mut write_failed = None;
    poll_fn(|context| {
        if let Some(request) = &mut writing {
            match request.poll_write(wire, context) {
                Poll::Ready(Ok(())) => writing = None,
                // What it answered before it stopped listening may still be there to read.
                Poll::Ready(Err(error)) => (writing, write_failed) = (None, Some(error)),
                Poll::Pending => {}
            }
        }
        let answer = ready!(reading.poll_head(wire, context));
        let cut_short = writing.is_some() || write_failed.is_some();
        Poll::Ready(match (answer, write_failed.take()) {
            (Ok((head, rest)), _) => Ok(Answer { head, rest, cut_short }),
            (Err(Broken::Closed { anything_read }), Some(error)) => Err(Broken::Io { error, anything_read }),
            (Err(broken), _) => Err(broken),
        })
    })
    .await
}

#[derive(Default)]
struct Reading {
    buffer: BytesMut,
    /// How much of the buffer is known not to end the head.
    searched: usize,
    anything_read: bool,
}

impl Reading {
    fn poll_head(
        &mut self,
        wire: &mut Wire,
        context: &mut Context<'_>,
    ) -> Poll<Result<(Head, BytesMut), Broken>> {
        loop {
            self.buffer.reserve(READ_AT_ONCE);
            let anything_read = self.anything_read;
            match ready!(pin!(wire.read_buf(&mut self.buffer)).poll(context)) {
                Ok(0) => return Poll::Ready(Err(Broken::Closed { anything_read })),
                Ok(_) => self.anything_read = true,
                Err(error) => return Poll::Ready(Err(Broken::Io { error, anything_read })),
            }
            match self.head() {
                Ok(Some(head)) => return Poll::Ready(Ok((head, std::mem::take(&mut self.buffer)))),
                Ok(None) => {}
                Err(broken) => return Poll::Ready(Err(broken)),
            }
        }
    }

    /// The final answer's head, if it is there; interim ones (1xx) are passed over.
    fn head(&mut self) -> Result<Option<Head>, Broken> {
        // A head that drips is not parsed again at each byte, only at each line.
        while self.buffer[self.searched..].contains(&b'\n') {
            let Some((head, bytes)) = Head::parse(&self.buffer)? else { break };
            self.buffer.advance(bytes);
            self.searched = 0;
            if !head.is_interim() {
                return Ok(Some(head));
            }
        }
        self.searched = self.buffer.len();
        if self.buffer.len() > HEAD_BYTES {
            return Err(Broken::TooLarge);
        }
        Ok(None)
    }
}

impl Answer {
    /// The body, whose start may have come with the head.
    pub(crate) fn into_body(self) -> (BodyReader, BytesMut) {
        (BodyReader::new(&self.head, self.cut_short), self.rest)
    }
}

/// The next bytes of a body; none are left at the end of the stream.
pub(crate) async fn read_more(wire: &mut Wire) -> io::Result<BytesMut> {
    let mut buffer = BytesMut::with_capacity(READ_ON);
    wire.read_buf(&mut buffer).await?;
    Ok(buffer)
}

/// Whether a connection that waits for its next request could take it: nothing was closed, and nothing
/// was said that nobody asked for. Costs no system call as long as nothing happened.
pub(crate) fn is_quiet(wire: &mut Wire) -> bool {
    let mut byte = [0; 1];
    let mut context = Context::from_waker(Waker::noop());
    Pin::new(wire).poll_read(&mut context, &mut ReadBuf::new(&mut byte)).is_pending()
}
