//! One attempt and what comes of it.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookswitch_core::delivery::{FailureClass, Outcome};
use hookswitch_core::limits;
use hookswitch_testkit::receiver::nobody_at;
use hookswitch_testkit::{Answer, Gate, ScriptedReceiver};
use hookswitch_transport::webhook::{Settings, Webhook};
use hookswitch_transport::{Message, Transport as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;

use crate::raw::{RawReceiver, read_request};
use crate::support::{AGAIN, Bench, DeafClock, SECOND, failure, message, sending, soon};

#[tokio::test]
async fn a_notification_goes_out_as_a_plain_post_of_known_length() {
    let receiver = ScriptedReceiver::start().await;
    let report = Bench::dev().send(&receiver.url("/in/./x?q='1'&&r=%zz")).await;
    assert_eq!(report.outcome, Outcome::Delivered);
    assert_eq!((report.status, report.failure), (Some(200), None));

    let request = receiver.next().await;
    assert_eq!(
        (request.method.as_str(), request.target.as_str(), request.version.as_str()),
        ("POST", "/in/x?q='1'&&r=%zz", "HTTP/1.1")
    );
    assert_eq!(request.body, "{\"body\":{}}");
    let host = receiver.address().to_string();
    let expected = [
        ("host", host.as_str()),
        ("accept", "application/json"),
        ("accept-encoding", "UTF-8"),
        ("content-type", "application/json; charset=UTF-8"),
        ("user-agent", "RingCentral-Webhook/8.3"),
        ("content-length", "11"),
    ];
    let sent: Vec<_> = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn the_start_of_the_answer_is_kept() {
    let receiver = ScriptedReceiver::start().await;
    let long = "0123456789abcdef".repeat(1000);
    receiver.set_answer(Answer::status(500).body(long.clone()));
    let report = Bench::dev().send(&receiver.url("/")).await;
    assert_eq!(failure(&report), (AGAIN, FailureClass::Status, "answered 500 Internal Server Error"));
    assert_eq!(report.response, long.as_bytes()[..limits::RESPONSE_KEPT_BYTES]);
}

#[tokio::test]
async fn a_throttling_receiver_says_how_long_to_wait() {
    let receiver = ScriptedReceiver::start().await;
    receiver.set_answer(Answer::status(503).header("Retry-After", "120"));
    let report = Bench::dev().send(&receiver.url("/")).await;
    assert_eq!(report.outcome, Outcome::Retry { hint: Some(Duration::from_secs(120)) });
    assert_eq!(failure(&report).1, FailureClass::Throttled);
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let (receiver, elsewhere) = (ScriptedReceiver::start().await, ScriptedReceiver::start().await);
    receiver.set_answer(Answer::redirect(&elsewhere.url("/there")));
    let report = Bench::dev().send(&receiver.url("/")).await;
    let words =
        format!("answered 302 Found, a redirect to {}; redirects are not followed", elsewhere.url("/there"));
    assert_eq!(failure(&report), (AGAIN, FailureClass::Redirect, words.as_str()));
    assert_eq!((receiver.count(), elsewhere.connections()), (1, 0));
}

#[tokio::test]
async fn no_answer_in_time_is_a_failure() {
    let bench = Bench::dev();
    let receiver = ScriptedReceiver::start().await;
    receiver.set_answer(Answer::hang());
    let report = bench.sending(&receiver.url("/"));
    receiver.wait_for(1).await;
    bench.clock.until_sleeping_towards(SECOND, SECOND).await;
    bench.clock.advance(SECOND);
    let report = report.await.unwrap();
    assert_eq!(failure(&report), (AGAIN, FailureClass::Timeout, "no answer within 1 s"));
    assert_eq!((report.status, report.latency), (None, SECOND));
}

#[tokio::test]
async fn an_attempt_whose_end_we_noticed_too_late_is_our_fault() {
    let bench = Bench::dev();
    let receiver = ScriptedReceiver::start().await;
    receiver.set_answer(Answer::hang());
    let report = bench.sending(&receiver.url("/"));
    receiver.wait_for(1).await;
    bench.clock.until_sleeping_towards(SECOND, SECOND).await;
    bench.clock.advance(SECOND + limits::OWN_LATENESS + Duration::from_millis(1));
    let report = report.await.unwrap();
    let words = "this server was too busy: it noticed the end of the time 101 ms late";
    assert_eq!(failure(&report), (Outcome::OurFault, FailureClass::Internal, words));
}

/// Sends to a receiver that answers 200 once `passed` is over, on a clock that rings for nobody.
async fn answered_after(passed: Duration) -> hookswitch_core::delivery::AttemptReport {
    let (handles, clock) = DeafClock::handles();
    let webhook = Webhook::new(Settings::dev(), handles).unwrap();
    let (receiver, gate) = (ScriptedReceiver::start().await, Gate::new());
    receiver.set_answer(Answer::ok().held_by(&gate));
    let report = sending(webhook.open(&receiver.url("/")));
    gate.until_waiting(1).await;
    clock.set_forward(passed);
    gate.open();
    report.await.unwrap()
}

#[tokio::test]
async fn an_answer_is_late_even_by_a_little() {
    let report = answered_after(SECOND).await;
    assert_eq!((report.outcome, report.latency), (Outcome::Delivered, SECOND));
    let report = answered_after(SECOND + Duration::from_millis(20)).await;
    let words = "answered 200 OK after 1020 ms; the limit is 1 s";
    assert_eq!(failure(&report), (AGAIN, FailureClass::Timeout, words));
    assert_eq!(report.status, Some(200));
}

#[tokio::test]
async fn an_answer_that_lay_there_while_our_loop_stood_still_is_taken() {
    let report = answered_after(SECOND * 3).await;
    assert_eq!(report.outcome, Outcome::Delivered);
}

#[tokio::test]
async fn nobody_listening_is_said_so() {
    let nobody = nobody_at().await;
    let report = Bench::dev().send(&format!("http://{nobody}/")).await;
    let words = format!("connection refused by {nobody}");
    assert_eq!(failure(&report), (AGAIN, FailureClass::Connect, words.as_str()));
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_answer_says_where() {
    for (answer, words) in [
        ("", "closed the connection without an answer"),
        ("HTTP/1.1 200 OK\r\nContent-", "closed the connection in the middle of its answer"),
        ("SSH-2.0-OpenSSH_9.6\r\n", "the answer is not HTTP/1.1"),
    ] {
        let receiver = RawReceiver::saying(answer).await;
        let report = Bench::dev().send(&receiver.url("/")).await;
        assert_eq!(failure(&report), (AGAIN, FailureClass::Reset, words), "{answer:?}");
    }
}

#[tokio::test]
async fn a_reset_connection_is_said_so() {
    let receiver = RawReceiver::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        stream.set_zero_linger().unwrap();
    })
    .await;
    let report = Bench::dev().send(&receiver.url("/")).await;
    assert_eq!(failure(&report), (AGAIN, FailureClass::Reset, "reset the connection without an answer"));
}

#[tokio::test]
async fn an_answer_head_without_end_is_cut_off() {
    let receiver = RawReceiver::saying(format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(1 << 20))).await;
    let report = Bench::dev().send(&receiver.url("/")).await;
    assert_eq!(failure(&report), (AGAIN, FailureClass::Reset, "the head of the answer is too large"));
}

