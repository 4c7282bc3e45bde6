//! One attempt: a connection from the pool or a fresh one, the request, the answer, what it means.
//!
//! Success is decided at the status line (D3). What comes after it is read only as far as it is kept or
//! as it takes to use the connection again. Whether and when to try again is the engine's business; here
//! only a kept connection that turns out to be closed is replaced, within the same attempt.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use hookswitch_core::clock::MonoTime;
use hookswitch_core::delivery::{AttemptReport, FailureClass, Outcome};
use hookswitch_core::limits;

use super::Shared;
use super::address::{Address, AddressError};
use super::deadline::Late;
use super::dial::{Connection, DialError, Limit};
use super::http1::{Answer, BodyReader, Broken, Request, exchange, read_more};
use super::pool::Pool;
use super::verdict::{is_our_lateness, judge, late, span, status_words, unanswered_words};
use crate::{Endpoint, Message};

pub(crate) struct WebhookEndpoint {
    shared: Arc<Shared>,
    /// An address may have been allowed when the subscription was made and not be any more.
    address: Result<Address, AddressError>,
    /// The request line and the host: the same in each request.
    start: Vec<u8>,
    pool: Arc<Pool>,
}

impl WebhookEndpoint {
    pub(crate) fn new(shared: Arc<Shared>, address: Result<Address, AddressError>) -> Self {
        let pool = Pool::new(Arc::clone(&shared.pools));
        let start = address.as_ref().map(request_start).unwrap_or_default();
        Self { shared, address, start, pool }
    }
}

fn request_start(address: &Address) -> Vec<u8> {
    let mut start = format!("POST {} HTTP/1.1\r\nhost: ", address.target).into_bytes();
    start.extend_from_slice(address.host.as_bytes());
    start.extend_from_slice(b"\r\n");
    start
}

#[async_trait]
impl Endpoint for WebhookEndpoint {
    async fn send(&self, message: Message) -> AttemptReport {
        let started = self.shared.handles.monotonic();
        let limit = Limit { deadline: started.plus(message.within), within: message.within };
        match &self.address {
            Ok(address) => Attempt { endpoint: self, address, message: &message, started, limit }.run().await,
            Err(error) => report_forbidden(error),
        }
    }
}

struct Attempt<'a> {
    endpoint: &'a WebhookEndpoint,
    address: &'a Address,
    message: &'a Message,
    started: MonoTime,
    limit: Limit,
}

/// Why there was no answer.
enum NoAnswer {
    Broken(Broken),
    Late(Late),
}

