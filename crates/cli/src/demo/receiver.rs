//! The demo's subscriber: a webhook receiver as a customer would write it. It answers the handshake, checks
//! the signature of every delivery, and of conference events the company's token too, and hands on what came.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use hookswitch_core::clock::{Handles, MonoTime};
use hookswitch_core::signature::Signer;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::chat;
use crate::failure::Failure;

/// Deliveries that wait to be shown; a receiver that is full answers 503 and is asked again.
const WAITING: usize = 1024;
const BODY_BYTES: usize = 1024 * 1024;

/// One delivery, its signature checked.
pub struct Arrival {
    /// The last segment of the path it came to: the subscription's name.
    pub name: String,
    /// By what its event is known: the uuid, or what a chat's event says.
    pub key: String,
    pub at: MonoTime,
}

/// Stops when dropped.
pub struct Receiver {
    address: SocketAddr,
    desk: Arc<Desk>,
    accepting: JoinHandle<()>,
}

struct Desk {
    signer: Signer,
    /// By name: conference endpoints, each with a secret of its own, and the token of their company.
    endpoints: Mutex<HashMap<String, (Signer, String)>>,
    handles: Handles,
    arrivals: mpsc::Sender<Arrival>,
}

impl Receiver {
    /// Listens on a free loopback port.
    pub async fn start(signer: Signer, handles: Handles) -> Result<(Self, mpsc::Receiver<Arrival>), Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(Failure::io("the demo's receiver"))?;
        let address = listener.local_addr().map_err(Failure::io("the demo's receiver"))?;
        let (arrivals, arrived) = mpsc::channel(WAITING);
        let desk = Arc::new(Desk { signer, endpoints: Mutex::default(), handles, arrivals });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&desk)));
        Ok((Self { address, desk, accepting }, arrived))
    }

    /// From now on what comes under this name must be signed so and carry this x-signing-token.
    pub fn expect_conferences(&self, name: &str, signer: Signer, token: &str) {
        self.desk.endpoints.lock().insert(name.to_owned(), (signer, token.to_owned()));
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, desk: Arc<Desk>) {
    while let Ok((stream, _)) = listener.accept().await {
        let desk = desk.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let desk = desk.clone();
                async move { Ok::<_, Infallible>(desk.answer(request).await) }
            });
            // A connection that breaks is the sender's business: it will send again.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

impl Desk {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::default());
        if let Some(token) = request.headers().get("validation-token") {
            response.headers_mut().insert("validation-token", token.clone());
            return response;
        }
        *response.status_mut() = self.take(request).await;
        response
    }

    async fn take(&self, request: Request<Incoming>) -> StatusCode {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, BODY_BYTES).collect().await else { return StatusCode::BAD_REQUEST };
        let body = body.to_bytes();
        let name = head.uri.path().rsplit('/').next().unwrap_or_default().to_owned();
        let endpoint = self.endpoints.lock().get(&name).cloned();
        let signer = endpoint.as_ref().map_or(&self.signer, |(signer, _)| signer);
        if !self.is_genuine(signer, &head.headers, &body) {
            return StatusCode::UNAUTHORIZED;
        }
        let Ok(envelope) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST };
        if let Some((_, token)) = &endpoint {
            if head.headers.get("x-signing-token").is_none_or(|value| value != token) {
                return StatusCode::UNAUTHORIZED;
            }
            // JSON inside of JSON.
            let payload = envelope["payload"].as_str().map(serde_json::from_str::<Value>);
            if !matches!(payload, Some(Ok(Value::Object(_)))) {
                return StatusCode::BAD_REQUEST;
            }
        }
        let event = envelope["event"].as_str().unwrap_or_default();
        // Whatever form a delivery has, its header names the event.
        let uuid = || head.headers.get("webhook-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let key = chat::key(event, &envelope["body"]).or_else(uuid).unwrap_or_default();
        let arrival = Arrival { name, key, at: self.handles.monotonic() };
        match self.arrivals.try_send(arrival) {
            Ok(()) => StatusCode::OK,
            Err(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn is_genuine(&self, signer: &Signer, headers: &HeaderMap, body: &Bytes) -> bool {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let (Some(id), Some(signature)) = (text("webhook-id"), text("webhook-signature")) else {
            return false;
        };
        let Some(Ok(seconds)) = text("webhook-timestamp").map(str::parse) else { return false };
        signer.verify_fresh(id, seconds, &[body], signature, self.handles.now()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use hookswitch_core::signature::secret_from;
    use hookswitch_server::clock::system_handles;
    use hookswitch_testkit::HttpClient;
    use http::Method;

    use super::*;

    #[tokio::test]
    async fn only_a_genuine_delivery_is_taken() {
        let handles = system_handles();
        let signer = Signer::new([secret_from(&[7; 24]).as_str()]).expect("a secret");
        let (receiver, mut arrived) =
            Receiver::start(signer.clone(), handles.clone()).await.expect("loopback");
        let client = HttpClient::to(receiver.address);

        let asked = client
            .send(Method::POST, "/demo/crm", &[("validation-token", "v")], "")
            .await
            .expect("an answer");
        assert_eq!((asked.status, asked.header("validation-token")), (200, Some("v")));

        let body = r#"{"uuid":"u1"}"#;
        let seconds = handles.now().unix_seconds();
        let signature = signer.sign("u1", seconds, &[body.as_bytes()]);
        let seconds = seconds.to_string();
        let mut headers =
            [("webhook-id", "u1"), ("webhook-timestamp", &*seconds), ("webhook-signature", &*signature)];
        let sent = client.send(Method::POST, "/demo/crm", &headers, body).await.expect("an answer");
        assert_eq!(sent.status, 200);
        let arrival = arrived.recv().await.expect("the receiver lives");
        assert_eq!((arrival.name.as_str(), arrival.key.as_str()), ("crm", "u1"));

        receiver.expect_conferences("calls", signer.clone(), "token");
        for (token, body, status) in [
            ("token", r#"{"event":"conference_end","payload":"{\"host_id\":1}"}"#, 200),
            ("wrong", r#"{"event":"conference_end","payload":"{\"host_id\":1}"}"#, 401),
            ("token", r#"{"event":"conference_end","payload":{"host_id":1}}"#, 400),
        ] {
            let signature = signer.sign("u2", handles.now().unix_seconds(), &[body.as_bytes()]);
            let headers = [
                ("webhook-id", "u2"),
                ("webhook-timestamp", &*seconds),
                ("webhook-signature", &*signature),
                ("x-signing-token", token),
            ];
            let sent = client.send(Method::POST, "/demo/calls", &headers, body).await.expect("an answer");
            assert_eq!(sent.status, status, "{token} {body}");
        }

        headers[0].1 = "another";
        let forged = client.send(Method::POST, "/demo/crm", &headers, body).await.expect("an answer");
        assert_eq!(forged.status, 401);
    }
}
