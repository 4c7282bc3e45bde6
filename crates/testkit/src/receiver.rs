//! A subscriber's endpoint on loopback that does exactly what a test says: answers, lies, hangs, hangs up.
//!
//! It reads and writes HTTP/1.1 by hand (`wire`), because tests need what a library hides: the order and
//! spelling of headers as they came, and answers that are not HTTP at all. By default it answers 200 and
//! echoes the Validation-Token, like a well-behaved subscriber.

mod answer;
mod wire;

pub use answer::{Answer, Gate};
pub use wire::Received;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::patience;

type Script = Box<dyn FnMut(&Received) -> Answer + Send>;

/// Stops listening and drops its connections when dropped.
pub struct ScriptedReceiver {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    state: Mutex<State>,
    /// Told whenever a request was recorded.
    arrived: Notify,
    /// Told when the receiver is dropped.
    closing: Notify,
}

struct State {
    script: Script,
    /// Used up, one a request, before the script is asked; handshakes do not touch it.
    queued: VecDeque<Answer>,
    received: Vec<Received>,
    /// How many of `received` the test has taken with `next`.
    taken: usize,
    connections: u64,
}

/// Wraps an accepted connection, for instance in TLS; `None` if that fails.
pub trait Wrap: Send + Sync + 'static {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    fn wrap(&self, stream: TcpStream) -> impl Future<Output = Option<Self::Stream>> + Send;
    const SCHEME: &'static str;
}

/// No wrapping: plain HTTP.
pub struct Plain;

impl Wrap for Plain {
    type Stream = TcpStream;
    const SCHEME: &'static str = "http";

    async fn wrap(&self, stream: TcpStream) -> Option<TcpStream> {
        Some(stream)
    }
}

impl ScriptedReceiver {
    /// Answers 200 to everything and echoes the Validation-Token.
    pub async fn start() -> Self {
        Self::scripted(|_| Answer::ok()).await
    }

    /// Asks `script` for the answer to every request, handshakes too.
    pub async fn scripted(script: impl FnMut(&Received) -> Answer + Send + 'static) -> Self {
        Self::wrapped(Plain, script).await
    }

    /// As `scripted`, over whatever `wrap` makes of an accepted connection.
    pub async fn wrapped(wrap: impl Wrap, script: impl FnMut(&Received) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        Self::listening(listener, wrap, Box::new(script))
    }

