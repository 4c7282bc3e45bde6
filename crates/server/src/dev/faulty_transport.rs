//! A transport around the real one that plays the faults of deliveries. Only in development mode.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hookswitch_core::clock::Handles;
use hookswitch_core::delivery::{AttemptReport, Outcome};
use hookswitch_core::id::AccountId;
use hookswitch_transport::webhook::verdict;
use hookswitch_transport::{Endpoint, Message, Transport};
use http::StatusCode;

use super::faults::{Action, Faults};

pub struct FaultyTransport {
    pub inner: Arc<dyn Transport>,
    pub faults: Arc<Faults>,
    pub handles: Handles,
}

impl Transport for FaultyTransport {
    fn open(&self, address: &str) -> Arc<dyn Endpoint> {
        self.inner.open(address)
    }

    fn open_for(&self, account: AccountId, address: &str) -> Arc<dyn Endpoint> {
        Arc::new(FaultyEndpoint {
            inner: self.inner.open_for(account, address),
            account,
            address: address.to_owned(),
            faults: Arc::clone(&self.faults),
            handles: self.handles.clone(),
        })
    }
}

struct FaultyEndpoint {
    inner: Arc<dyn Endpoint>,
    account: AccountId,
    address: String,
    faults: Arc<Faults>,
    handles: Handles,
}

#[async_trait]
impl Endpoint for FaultyEndpoint {
    async fn send(&self, message: Message) -> AttemptReport {
        match self.faults.of_delivery(self.account, &self.address) {
            None => self.inner.send(message).await,
            Some(Action::Fail { status, retry_after }) => self.failed(status, retry_after),
            Some(Action::Delay(delay)) => {
                self.handles.sleep(delay).await;
                self.inner.send(message).await
            }
            Some(Action::Drop) => AttemptReport {
                outcome: Outcome::Delivered,
                status: None,
                latency: Duration::ZERO,
                response: Bytes::from_static(b"a fault of development mode: lost on the way"),
                failure: None,
            },
            Some(Action::Repeat) => {
                self.inner.send(message.clone()).await;
                self.inner.send(message).await
            }
        }
    }
}

impl FaultyEndpoint {
    fn failed(&self, status: StatusCode, retry_after: Option<u64>) -> AttemptReport {
        let retry_after = retry_after.map(|seconds| seconds.to_string());
        let (outcome, failure) = verdict::judge(status, retry_after.as_deref(), None, self.handles.now());
        AttemptReport {
            outcome,
            status: Some(status.as_u16()),
            latency: Duration::ZERO,
            response: Bytes::new(),
            failure: failure.map(|(class, why)| (class, format!("a fault of development mode: {why}"))),
        }
    }
}
