//! The handshake of a new subscription: what is asked, what is taken, and what is said about all else.

use std::time::Duration;

use hookswitch_testkit::receiver::nobody_at;
use hookswitch_testkit::{Answer, Gate, ScriptedReceiver};
use hookswitch_transport::webhook::handshake::HandshakeFailure;
use hookswitch_transport::webhook::{Settings, Webhook};
use http::{HeaderValue, StatusCode};
use tokio::io::AsyncWriteExt as _;

use crate::raw::{RawReceiver, read_request, token_of};
use crate::support::{Bench, DeafClock, SECOND, soon};

type Verdict = Result<(), HandshakeFailure>;

async fn shake(bench: &Bench, url: &str) -> Verdict {
    let address = bench.webhook.check(url, None).expect("an address on loopback");
    bench.webhook.handshake(&address, None).await
}

/// On a task of its own, so that the test can move time meanwhile.
fn shaking(bench: &Bench, url: &str) -> tokio::task::JoinHandle<Verdict> {
    let address = bench.webhook.check(url, None).expect("an address on loopback");
    let webhook = bench.webhook.clone();
    tokio::spawn(async move { webhook.handshake(&address, None).await })
}

async fn answered_with(answer: Answer) -> Verdict {
    let receiver = ScriptedReceiver::scripted(move |_| answer.clone()).await;
    let verdict = shake(&Bench::dev(), &receiver.url("/")).await;
    assert_eq!(receiver.count(), 1, "one request, whatever the answer");
    verdict
}

/// Answers with these bytes, `{token}` replaced by the token asked with, and closes.
async fn answered_raw(answer: &str) -> Verdict {
    let answer = answer.to_owned();
    let receiver = RawReceiver::start(move |_, mut stream| {
        let answer = answer.clone();
        async move {
            let request = read_request(&mut stream).await.unwrap();
            let answer = answer.replace("{token}", token_of(&request));
            stream.write_all(answer.as_bytes()).await.ok();
            stream.shutdown().await.ok();
        }
    })
    .await;
    shake(&Bench::dev(), &receiver.url("/")).await
}

fn refused(verdict: Verdict) -> (&'static str, String) {
    let failure = verdict.unwrap_err();
    (failure.code(), failure.to_string())
}

#[tokio::test]
async fn the_request_is_an_empty_post_with_a_fresh_token() {
    let bench = Bench::dev();
    let receiver = ScriptedReceiver::start().await;
    let address = bench.webhook.check(&receiver.url("/webhooks?key='a'"), None).unwrap();
    let verification = HeaderValue::from_static("my-secret");
    bench.webhook.handshake(&address, Some(&verification)).await.unwrap();
    bench.webhook.handshake(&address, None).await.unwrap();

    let first = receiver.next().await;
    assert_eq!((first.method.as_str(), first.target.as_str()), ("POST", "/webhooks?key='a'"));
    assert_eq!(first.header("verification-token"), Some("my-secret"));
    assert_eq!((first.header("content-length"), first.body.len()), (Some("0"), 0));
    assert!(!first.has_header("content-type") && !first.has_header("transfer-encoding"));
    let second = receiver.next().await;
    assert!(!second.has_header("verification-token"));
    let tokens = [&first, &second].map(|request| request.header("validation-token").unwrap());
    assert_ne!(tokens[0], tokens[1]);
    for token in tokens {
        assert!(
            (32..=64).contains(&token.len())
                && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        );
    }
}

#[tokio::test]
async fn what_the_samples_answer_is_accepted() {
    for answer in [
        "HTTP/1.1 200 OK\r\nValidation-Token: {token}\r\nContent-Length: 0\r\n\r\n",
        // webhook-server.py: HTTP/1.0, no length, closes.
        "HTTP/1.0 200 OK\r\nServer: BaseHTTP/0.6\r\nvalidation-token: {token}\r\n\r\n",
        "HTTP/1.0 200 OK\r\nVALIDATION-TOKEN:{token}\r\n\r\nthanks",
        "HTTP/1.1 200\r\nValidation-Token:   {token}  \r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nValidation-Token: {token}\r\nContent-Length: 0\r\n\r\n",
    ] {
        assert_eq!(answered_raw(answer).await, Ok(()), "{answer:?}");
    }
}

#[tokio::test]
async fn an_answer_without_the_token_is_refused() {
    let (code, words) = refused(answered_with(Answer::ok().without_echo()).await);
    assert_eq!(
        (code, words.as_str()),
        ("SUB-520", "the answer to the handshake has no Validation-Token header")
    );
}