    /// Listens again where an earlier receiver did, as after a restart of the subscriber.
    pub async fn start_at(address: SocketAddr) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().expect("loopback is IPv4");
        socket.set_reuseaddr(true).expect("a fresh socket takes options");
        socket.bind(address).expect("the earlier receiver is gone");
        let listener = socket.listen(1024).expect("bound a moment ago");
        Self::listening(listener, Plain, Box::new(|_| Answer::ok()))
    }

    fn listening<W: Wrap>(listener: TcpListener, wrap: W, script: Script) -> Self {
        let address = listener.local_addr().expect("a listening socket has an address");
        let state = State { script, queued: VecDeque::new(), received: Vec::new(), taken: 0, connections: 0 };
        let shared =
            Arc::new(Shared { state: Mutex::new(state), arrived: Notify::new(), closing: Notify::new() });
        let accepting = tokio::spawn(accept(listener, Arc::new(wrap), shared.clone()));
        Self { address, scheme: W::SCHEME, shared, accepting }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `path` starts with a slash and may carry a query.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// From now on, every request gets what `script` says.
    pub fn set_script(&self, script: impl FnMut(&Received) -> Answer + Send + 'static) {
        self.shared.state.lock().script = Box::new(script);
    }

    /// From now on, every request that is no handshake gets `answer`; handshakes are answered well.
    pub fn set_answer(&self, answer: Answer) {
        self.set_script(move |request| if request.is_handshake() { Answer::ok() } else { answer.clone() });
    }

    /// The next request that is no handshake gets `answer`; several are used in order.
    pub fn then(&self, answer: Answer) -> &Self {
        self.shared.state.lock().queued.push_back(answer);
        self
    }

    /// Everything so far, in order of arrival.
    pub fn received(&self) -> Vec<Received> {
        self.shared.state.lock().received.clone()
    }

    pub fn count(&self) -> usize {
        self.shared.state.lock().received.len()
    }

    /// Everything so far that is no handshake.
    pub fn deliveries(&self) -> Vec<Received> {
        self.received().into_iter().filter(|request| !request.is_handshake()).collect()
    }

    /// How many connections were opened so far.
    pub fn connections(&self) -> u64 {
        self.shared.state.lock().connections
    }

    /// The next request that neither `next` nor `next_delivery` has returned yet.
    pub async fn next(&self) -> Received {
        let take = |state: &mut State| {
            let request = state.received.get(state.taken).cloned()?;
            state.taken += 1;
            Some(request)
        };
        self.waiting_for("the next request", take).await
    }

    /// As `next`, passing over handshakes.
    pub async fn next_delivery(&self) -> Received {
        loop {
            let request = self.next().await;
            if !request.is_handshake() {
                return request;
            }
        }
    }

    /// Waits until `count` requests have come, handshakes included, and returns all.
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        let enough = |state: &mut State| (state.received.len() >= count).then(|| state.received.clone());
        self.waiting_for(&format!("{count} requests"), enough).await
    }

    /// Waits until `count` requests that are no handshakes have come, and returns those.
    pub async fn wait_for_deliveries(&self, count: usize) -> Vec<Received> {
        let enough = |state: &mut State| {
            let deliveries = state.received.iter().filter(|request| !request.is_handshake());
            (deliveries.clone().count() >= count).then(|| deliveries.cloned().collect())
        };
        self.waiting_for(&format!("{count} deliveries"), enough).await
    }

    /// Waits until `wanted` returns something for what came so far; it is asked again at each request.
    pub async fn wait_until<T>(&self, what: &str, wanted: impl Fn(&[Received]) -> Option<T>) -> T {
        self.waiting_for(what, |state| wanted(&state.received)).await
    }

    async fn waiting_for<T>(&self, what: &str, mut ready: impl FnMut(&mut State) -> Option<T>) -> T {
        let wait = async {
            loop {
                let arrived = self.shared.arrived.notified();
                tokio::pin!(arrived);
                arrived.as_mut().enable();
                if let Some(value) = ready(&mut self.shared.state.lock()) {
                    return value;
                }
                arrived.await;
            }
        };
        patience::within(what, wait, || self.seen()).await
    }

    /// Stops listening and returns once the address is free again.
    pub async fn stop(mut self) {
        self.accepting.abort();
        (&mut self.accepting).await.ok();
    }

    fn seen(&self) -> String {
        let received = self.received();
        let last: Vec<_> = received.iter().rev().take(5).map(Received::summary).collect();
        format!("{} received {} requests, the last {last:?}", self.address, received.len())
    }
}

impl Drop for ScriptedReceiver {
    fn drop(&mut self) {
        self.accepting.abort();
        self.shared.closing.notify_waiters();
    }
}

/// An address where nobody listens: connecting is refused.
pub async fn nobody_at() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    listener.local_addr().expect("a listening socket has an address")
}

async fn accept<W: Wrap>(listener: TcpListener, wrap: Arc<W>, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).ok();
        shared.state.lock().connections += 1;
        let (wrap, shared) = (wrap.clone(), shared.clone());
        tokio::spawn(async move {
            let closing = shared.closing.notified();
            tokio::pin!(closing);
            closing.as_mut().enable();
            tokio::select! {
                () = closing => {}
                () = serve(stream, wrap, &shared) => {}
            }
        });
    }
}

async fn serve<W: Wrap>(stream: TcpStream, wrap: Arc<W>, shared: &Shared) {
    let Some(stream) = wrap.wrap(stream).await else {
        return;
    };
    let mut stream = BufReader::new(stream);
    while let Some(request) = wire::read_request(&mut stream).await {
        let answer = shared.answer_to(&request);
        shared.state.lock().received.push(request.clone());
        shared.arrived.notify_waiters();
        if let Some(gate) = &answer.gate {
            gate.pass().await;
        }
        let Some(bytes) = answer.bytes_for(&request) else {
            match answer.hangs() {
                true => return std::future::pending().await,
                false => return,
            }
        };
        if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        if answer.closes() || !request.keeps_alive() {
            stream.shutdown().await.ok();
            return;
        }
    }
}

impl Shared {
    fn answer_to(&self, request: &Received) -> Answer {
        let mut state = self.state.lock();
        if !request.is_handshake()
            && let Some(answer) = state.queued.pop_front()
        {
            return answer;
        }
        (state.script)(request)
    }
}

#[cfg(test)]
mod tests;
