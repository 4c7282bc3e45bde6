//! When a connection is used again, and when not.

use std::sync::Arc;
use std::time::Duration;

use hookswitch_core::delivery::{FailureClass, Outcome};
use hookswitch_testkit::{Answer, Gate, ScriptedReceiver};
use hookswitch_transport::webhook::Settings;
use hookswitch_transport::{Endpoint, Transport as _};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;

use crate::raw::{RawReceiver, read_request};
use crate::support::{AGAIN, Bench, SECOND, failure, message, sending, soon};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

async fn deliver(endpoint: &Arc<dyn Endpoint>, count: usize) {
    for _ in 0..count {
        assert_eq!(endpoint.send(message("{}")).await.outcome, Outcome::Delivered);
    }
}

#[tokio::test]
async fn one_connection_serves_many_deliveries_whatever_the_answers_look_like() {
    let bench = Bench::dev();
    let receiver = ScriptedReceiver::start().await;
    receiver
        .then(Answer::ok())
        .then(Answer::ok().body("thanks"))
        .then(Answer::status(204))
        .then(Answer::ok().body("x".repeat(60_000)))
        .then(Answer::status(202));
    let endpoint = bench.webhook.open(&receiver.url("/"));
    deliver(&endpoint, 5).await;
    for status in [500, 404, 302, 200] {
        receiver.then(Answer::status(status).body("no"));
        endpoint.send(message("{}")).await;
    }
    assert_eq!((receiver.count(), receiver.connections()), (9, 1));
    assert_eq!(bench.webhook.idle_connections(), 1);
}

#[tokio::test]
async fn the_last_used_connection_is_used_first() {
    let bench = Bench::dev();
    let gate = Gate::new();
    let receiver = ScriptedReceiver::start().await;
    // Three at once open three connections.
    receiver.set_answer(Answer::ok().held_by(&gate));
    let endpoint = bench.webhook.open(&receiver.url("/"));
    let at_once: Vec<_> = (0..3).map(|_| sending(endpoint.clone())).collect();
    gate.until_waiting(3).await;
    gate.open();
    for attempt in at_once {
        attempt.await.unwrap();
    }
    assert_eq!((receiver.connections(), bench.webhook.idle_connections()), (3, 3));

    // One after another needs one; the others stay unused and are closed when their time is over.
    bench.clock.advance(SECOND * 20);
    deliver(&endpoint, 3).await;
    bench.clock.advance(SECOND * 15);
    bench.clock.until_sleeping_towards(SECOND * 15, SECOND * 15).await;
    assert_eq!(bench.webhook.idle_connections(), 1);
    deliver(&endpoint, 1).await;
    assert_eq!(receiver.connections(), 3);
}

#[tokio::test]
async fn an_unused_connection_is_closed_after_half_a_minute() {
    let bench = Bench::dev();
    let (tell, mut closed) = mpsc::channel(1);
    let receiver = RawReceiver::start(move |_, mut stream| {
        let tell = tell.clone();
        async move {
            while read_request(&mut stream).await.is_some() {
                stream.write_all(OK).await.unwrap();
            }
            tell.send(()).await.unwrap();
        }
    })
    .await;
    let endpoint = bench.webhook.open(&receiver.url("/"));
    deliver(&endpoint, 1).await;
    bench.clock.until_sleeping_towards(SECOND * 30, SECOND * 30).await;
    bench.clock.advance(SECOND * 29);
    deliver(&endpoint, 1).await;
    // Used a second ago: the sweep that comes now leaves it and looks again when its time is over.
    bench.clock.advance(SECOND);
    bench.clock.until_sleeping_towards(SECOND * 29, SECOND * 29).await;
    assert_eq!((receiver.connections(), bench.webhook.idle_connections()), (1, 1));
    bench.clock.advance(SECOND * 29);
    soon("the end of the connection", closed.recv()).await.unwrap();
    assert_eq!(bench.webhook.idle_connections(), 0);
}

#[tokio::test]
async fn closing_the_endpoint_closes_its_connections() {
    let bench = Bench::dev();
    let (tell, mut closed) = mpsc::channel(1);
    let receiver = RawReceiver::start(move |_, mut stream| {
        let tell = tell.clone();
        async move {
            while read_request(&mut stream).await.is_some() {
                stream.write_all(OK).await.unwrap();
            }
            tell.send(()).await.unwrap();
        }
    })
    .await;
    let endpoint = bench.webhook.open(&receiver.url("/"));
    deliver(&endpoint, 1).await;
    drop(endpoint);
    soon("the end of the connection", closed.recv()).await.unwrap();
    assert_eq!(bench.webhook.idle_connections(), 0);
}

