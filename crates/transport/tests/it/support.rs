//! The transport under test, and the handles to what it sees: time and name resolution.

use std::collections::VecDeque;
use std::future::pending;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hookswitch_core::clock::{Clock, Handles, MonoTime, Sleep, WallTime};
use hookswitch_core::delivery::{AttemptReport, FailureClass, Outcome};
use hookswitch_testkit::{SeededEntropy, SteeredClock, patience, steered_handles};
use hookswitch_transport::webhook::resolver::{ResolveError, Resolver};
use hookswitch_transport::webhook::{Settings, Webhook, notification_headers};
use hookswitch_transport::{Endpoint, Message, Transport as _};
use http::HeaderValue;
use parking_lot::Mutex;

pub const SECOND: Duration = Duration::from_secs(1);
pub const AGAIN: Outcome = Outcome::Retry { hint: None };

pub struct Bench {
    pub webhook: Arc<Webhook>,
    pub clock: Arc<SteeredClock>,
    pub names: Arc<Names>,
}

impl Bench {
    /// As `--dev`: loopback is allowed.
    pub fn dev() -> Self {
        Self::with(Settings::dev())
    }

    pub fn with(settings: Settings) -> Self {
        let (handles, clock) = steered_handles(1);
        let names = Arc::new(Names::default());
        let webhook = Webhook::with_resolver(settings, handles, names.clone()).expect("sound settings");
        Self { webhook: Arc::new(webhook), clock, names }
    }

    pub async fn send(&self, address: &str) -> AttemptReport {
        self.webhook.open(address).send(message("{}")).await
    }

    /// Sends on a task of its own, so that the test can move time meanwhile.
    pub fn sending(&self, address: &str) -> tokio::task::JoinHandle<AttemptReport> {
        sending(self.webhook.open(address))
    }
}

pub fn sending(endpoint: Arc<dyn Endpoint>) -> tokio::task::JoinHandle<AttemptReport> {
    tokio::spawn(async move { endpoint.send(message("{}")).await })
}

/// A notification with a body in three parts.
pub fn message(body: &'static str) -> Message {
    let headers = notification_headers(HeaderValue::from_static("RingCentral-Webhook/8.3"));
    let parts =
        [Bytes::from_static(b"{\"body\":"), Bytes::from_static(body.as_bytes()), Bytes::from_static(b"}")];
    Message { headers, body: parts, within: SECOND }
}

/// The failed attempt's outcome, class and words.
pub fn failure(report: &AttemptReport) -> (Outcome, FailureClass, &str) {
    let (class, words) = report.failure.as_ref().expect("a failed attempt");
    (report.outcome, *class, words)
}

/// Answers for names, in the order a test queued them; the last one stays. Counts the questions.
#[derive(Default)]
pub struct Names {
    answers: Mutex<VecDeque<Result<Vec<IpAddr>, ResolveError>>>,
    asked: AtomicU64,
}

impl Names {
    pub fn then(&self, addresses: &[&str]) -> &Self {
        let addresses = addresses.iter().map(|text| text.parse().expect("an address")).collect();
        self.answers.lock().push_back(Ok(addresses));
        self
    }

    pub fn then_fail(&self, why: &str) -> &Self {
        self.answers.lock().push_back(Err(ResolveError(why.to_owned())));
        self
    }

    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, _: &str) -> Result<Vec<IpAddr>, ResolveError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = {
            let mut answers = self.answers.lock();
            if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
        };
        match answer {
            Some(answer) => answer,
            None => pending().await,
        }
    }
}

/// Waits for what must come, and fails the test if it does not.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    patience::within(what, future, || "it did not".to_owned()).await
}

/// A clock that a test sets and whose sleepers nobody wakes: what a stalled loop sees when it runs again.
pub struct DeafClock(AtomicU64);

impl DeafClock {
    pub fn handles() -> (Handles, Arc<Self>) {
        let clock = Arc::new(Self(AtomicU64::new(1_000_000_000)));
        (Handles { clock: clock.clone(), entropy: Arc::new(SeededEntropy::new(1)) }, clock)
    }

    pub fn set_forward(&self, span: Duration) {
        self.0.fetch_add(span.as_nanos() as u64, Ordering::SeqCst);
    }
}

impl Clock for DeafClock {
    fn now(&self) -> WallTime {
        WallTime(1_767_603_600_000)
    }

    fn monotonic(&self) -> MonoTime {
        MonoTime(self.0.load(Ordering::SeqCst))
    }

    fn sleep_until(&self, _: MonoTime) -> Sleep {
        Box::pin(pending())
    }
}
