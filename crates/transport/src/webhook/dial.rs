//! From an address to an open connection: resolve, judge every answer, dial a judged one, TLS.
//!
//! What is dialled is what was judged, nothing resolves in between. Everything runs under the deadline of
//! the attempt that needs the connection.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hookswitch_core::clock::{Clock, MonoTime};
use hookswitch_core::delivery::FailureClass;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::address::{Address, Place};
use super::deadline::{Late, Timer};
use super::guard::{Guard, Refused};
use super::resolver::{ResolveError, Resolver};
use super::tls;
use super::verdict::span;
use super::wire::{Stream, Wire};

/// A name may have dozens of addresses; all are judged, these many are tried.
const ADDRESSES_TRIED: usize = 6;

/// An open connection that has no request under way.
pub(crate) struct Connection {
    pub(crate) wire: Wire,
    pub(crate) timer: Timer,
    pub(crate) opened_at: MonoTime,
}

pub(crate) struct Dialer {
    pub(crate) guard: Guard,
    pub(crate) resolver: Arc<dyn Resolver>,
    pub(crate) tls: TlsConnector,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Until when, and how long that is from the beginning, for words.
#[derive(Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) deadline: MonoTime,
    pub(crate) within: Duration,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("DNS: no address for {host}: {why}")]
    Unknown { host: String, why: ResolveError },
    #[error("DNS: no address for {0}")]
    NoAddress(String),
    #[error("{host} leads to a forbidden address: {refused}")]
    Forbidden { host: String, refused: Refused },
    #[error("{host} leads to {address}, and plain http goes to loopback only")]
    NotLoopback { host: String, address: IpAddr },
    #[error("connection refused by {0}")]
    Refused(SocketAddr),
    #[error("no connection to {address}: {why}")]
    Unreachable { address: SocketAddr, why: io::Error },
    #[error("TLS: {0}")]
    Tls(String),
    #[error("{0} closed the connection during the TLS handshake")]
    BrokenTls(SocketAddr),
    #[error("{what} within {}", span(*.within))]
    Late { what: String, within: Duration, late: Late },
    #[error("this server could not open a connection: {0}")]
    Ours(io::Error),
}

impl DialError {
    pub(crate) fn class(&self) -> FailureClass {
        match self {
            Self::Unknown { .. } | Self::NoAddress(_) => FailureClass::Dns,
            Self::Forbidden { .. } | Self::NotLoopback { .. } => FailureClass::Forbidden,
            Self::Refused(_) | Self::Unreachable { .. } => FailureClass::Connect,
            Self::Tls(_) => FailureClass::Tls,
            Self::BrokenTls(_) => FailureClass::Reset,
            Self::Late { .. } => FailureClass::Timeout,
            Self::Ours(_) => FailureClass::Internal,
        }
    }
}

impl Dialer {
    pub(crate) async fn dial(&self, address: &Address, limit: Limit) -> Result<Connection, DialError> {
        let mut timer = Timer::new(Arc::clone(&self.clock));
        let candidates = self.candidates(address, limit, &mut timer).await?;
        let (stream, peer) = self.connect(&candidates, limit, &mut timer).await?;
        // Errors of these two only mean less: a little more delay, or none.
        stream.set_nodelay(true).ok();
        let stream = match &address.tls {
            None => Stream::Plain(stream),
            Some(name) => self.encrypt(stream, peer, name.clone(), limit, &mut timer).await?,
        };
        Ok(Connection { wire: Wire::new(stream), timer, opened_at: self.clock.monotonic() })
    }

    /// The judged addresses, in the order to try them.
    async fn candidates(
        &self,
        address: &Address,
        limit: Limit,
        timer: &mut Timer,
    ) -> Result<Vec<SocketAddr>, DialError> {
        let (host, found) = match &address.place {
            Place::Literal(literal) => (literal.to_string(), vec![*literal]),
            Place::Name(name) => (name.clone(), self.resolve(name, limit, timer).await?),
        };
        if let Err(refused) = self.guard.judge_all(&found, address.account) {
            return Err(DialError::Forbidden { host, refused });
        }
        let outside = found.iter().find(|found| address.loopback_only && !found.is_loopback());
        if let Some(address) = outside.copied() {
            return Err(DialError::NotLoopback { host, address });
        }
        if found.is_empty() {
            return Err(DialError::NoAddress(host));
        }
        Ok(found
            .into_iter()
            .take(ADDRESSES_TRIED)
            .map(|found| SocketAddr::new(found, address.port))
            .collect())
    }

    async fn resolve(&self, name: &str, limit: Limit, timer: &mut Timer) -> Result<Vec<IpAddr>, DialError> {
        match timer.race(limit.deadline, self.resolver.resolve(name)).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(why)) => Err(DialError::Unknown { host: name.to_owned(), why }),
            Err(late) => Err(limit.late(format!("DNS: no answer about {name}"), late)),
        }
    }

    /// Each address gets its share of the time that is left, so that one dead route does not use up the
    /// others' chance.
    async fn connect(
        &self,
        candidates: &[SocketAddr],
        limit: Limit,
        timer: &mut Timer,
    ) -> Result<(TcpStream, SocketAddr), DialError> {
        let mut left = candidates.len() as u32;
        let mut last = None;
        for peer in candidates.iter().copied() {
            let now = self.clock.monotonic();
            let until = now.plus(limit.deadline.since(now) / left);
            left -= 1;
            last = Some(match timer.race(until, TcpStream::connect(peer)).await {
                Ok(Ok(stream)) => return Ok((stream, peer)),
                Ok(Err(why)) if is_ours(&why) => return Err(DialError::Ours(why)),
                Ok(Err(why)) if why.kind() == io::ErrorKind::ConnectionRefused => DialError::Refused(peer),
                Ok(Err(why)) => DialError::Unreachable { address: peer, why },
                Err(late) => limit.late(format!("no connection to {peer}"), late),
            });
        }
        Err(last.unwrap_or_else(|| DialError::NoAddress(String::new())))
    }

    async fn encrypt(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        name: ServerName<'static>,
        limit: Limit,
        timer: &mut Timer,
    ) -> Result<Stream, DialError> {
        match timer.race(limit.deadline, self.tls.connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(Stream::Tls(Box::new(stream))),
            Ok(Err(error)) => Err(match error.get_ref().and_then(|inner| inner.downcast_ref()) {
                Some(error) => DialError::Tls(tls::words(error)),
                None => DialError::BrokenTls(peer),
            }),
            Err(late) => Err(limit.late(format!("TLS: no handshake with {peer}"), late)),
        }
    }
}

impl Limit {
    fn late(self, what: String, late: Late) -> DialError {
        DialError::Late { what, within: self.within, late }
    }
}

/// Out of sockets, memory or local ports: nothing the receiver could help.
fn is_ours(error: &io::Error) -> bool {
    /// The same on every Unix; the standard library has no name for them.
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
        || matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::OutOfMemory)
}