#[tokio::test]
async fn what_samples_answer_is_taken() {
    for answer in [
        "HTTP/1.0 200 OK\r\n\r\n",
        "HTTP/1.0 200 OK\r\nServer: BaseHTTP/0.6\r\n\r\nthanks",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 299\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nthanks\r\n0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nbad header\r\nContent-Length: 0\r\n\r\n",
    ] {
        let receiver = RawReceiver::saying(answer).await;
        let report = Bench::dev().send(&receiver.url("/")).await;
        assert_eq!(report.outcome, Outcome::Delivered, "{answer:?}: {report:?}");
        let body: &[u8] = if answer.contains("thanks") { b"thanks" } else { b"" };
        assert_eq!(report.response, body, "{answer:?}");
    }
}

#[tokio::test]
async fn success_is_decided_at_the_status_line_even_if_the_body_breaks() {
    let receiver = RawReceiver::saying("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").await;
    let report = Bench::dev().send(&receiver.url("/")).await;
    assert_eq!((report.outcome, report.response.as_ref()), (Outcome::Delivered, b"half".as_slice()));
}

#[tokio::test]
async fn a_huge_answer_is_not_read() {
    for framing in ["Content-Length: 31457280\r\n", ""] {
        let (tell, mut written) = mpsc::channel(1);
        let receiver = RawReceiver::start(move |_, mut stream| {
            let tell = tell.clone();
            async move {
                read_request(&mut stream).await;
                let head = format!("HTTP/1.1 200 OK\r\n{framing}\r\n");
                stream.write_all(head.as_bytes()).await.unwrap();
                let chunk = [b'x'; 64 * 1024];
                let mut count = 0;
                while count < 480 && stream.write_all(&chunk).await.is_ok() {
                    count += 1;
                }
                tell.send(count).await.unwrap();
            }
        })
        .await;
        let bench = Bench::dev();
        let report = bench.send(&receiver.url("/")).await;
        assert_eq!(report.outcome, Outcome::Delivered);
        assert_eq!(report.response.len(), limits::RESPONSE_KEPT_BYTES);
        assert_eq!(bench.webhook.idle_connections(), 0);
        assert!(
            soon("the end of writing", written.recv()).await.unwrap() < 480,
            "the receiver could write all of it"
        );
    }
}