#[tokio::test]
async fn another_token_is_refused_and_shown() {
    let (code, words) = refused(answered_with(Answer::ok().echoing("mine")).await);
    assert_eq!(
        (code, words.as_str()),
        ("SUB-525", "the webhook answered the handshake with another Validation-Token: mine")
    );
    for almost in ["{token}x", "x{token}", "\"{token}\"", "{token}, {token}", ""] {
        let answer = format!("HTTP/1.1 200 OK\r\nValidation-Token: {almost}\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(refused(answered_raw(&answer).await).0, "SUB-525", "{almost}");
    }
}

#[tokio::test]
async fn any_other_status_than_200_is_refused_and_named() {
    for status in [201, 202, 204, 299, 400, 401, 403, 404, 500, 503] {
        let (code, words) = refused(answered_with(Answer::status(status)).await);
        assert_eq!(code, "SUB-522");
        assert!(words.starts_with(&format!("the webhook answered the handshake with {status}")), "{words}");
    }
    let big = Answer::status(500).body("x".repeat(100_000));
    assert_eq!(
        answered_with(big).await,
        Err(HandshakeFailure::Status { status: StatusCode::INTERNAL_SERVER_ERROR, redirect: String::new() })
    );
}

#[tokio::test]
async fn a_redirect_is_refused_and_says_where_to() {
    let elsewhere = ScriptedReceiver::start().await;
    let to = elsewhere.url("/there");
    let (code, words) = refused(answered_with(Answer::redirect(&to)).await);
    let expected = format!(
        "the webhook answered the handshake with 302 Found, not 200, a redirect to {to}; redirects are not followed"
    );
    assert_eq!((code, words), ("SUB-522", expected));
    assert_eq!(elsewhere.connections(), 0);
}

/// A good answer of exactly `size` bytes, head and body together, with this part of it in the body.
fn of_size(size: usize, body: usize) -> String {
    // The token has 43 letters, its placeholder 7.
    let head =
        format!("HTTP/1.1 200 OK\r\nValidation-Token: {{token}}\r\nContent-Length: {body}\r\nX-Fill: ");
    let fill = size - (head.len() - 7 + 43) - "\r\n\r\n".len() - body;
    format!("{head}{}\r\n\r\n{}", "f".repeat(fill), "b".repeat(body))
}

#[tokio::test]
async fn head_and_body_together_may_have_1024_bytes_and_not_one_more() {
    for body in [0, 1, 500, 900] {
        assert_eq!(answered_raw(&of_size(1024, body)).await, Ok(()), "{body}");
        let (code, words) = refused(answered_raw(&of_size(1025, body)).await);
        assert_eq!(code, "SUB-525");
        assert_eq!(
            words,
            "the answer to the handshake is too large: 1025 bytes, head and body together; the limit is 1024"
        );
    }
}

#[tokio::test]
async fn a_much_too_large_answer_is_refused_without_reading_it_all() {
    let (code, words) = refused(answered_with(Answer::ok().body("x".repeat(20_000))).await);
    assert_eq!(code, "SUB-525");
    assert!(words.starts_with("the answer to the handshake is too large: 20"), "{words}");
    let (code, words) = refused(answered_with(Answer::ok().body(vec![b'x'; 30 << 20])).await);
    assert_eq!(code, "SUB-525");
    assert!(words.starts_with("the answer to the handshake is too large: more than "), "{words}");
    let endless_head = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(1 << 20));
    let (code, words) = refused(answered_raw(&endless_head).await);
    assert_eq!(
        (code, words.as_str()),
        ("SUB-525", "the answer to the handshake is not valid: the head of the answer is too large")
    );
}

#[tokio::test]
async fn a_late_answer_is_refused_and_says_by_how_much() {
    let bench = Bench::dev();
    let gate = Gate::new();
    let held = gate.clone();
    let receiver = ScriptedReceiver::scripted(move |_| Answer::ok().held_by(&held)).await;
    let verdict = shaking(&bench, &receiver.url("/"));
    gate.until_waiting(1).await;
    bench.clock.until_sleeping_towards(SECOND, SECOND).await;
    bench.clock.advance(SECOND);
    bench.clock.until_sleeping_towards(SECOND * 2, SECOND * 2).await;
    bench.clock.advance(Duration::from_millis(700));
    gate.open();
    let (code, words) = refused(verdict.await.unwrap());
    assert_eq!(
        (code, words.as_str()),
        ("SUB-521", "the webhook answered the handshake after 1.7 s, 700 ms late; the limit is 1 s")
    );
}

#[tokio::test]
async fn silence_is_refused_after_a_while() {
    let bench = Bench::dev();
    let receiver = ScriptedReceiver::scripted(|_| Answer::hang()).await;
    let verdict = shaking(&bench, &receiver.url("/"));
    receiver.wait_for(1).await;
    bench.clock.until_sleeping_towards(SECOND, SECOND).await;
    bench.clock.advance(SECOND);
    bench.clock.until_sleeping_towards(SECOND * 2, SECOND * 2).await;
    bench.clock.advance(SECOND * 2);
    let (code, words) = refused(verdict.await.unwrap());
    assert_eq!((code, words.as_str()), ("SUB-521", "the webhook did not answer the handshake within 1 s"));
}

