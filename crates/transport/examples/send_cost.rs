//! What one delivery costs the sending thread, in CPU: `Endpoint::send` beside a bare pool of hyper
//! connections that has no timer, no guard and no outcome. Both send the same request to the same receiver
//! on another thread, in turns.
//!
//! `cargo run --release -p hookswitch-transport --example send_cost [deliveries] [rounds]`. Linux only:
//! the kernel's own count of this thread's CPU time is read from /proc.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookswitch_core::delivery::Outcome;
use hookswitch_testkit::real_handles;
use hookswitch_transport::header_lines::HeaderLines;
use hookswitch_transport::webhook::{Settings, Webhook, notification_headers};
use hookswitch_transport::{Endpoint, Message, Transport as _};
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

const IN_FLIGHT: [usize; 3] = [1, 8, 32];

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse().expect("a number"));
    let deliveries: usize = arguments.next().unwrap_or(40_000);
    let rounds: usize = arguments.next().unwrap_or(5);
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || runtime().block_on(receive(tell)));
    let port = told.recv().expect("the receiver tells its port");
    println!(
        "in flight  hookswitch µs  bare hyper µs  (CPU of the sending thread per delivery, median of {rounds})"
    );
    for in_flight in IN_FLIGHT {
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            ours.push(measured(deliveries, send_ours(port, deliveries, in_flight)));
            bare.push(measured(deliveries, send_bare(port, deliveries, in_flight)));
        }
        println!("{in_flight:>9}  {:>13.1}  {:>13.1}", median(ours), median(bare));
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn measured(deliveries: usize, work: impl Future<Output = ()>) -> f64 {
    let runtime = runtime();
    let local = tokio::task::LocalSet::new();
    let before = thread_cpu();
    local.block_on(&runtime, work);
    (thread_cpu() - before).as_nanos() as f64 / 1000.0 / deliveries as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The scheduler's count, in nanoseconds.
fn thread_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanos = text.split(' ').next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanos.expect("the first field is a number"))
}

async fn receive(tell: std::sync::mpsc::SyncSender<u16>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    tell.send(listener.local_addr().expect("bound").port()).expect("main waits");
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).expect("a fresh socket takes options");
        let service = service_fn(|request: Request<Incoming>| async move {
            request.into_body().collect().await.ok();
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        });
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
        );
    }
}

/// As the engine builds it for each delivery.
fn message(body: &Bytes, shared: &HeaderLines) -> Message {
    let mut headers = shared.with_room(300);
    let uuid = "01890a5d-ac96-774b-bcce-b302099a8057";
    let own = [
        ("verification-token", "0123456789abcdef0123456789abcdef"),
        ("webhook-id", uuid),
        ("webhook-timestamp", "1700000000"),
        ("webhook-signature", "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="),
        ("traceparent", "00-01890a5dac96774bbcceb302099a8057-00f067aa0ba902b7-01"),
    ];
    for (name, value) in own {
        headers.push_text(&HeaderName::from_static(name), value).expect("plain text");
    }
    let envelope = Bytes::from(format!(
        "{{\"uuid\":\"{uuid}\",\"event\":\"/restapi/v1.0/account/100001/extension/200001/presence\",\
         \"timestamp\":\"2024-01-31T12:34:56.789Z\",\"subscriptionId\":\"{uuid}\",\"ownerId\":\"200001\",\"body\":"
    ));
    let parts = [envelope, body.clone(), Bytes::from_static(b"}")];
    Message { headers, body: parts, within: Duration::from_secs(1) }
}

fn event_body() -> Bytes {
    Bytes::from(format!("{{\"text\":\"{}\"}}", "x".repeat(1013)))
}

async fn send_ours(port: u16, deliveries: usize, in_flight: usize) {
    let webhook = Webhook::new(Settings::dev(), real_handles(1)).expect("the defaults are sound");
    let endpoint: Arc<dyn Endpoint> = webhook.open(&format!("http://127.0.0.1:{port}/hook?a=b"));
    let shared = Rc::new(notification_headers(HeaderValue::from_static("RingCentral-Webhook/8.3")));
    let body = event_body();
    in_parallel(in_flight, || {
        let (endpoint, shared, body) = (endpoint.clone(), shared.clone(), body.clone());
        async move {
            for _ in 0..deliveries / in_flight {
                let report = endpoint.send(message(&body, &shared)).await;
                assert_eq!(report.outcome, Outcome::Delivered, "{report:?}");
            }
        }
    })
    .await;
}

async fn send_bare(port: u16, deliveries: usize, in_flight: usize) {
    let idle: Rc<RefCell<Vec<SendRequest<Full<Bytes>>>>> = Rc::default();
    let shared = Rc::new(notification_headers(HeaderValue::from_static("RingCentral-Webhook/8.3")));
    let body = event_body();
    in_parallel(in_flight, || {
        let (idle, shared, body) = (idle.clone(), shared.clone(), body.clone());
        async move {
            for _ in 0..deliveries / in_flight {
                let kept = idle.borrow_mut().pop();
                let mut sender = match kept {
                    Some(sender) => sender,
                    None => connect(port).await,
                };
                let Message { body, .. } = message(&body, &shared);
                let mut request =
                    Request::post("/hook?a=b").body(Full::from(body.concat())).expect("sound parts");
                request.headers_mut().insert(http::header::HOST, HeaderValue::from_static("127.0.0.1"));
                request.headers_mut().extend(bare_headers());
                let answer = sender.send_request(request).await.expect("an answer");
                assert!(answer.status().is_success());
                sender.ready().await.expect("kept alive");
                idle.borrow_mut().push(sender);
            }
        }
    })
    .await;
}

/// As many as a notification has.
fn bare_headers() -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let names = ["accept", "user-agent", "content-type", "a", "b", "c", "d", "e", "f"];
    names
        .map(|name| (HeaderName::from_static(name), HeaderValue::from_static("some value or other")))
        .into_iter()
}

async fn connect(port: u16) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the receiver listens");
    stream.set_nodelay(true).expect("a fresh socket takes options");
    let (sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("a connection");
    tokio::spawn(connection);
    sender
}

async fn in_parallel<F: Future<Output = ()> + 'static>(count: usize, work: impl Fn() -> F) {
    let tasks: Vec<_> = (0..count).map(|_| tokio::task::spawn_local(work())).collect();
    for task in tasks {
        task.await.expect("no panic");
    }
}