#[tokio::test]
async fn a_body_that_drips_ends_with_the_attempt_and_the_success_stays() {
    let bench = Bench::dev();
    let receiver = RawReceiver::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ndrip").await.unwrap();
        // Until the other side gives up.
        read_request(&mut stream).await;
    })
    .await;
    // The time may be over before the status line was read, and that is no success: then once more.
    for _ in 0..1000 {
        let report = bench.sending(&receiver.url("/"));
        bench.clock.until_sleeping_towards(SECOND, SECOND).await;
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        bench.clock.advance(SECOND);
        let report = report.await.unwrap();
        if report.status.is_some() {
            assert_eq!((report.outcome, report.response.as_ref()), (Outcome::Delivered, b"drip".as_slice()));
            return;
        }
    }
    panic!("the status line was never read in time");
}

#[tokio::test]
async fn a_dropped_attempt_is_abandoned() {
    let bench = Bench::dev();
    let (tell, mut told) = mpsc::channel(2);
    let receiver = RawReceiver::start(move |_, mut stream| {
        let tell = tell.clone();
        async move {
            tell.send(read_request(&mut stream).await.is_some()).await.unwrap();
            tell.send(read_request(&mut stream).await.is_some()).await.unwrap();
        }
    })
    .await;
    let attempt = bench.sending(&receiver.url("/"));
    assert_eq!(soon("the request", told.recv()).await, Some(true));
    attempt.abort();
    assert_eq!(soon("the end of the connection", told.recv()).await, Some(false));
}

#[tokio::test]
async fn one_endpoint_that_hangs_holds_up_no_other() {
    let bench = Bench::dev();
    let (hanging, healthy) = (ScriptedReceiver::start().await, ScriptedReceiver::start().await);
    hanging.set_answer(Answer::hang());
    let endpoint = bench.webhook.open(&hanging.url("/"));
    let stuck: Vec<_> = (0..32).map(|_| sending(Arc::clone(&endpoint))).collect();
    hanging.wait_for(32).await;
    assert_eq!(bench.send(&healthy.url("/")).await.outcome, Outcome::Delivered);
    stuck.iter().for_each(tokio::task::JoinHandle::abort);
}

/// Answers as soon as it has seen the head of the request, and never reads the rest.
async fn hasty(answer: &'static [u8]) -> RawReceiver {
    RawReceiver::start(move |_, mut stream| async move {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(answer).await.unwrap();
        pending::<()>().await;
    })
    .await
}

#[tokio::test]
async fn an_answer_that_comes_before_the_whole_request_is_out_counts_and_ends_the_connection() {
    let bench = Bench::dev();
    let receiver = hasty(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno").await;
    let endpoint = bench.webhook.open(&receiver.url("/"));
    let large = Bytes::from(vec![b'x'; 16 * 1024 * 1024]);
    let message = Message { body: [large, Bytes::new(), Bytes::new()], ..message("{}") };
    let report = soon("the answer", endpoint.send(message)).await;
    assert_eq!((report.outcome, report.status), (Outcome::Refused, Some(413)));
    assert_eq!(&report.response[..], b"no");
    assert_eq!(bench.webhook.idle_connections(), 0);
}

#[tokio::test]
async fn interim_answers_are_passed_over_and_heads_may_drip() {
    let bench = Bench::dev();
    let answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n\
                  HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\n\r\n";
    let receiver = RawReceiver::start(move |_, mut stream| async move {
        stream.set_nodelay(true).unwrap();
        while read_request(&mut stream).await.is_some() {
            for byte in answer.bytes() {
                stream.write_all(&[byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
        }
    })
    .await;
    let endpoint = bench.webhook.open(&receiver.url("/"));
    for _ in 0..2 {
        let report = endpoint.send(message("{}")).await;
        assert_eq!((report.outcome, report.status), (Outcome::Delivered, Some(202)));
        assert_eq!(&report.response[..], b"yes");
    }
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn what_is_said_unasked_on_a_kept_connection_is_never_taken_for_an_answer() {
    let bench = Bench::dev();
    // It never closes: only what it said too much ends the connection.
    let receiver = hasty(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n").await;
    let endpoint = bench.webhook.open(&receiver.url("/"));
    for connections in 1..=2 {
        assert_eq!(endpoint.send(message("{}")).await.status, Some(500));
        assert_eq!(receiver.connections(), connections);
    }
    assert_eq!(bench.webhook.idle_connections(), 0);
}