impl Attempt<'_> {
    async fn run(self) -> AttemptReport {
        let mut kept = self.endpoint.pool.take();
        loop {
            let is_kept = kept.is_some();
            let mut connection = match kept.take() {
                Some(connection) => connection,
                // Boxed: it is large and rare, and would make the future of every attempt as large.
                None => match Box::pin(self.endpoint.shared.dialer.dial(self.address, self.limit)).await {
                    Ok(connection) => connection,
                    Err(error) => return self.not_connected(&error),
                },
            };
            match self.exchange(&mut connection).await {
                // The peer closed it while it waited: most likely it never saw the request. Once more, on a
                // fresh one.
                Err(NoAnswer::Broken(broken)) if is_kept && !broken.anything_read() => {}
                Err(failure) => return self.unanswered(failure),
                Ok(answer) => return self.answered(connection, answer).await,
            }
        }
    }

    async fn exchange(&self, connection: &mut Connection) -> Result<Answer, NoAnswer> {
        let Message { headers, body, .. } = self.message;
        let request = Request::new(&self.endpoint.start, headers.as_bytes(), body.clone());
        let Connection { wire, timer, .. } = connection;
        match timer.race(self.limit.deadline, exchange(wire, request)).await {
            Ok(answered) => answered.map_err(NoAnswer::Broken),
            Err(late) => Err(NoAnswer::Late(late)),
        }
    }

    fn unanswered(&self, failure: NoAnswer) -> AttemptReport {
        match failure {
            NoAnswer::Late(Late { noticed_after }) => {
                let (outcome, failure) =
                    late(noticed_after, || format!("no answer within {}", span(self.limit.within)));
                self.failed(outcome, failure)
            }
            NoAnswer::Broken(broken) => {
                let failure = (FailureClass::Reset, unanswered_words(&broken));
                self.failed(Outcome::Retry { hint: None }, failure)
            }
        }
    }

    async fn answered(self, connection: Connection, answer: Answer) -> AttemptReport {
        let handles = &self.endpoint.shared.handles;
        let now = handles.monotonic();
        let latency = now.since(self.started);
        let (status, overdue) = (answer.head.status, now.since(self.limit.deadline));
        // An answer that lay there while our own loop stood still is taken as it is: when it came nobody
        // knows, and that it came is certain.
        let (outcome, failure) = if overdue > Duration::ZERO && !is_our_lateness(overdue) {
            let words = format!(
                "answered {} after {} ms; the limit is {}",
                status_words(status),
                latency.as_millis(),
                span(self.limit.within)
            );
            (Outcome::Retry { hint: None }, Some((FailureClass::Timeout, words)))
        } else {
            let (retry_after, location) =
                (answer.head.retry_after.as_deref(), answer.head.location.as_deref());
            judge(status, retry_after, location, handles.now())
        };
        let (body, first) = answer.into_body();
        let response = self.read(connection, body, first).await;
        AttemptReport { outcome, status: Some(status.as_u16()), latency, response, failure }
    }

    /// The start of the body. A body that is read to its end gives its connection back to the pool.
    async fn read(self, mut connection: Connection, mut body: BodyReader, mut bytes: BytesMut) -> Bytes {
        let (mut kept, mut read) = (Vec::new(), 0);
        // Reading on to the end of a long body costs more than a new connection.
        let is_long = body.at_least_left() > limits::RESPONSE_READ_BYTES as u64;
        loop {
            let take = |data: &[u8]| {
                read += data.len();
                let room = limits::RESPONSE_KEPT_BYTES - kept.len();
                kept.extend_from_slice(&data[..data.len().min(room)]);
            };
            let fed = body.feed(&bytes, take);
            if body.is_over() {
                break;
            }
            let enough = kept.len() == limits::RESPONSE_KEPT_BYTES;
            if fed.is_err() || read > limits::RESPONSE_READ_BYTES || (is_long && enough) {
                return kept.into();
            }
            bytes = match connection.timer.race(self.limit.deadline, read_more(&mut connection.wire)).await {
                Ok(Ok(more)) if !more.is_empty() => more,
                // Broken, at its end or out of time: the connection goes, the success stays.
                _ => return kept.into(),
            };
        }
        if body.leaves_connection() {
            self.endpoint.pool.put(connection);
        }
        kept.into()
    }

    fn not_connected(&self, error: &DialError) -> AttemptReport {
        match error {
            DialError::Late { late: Late { noticed_after }, .. } => {
                let (outcome, failure) = late(*noticed_after, || error.to_string());
                self.failed(outcome, failure)
            }
            DialError::Ours(_) => self.failed(Outcome::OurFault, (error.class(), error.to_string())),
            _ => self.failed(Outcome::Retry { hint: None }, (error.class(), error.to_string())),
        }
    }

    fn failed(&self, outcome: Outcome, failure: (FailureClass, String)) -> AttemptReport {
        AttemptReport {
            outcome,
            status: None,
            latency: self.endpoint.shared.handles.monotonic().since(self.started),
            response: Bytes::new(),
            failure: Some(failure),
        }
    }
}

fn report_forbidden(error: &AddressError) -> AttemptReport {
    AttemptReport {
        outcome: Outcome::Retry { hint: None },
        status: None,
        latency: Duration::ZERO,
        response: Bytes::new(),
        failure: Some((FailureClass::Forbidden, error.to_string())),
    }
}
