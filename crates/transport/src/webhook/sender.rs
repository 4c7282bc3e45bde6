//! One attempt: a connection from the pool or a fresh one, the request, the answer, what it means.
//!
//! Success is decided at the status line (D3). What comes after it is read only as far as it is kept or
//! as it takes to use the connection again. Whether and when to try again is the engine's business; here
//! only a kept connection that turns out to be closed is replaced, within the same attempt.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hookswitch_core::clock::MonoTime;
use hookswitch_core::delivery::{AttemptReport, FailureClass, Outcome};
use hookswitch_core::limits;
use http::{HeaderMap, Method, Request, Response, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};

use super::Shared;
use super::address::{Address, AddressError};
use super::body::Parts;
use super::deadline::Late;
use super::dial::{Connection, DialError, Limit};
use super::pool::Pool;
use super::verdict::{broken_words, is_our_lateness, judge, late, span, status_words};
use crate::{Endpoint, Message};

pub(crate) struct WebhookEndpoint {
    shared: Arc<Shared>,
    /// An address may have been allowed when the subscription was made and not be any more.
    address: Result<Address, AddressError>,
    pool: Arc<Pool>,
}

impl WebhookEndpoint {
    pub(crate) fn new(shared: Arc<Shared>, address: Result<Address, AddressError>) -> Self {
        let pool = Pool::new(Arc::clone(&shared.pools));
        Self { shared, address, pool }
    }
}

#[async_trait]
impl Endpoint for WebhookEndpoint {
    async fn send(&self, message: Message) -> AttemptReport {
        let started = self.shared.handles.monotonic();
        let limit = Limit { deadline: started.plus(message.within), within: message.within };
        let address = match &self.address {
            Ok(address) => address,
            Err(error) => return report_forbidden(error),
        };
        let attempt =
            Attempt { shared: &self.shared, pool: &self.pool, address, message: &message, started, limit };
        attempt.run().await
    }
}

struct Attempt<'a> {
    shared: &'a Shared,
    pool: &'a Arc<Pool>,
    address: &'a Address,
    message: &'a Message,
    started: MonoTime,
    limit: Limit,
}

/// Why there was no answer.
enum NoAnswer {
    Broken { error: hyper::Error, anything_read: bool },
    Late(Late),
}

impl Attempt<'_> {
    async fn run(self) -> AttemptReport {
        let mut kept = self.pool.take();
        loop {
            let is_kept = kept.is_some();
            let mut connection = match kept.take() {
                Some(connection) => connection,
                // Boxed: it is large and rare, and would make the future of every attempt as large.
                None => match Box::pin(self.shared.dialer.dial(self.address, self.limit)).await {
                    Ok(connection) => connection,
                    Err(error) => return self.not_connected(&error),
                },
            };
            match self.exchange(&mut connection).await {
                // The peer closed it while it waited: most likely it never saw the request. Once more, on a
                // fresh one.
                Err(NoAnswer::Broken { anything_read: false, .. }) if is_kept => {}
                Err(failure) => return self.unanswered(failure),
                Ok(answer) => return self.answered(connection, answer).await,
            }
        }
    }

    async fn exchange(&self, connection: &mut Connection) -> Result<Response<Incoming>, NoAnswer> {
        let before = connection.read.get();
        let answer = connection.sender.try_send_request(self.request());
        match connection.timer.race(self.limit.deadline, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                let anything_read = connection.read.get() != before;
                Err(NoAnswer::Broken { error: error.into_error(), anything_read })
            }
            Err(late) => Err(NoAnswer::Late(late)),
        }
    }

    fn request(&self) -> Request<Parts> {
        let mut headers = HeaderMap::with_capacity(self.message.headers.len() + 2);
        headers.insert(header::HOST, self.address.host.clone());
        for (name, value) in &self.message.headers {
            headers.append(name, value.clone());
        }
        let mut request = Request::new(Parts::new(self.message.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.address.target.clone();
        *request.headers_mut() = headers;
        request
    }

    fn unanswered(&self, failure: NoAnswer) -> AttemptReport {
        match failure {
            NoAnswer::Late(Late { noticed_after }) => {
                let (outcome, failure) =
                    late(noticed_after, || format!("no answer within {}", span(self.limit.within)));
                self.failed(outcome, failure)
            }
            NoAnswer::Broken { error, anything_read } => {
                let failure = (FailureClass::Reset, broken_words(&error, anything_read));
                self.failed(Outcome::Retry { hint: None }, failure)
            }
        }
    }

    async fn answered(self, connection: Connection, answer: Response<Incoming>) -> AttemptReport {
        let now = self.shared.handles.monotonic();
        let latency = now.since(self.started);
        let (head, body) = answer.into_parts();
        let text = |name| head.headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
        let overdue = now.since(self.limit.deadline);
        // An answer that lay there while our own loop stood still is taken as it is: when it came nobody
        // knows, and that it came is certain.
        let (outcome, failure) = if overdue > Duration::ZERO && !is_our_lateness(overdue) {
            let words = format!(
                "answered {} after {} ms; the limit is {}",
                status_words(head.status),
                latency.as_millis(),
                span(self.limit.within)
            );
            (Outcome::Retry { hint: None }, Some((FailureClass::Timeout, words)))
        } else {
            judge(head.status, text(header::RETRY_AFTER), text(header::LOCATION), self.shared.handles.now())
        };
        let response = self.read(connection, body).await;
        AttemptReport { outcome, status: Some(head.status.as_u16()), latency, response, failure }
    }

    /// The start of the body. A body that is read to its end gives its connection back to the pool.
    async fn read(self, mut connection: Connection, mut body: Incoming) -> Bytes {
        let (mut kept, mut read) = (Vec::new(), 0);
        // Reading on to the end of a long body costs more than a new connection.
        let is_long = body.size_hint().lower() > limits::RESPONSE_READ_BYTES as u64;
        while !body.is_end_stream() {
            let frame = match connection.timer.race(self.limit.deadline, body.frame()).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(None) => break,
                // Broken or out of time: the connection goes, the success stays.
                Ok(Some(Err(_))) | Err(_) => return kept.into(),
            };
            let Ok(data) = frame.into_data() else { continue };
            read += data.len();
            let room = limits::RESPONSE_KEPT_BYTES - kept.len();
            kept.extend_from_slice(&data[..data.len().min(room)]);
            let enough = kept.len() == limits::RESPONSE_KEPT_BYTES;
            if read > limits::RESPONSE_READ_BYTES || (is_long && enough) {
                return kept.into();
            }
        }
        if !connection.sender.is_ready() {
            // Its own task has yet to notice that the answer is over.
            tokio::task::yield_now().await;
        }
        self.pool.put(connection);
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
            latency: self.shared.handles.monotonic().since(self.started),
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