#[tokio::test]
async fn being_late_ourselves_is_not_the_receivers_fault() {
    let bench = Bench::dev();
    let receiver = ScriptedReceiver::scripted(|_| Answer::hang()).await;
    let verdict = shaking(&bench, &receiver.url("/"));
    receiver.wait_for(1).await;
    bench.clock.until_sleeping_towards(SECOND, SECOND).await;
    bench.clock.advance(SECOND * 2);
    let (code, words) = refused(verdict.await.unwrap());
    assert_eq!(code, "CMN-201");
    assert!(words.contains("too busy"), "{words}");
}

/// Shakes hands with a receiver that answers well once `passed` is over, on a clock that rings for nobody.
async fn answered_after(passed: Duration) -> Verdict {
    let (handles, clock) = DeafClock::handles();
    let webhook = Webhook::new(Settings::dev(), handles).unwrap();
    let gate = Gate::new();
    let held = gate.clone();
    let receiver = ScriptedReceiver::scripted(move |_| Answer::ok().held_by(&held)).await;
    let address = webhook.check(&receiver.url("/"), None).unwrap();
    let verdict = tokio::spawn(async move { webhook.handshake(&address, None).await });
    gate.until_waiting(1).await;
    clock.set_forward(passed);
    gate.open();
    soon("the verdict", verdict).await.unwrap()
}

#[tokio::test]
async fn late_is_late_even_by_a_little_unless_our_own_loop_stood_still() {
    assert_eq!(answered_after(SECOND).await, Ok(()));
    let after = SECOND + Duration::from_millis(20);
    assert_eq!(answered_after(after).await, Err(HandshakeFailure::Late { after, limit: SECOND }));
    assert_eq!(answered_after(SECOND * 3).await, Ok(()));
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_refused() {
    let bench = Bench::dev();
    let receiver = RawReceiver::start(|_, mut stream| async move {
        let request = read_request(&mut stream).await.unwrap();
        let head = format!(
            "HTTP/1.1 200 OK\r\nValidation-Token: {}\r\nContent-Length: 9\r\n\r\ndrip",
            token_of(&request)
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        read_request(&mut stream).await;
    })
    .await;
    // The time may be over before the head was read, and then it is just late: then once more.
    for _ in 0..1000 {
        let verdict = shaking(&bench, &receiver.url("/"));
        bench.clock.until_sleeping_towards(SECOND, SECOND).await;
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        bench.clock.advance(SECOND);
        match verdict.await.unwrap().unwrap_err() {
            HandshakeFailure::Late { .. } => {}
            failure => {
                assert_eq!(failure, HandshakeFailure::Unfinished { limit: SECOND });
                assert_eq!(failure.code(), "SUB-521");
                return;
            }
        }
    }
    panic!("the head was never read in time");
}

#[tokio::test]
async fn a_connection_that_breaks_is_refused_and_says_where() {
    let good_head = "HTTP/1.1 200 OK\r\nValidation-Token: {token}\r\nContent-Length: 9\r\n\r\nhalf";
    for (answer, code, words) in [
        ("", "SUB-521", "the webhook could not be reached: it closed the connection without an answer"),
        (
            "HTTP/1.1 200",
            "SUB-521",
            "the webhook could not be reached: it closed the connection in the middle of its answer",
        ),
        (
            good_head,
            "SUB-521",
            "the webhook could not be reached: it closed the connection in the middle of its answer",
        ),
        ("hello\r\n\r\n", "SUB-525", "the answer to the handshake is not valid: the answer is not HTTP/1.1"),
    ] {
        assert_eq!(refused(answered_raw(answer).await), (code, words.to_owned()), "{answer:?}");
    }
    let receiver = RawReceiver::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        stream.set_zero_linger().unwrap();
    })
    .await;
    let (code, words) = refused(shake(&Bench::dev(), &receiver.url("/")).await);
    assert_eq!(
        (code, words.as_str()),
        ("SUB-521", "the webhook could not be reached: it reset the connection without an answer")
    );
}

#[tokio::test]
async fn nobody_listening_or_no_such_name_is_refused() {
    let nobody = nobody_at().await;
    let (code, words) = refused(shake(&Bench::dev(), &format!("http://{nobody}/")).await);
    assert_eq!(
        (code, words),
        ("SUB-521", format!("the webhook could not be reached: connection refused by {nobody}"))
    );
    let bench = Bench::dev();
    bench.names.then_fail("Name or service not known");
    let (code, words) = refused(shake(&bench, "https://gone.example/").await);
    let expected =
        "the webhook could not be reached: DNS: no address for gone.example: Name or service not known";
    assert_eq!((code, words.as_str()), ("SUB-521", expected));
}