#[tokio::test]
async fn a_receiver_that_asks_to_close_gets_a_new_connection_each_time() {
    let bench = Bench::dev();
    let receiver = ScriptedReceiver::start().await;
    receiver.set_answer(Answer::ok().closing());
    let endpoint = bench.webhook.open(&receiver.url("/"));
    deliver(&endpoint, 3).await;
    assert_eq!((receiver.count(), receiver.connections()), (3, 3));
    assert_eq!(bench.webhook.idle_connections(), 0);
}

#[tokio::test]
async fn a_connection_the_receiver_closed_meanwhile_is_not_used_again() {
    let bench = Bench::dev();
    let (tell, mut answered) = mpsc::channel(1);
    let receiver = RawReceiver::start(move |_, mut stream| {
        let tell = tell.clone();
        async move {
            read_request(&mut stream).await;
            stream.write_all(OK).await.unwrap();
            drop(stream);
            tell.send(()).await.unwrap();
        }
    })
    .await;
    let endpoint = bench.webhook.open(&receiver.url("/"));
    for connections in 1..=3 {
        deliver(&endpoint, 1).await;
        soon("the answer", answered.recv()).await.unwrap();
        assert_eq!(receiver.connections(), connections);
    }
}

/// Answers the first request of a connection, and does `then` to the second.
async fn moody(then: &'static [u8]) -> RawReceiver {
    RawReceiver::start(move |number, mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(OK).await.unwrap();
        read_request(&mut stream).await;
        if number == 1 {
            stream.write_all(then).await.unwrap();
            return;
        }
        stream.write_all(OK).await.unwrap();
    })
    .await
}

#[tokio::test]
async fn a_kept_connection_that_breaks_without_an_answer_is_replaced_within_the_attempt() {
    let bench = Bench::dev();
    let receiver = moody(b"").await;
    let endpoint = bench.webhook.open(&receiver.url("/"));
    deliver(&endpoint, 3).await;
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn a_kept_connection_that_breaks_in_its_answer_is_a_failure() {
    let bench = Bench::dev();
    let receiver = moody(b"HTTP/1.1 2").await;
    let endpoint = bench.webhook.open(&receiver.url("/"));
    deliver(&endpoint, 1).await;
    let report = endpoint.send(message("{}")).await;
    let words = "closed the connection in the middle of its answer";
    assert_eq!(failure(&report), (AGAIN, FailureClass::Reset, words));
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn a_fresh_connection_that_breaks_is_not_tried_again() {
    let bench = Bench::dev();
    let receiver = ScriptedReceiver::start().await;
    receiver.set_answer(Answer::hang_up());
    let report = bench.send(&receiver.url("/")).await;
    assert_eq!(failure(&report).2, "closed the connection without an answer");
    assert_eq!((receiver.count(), receiver.connections()), (1, 1));
}

#[tokio::test]
async fn an_old_connection_is_replaced_so_that_a_name_that_moved_is_followed() {
    let bench = Bench::with(Settings { connection_age: SECOND * 10, ..Settings::dev() });
    let receiver = ScriptedReceiver::start().await;
    let endpoint = bench.webhook.open(&receiver.url("/"));
    deliver(&endpoint, 2).await;
    bench.clock.advance(SECOND * 10 + Duration::from_millis(1));
    deliver(&endpoint, 1).await;
    assert_eq!(receiver.connections(), 1);
    deliver(&endpoint, 1).await;
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn unused_connections_are_bounded_over_all_endpoints() {
    let bench = Bench::with(Settings { idle_connections: 2, ..Settings::dev() });
    let receiver = ScriptedReceiver::start().await;
    let endpoints: Vec<_> =
        (0..4).map(|number| bench.webhook.open(&receiver.url(&format!("/{number}")))).collect();
    for endpoint in &endpoints {
        deliver(endpoint, 1).await;
    }
    assert_eq!(bench.webhook.idle_connections(), 2);
    for endpoint in &endpoints {
        deliver(endpoint, 1).await;
    }
    assert_eq!(receiver.connections(), 6);
    drop(endpoints);
    assert_eq!(bench.webhook.idle_connections(), 0);
}
