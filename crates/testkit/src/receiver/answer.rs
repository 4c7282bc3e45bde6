//! What the receiver says to one request, and the gate that holds it back until the test lets it go.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use super::Received;
use crate::patience;

/// One answer. Made by `ok`, `status`, … and refined by the methods that take `self`.
#[derive(Clone)]
pub struct Answer {
    kind: Kind,
    pub(super) gate: Option<Gate>,
}

#[derive(Clone)]
enum Kind {
    Http { status: u16, headers: Vec<(String, String)>, body: Bytes, echo: Echo, close: bool },
    Raw(Bytes),
    Hang,
    HangUp,
}

#[derive(Clone)]
enum Echo {
    AsAsked,
    Never,
    Instead(String),
}

impl Answer {
    pub fn ok() -> Self {
        Self::status(200)
    }

    pub fn status(status: u16) -> Self {
        let kind =
            Kind::Http { status, headers: Vec::new(), body: Bytes::new(), echo: Echo::AsAsked, close: false };
        Self { kind, gate: None }
    }

    pub fn redirect(to: &str) -> Self {
        Self::status(302).header("Location", to)
    }

    /// Exactly these bytes, then the connection is closed.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self { kind: Kind::Raw(bytes.into()), gate: None }
    }

    /// Reads the request and never answers; the connection stays open.
    pub fn hang() -> Self {
        Self { kind: Kind::Hang, gate: None }
    }

    /// Reads the request and closes the connection without a word.
    pub fn hang_up() -> Self {
        Self { kind: Kind::HangUp, gate: None }
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Kind::Http { headers, .. } = &mut self.kind {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    #[must_use]
    pub fn body(mut self, content: impl Into<Bytes>) -> Self {
        if let Kind::Http { body, .. } = &mut self.kind {
            *body = content.into();
        }
        self
    }

    /// Does not echo the Validation-Token.
    #[must_use]
    pub fn without_echo(mut self) -> Self {
        if let Kind::Http { echo, .. } = &mut self.kind {
            *echo = Echo::Never;
        }
        self
    }

    /// Answers a handshake with this token in place of the one it was asked with.
    #[must_use]
    pub fn echoing(mut self, token: &str) -> Self {
        if let Kind::Http { echo, .. } = &mut self.kind {
            *echo = Echo::Instead(token.to_owned());
        }
        self
    }

    /// Closes the connection after the answer.
    #[must_use]
    pub fn closing(mut self) -> Self {
        if let Kind::Http { close, .. } = &mut self.kind {
            *close = true;
        }
        self
    }

    /// Says nothing until the gate is opened: the stand-in for a slow subscriber.
    #[must_use]
    pub fn held_by(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    pub(super) fn hangs(&self) -> bool {
        matches!(self.kind, Kind::Hang)
    }

    pub(super) fn closes(&self) -> bool {
        match &self.kind {
            Kind::Http { close, .. } => *close,
            Kind::Raw(_) | Kind::Hang | Kind::HangUp => true,
        }
    }

    /// The bytes to write; none for the two answers that say nothing.
    pub(super) fn bytes_for(&self, request: &Received) -> Option<Bytes> {
        let (status, headers, body, echo, close) = match &self.kind {
            Kind::Http { status, headers, body, echo, close } => (status, headers, body, echo, close),
            Kind::Raw(bytes) => return Some(bytes.clone()),
            Kind::Hang | Kind::HangUp => return None,
        };
        let mut head = format!("HTTP/1.1 {status} Scripted\r\n");
        let mut line = |name: &str, value: &str| head.push_str(&format!("{name}: {value}\r\n"));
        match (echo, request.header("validation-token")) {
            (Echo::AsAsked, Some(token)) => line("Validation-Token", token),
            (Echo::Instead(token), Some(_)) => line("Validation-Token", token),
            _ => {}
        }
        headers.iter().for_each(|(name, value)| line(name, value));
        if *close {
            line("Connection", "close");
        }
        // 1xx and 204 must not have a length; all else gets a true one unless the script lies about it.
        let has_length = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        if !has_length && *status != 204 && *status >= 200 {
            line("Content-Length", &body.len().to_string());
        }
        head.push_str("\r\n");
        Some([head.as_bytes(), body].concat().into())
    }
}

/// Holds answers back until the test opens it. Clones are the same gate.
#[derive(Clone)]
pub struct Gate {
    inner: Arc<Inner>,
}

struct Inner {
    open: watch::Sender<bool>,
    waiting: watch::Sender<usize>,
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// Closed.
    pub fn new() -> Self {
        Self { inner: Arc::new(Inner { open: watch::Sender::new(false), waiting: watch::Sender::new(0) }) }
    }

    /// Lets go everything that waits and all that comes.
    pub fn open(&self) {
        self.inner.open.send_replace(true);
    }

    /// Holds whatever comes from now on.
    pub fn close(&self) {
        self.inner.open.send_replace(false);
    }

    /// How many answers wait at the gate now.
    pub fn waiting(&self) -> usize {
        *self.inner.waiting.borrow()
    }

    /// Waits until at least `count` answers wait at the gate.
    pub async fn until_waiting(&self, count: usize) {
        let mut waiting = self.inner.waiting.subscribe();
        let wait = async {
            waiting.wait_for(|now| *now >= count).await.expect("the gate holds the sender");
        };
        patience::within(&format!("{count} at the gate"), wait, || format!("{} are there", self.waiting()))
            .await;
    }

    pub(super) async fn pass(&self) {
        self.inner.waiting.send_modify(|now| *now += 1);
        let _leave = Leave(&self.inner.waiting);
        let mut open = self.inner.open.subscribe();
        open.wait_for(|open| *open).await.expect("the gate holds the sender");
    }
}

/// Counts down even when the request is given up while it waits.
struct Leave<'a>(&'a watch::Sender<usize>);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|now| *now -= 1);
    }
}
