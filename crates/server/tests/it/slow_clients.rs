//! Clients that send too much or too slowly, on sockets of their own: each costs only itself, and not for
//! long. A body that drips is in the table of errors.

use std::time::Duration;

use hookswitch_server::config::{Settings, Size};
use hookswitch_server::serving;
use hookswitch_testkit::certificates::Authority;
use hookswitch_testkit::{TempFolder, patience, steered_handles};
use http::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::world::World;

/// Sends this on a connection of its own and reads until the server ends it.
async fn exchange(world: &World, text: &str) -> String {
    let mut stream = TcpStream::connect(world.server.address()).await.expect("it listens");
    stream.write_all(text.as_bytes()).await.expect("it reads");
    patience::within("the server to end the connection", rest(stream), String::new).await
}

async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is an end too.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut_off() {
    const HEAD_WITHIN: Duration = Duration::from_millis(23_457);
    let world = World::with(|settings| settings.limits.head_within = HEAD_WITHIN).await;
    let too_long = async |text: &str| {
        let mut stream = TcpStream::connect(world.server.address()).await.expect("it listens");
        stream.write_all(text.as_bytes()).await.expect("it reads");
        let cut_off = async {
            let ended = rest(stream);
            tokio::pin!(ended);
            // Whether the server has begun to wait does not show beside the test's other connection.
            loop {
                tokio::select! {
                    biased;
                    answer = &mut ended => return answer,
                    () = world.settle() => world.clock.advance(HEAD_WITHIN),
                }
            }
        };
        patience::within("the server to end the connection", cut_off, String::new).await
    };
    for unfinished in ["", "GET /resta", "GET /restapi HTTP/1.1\r\nhost: localhost\r\nx-slow: 1"] {
        let answer = too_long(unfinished).await;
        assert!(!answer.contains(" 200 "), "{answer}");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn a_kept_connection_ends_when_it_is_idle_too_long_and_not_when_the_clock_of_development_is_moved() {
    const HEAD_WITHIN: Duration = Duration::from_millis(23_457);
    let world = World::with(|settings| settings.limits.head_within = HEAD_WITHIN).await;
    let mut stream = TcpStream::connect(world.server.address()).await.expect("it listens");
    let mut ask = async |times: usize| {
        let request = "GET /restapi HTTP/1.1\r\nhost: localhost\r\n\r\n";
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut answer = vec![0; 4096];
        let read = stream.read(&mut answer).await.expect("it answers");
        assert!(answer[..read].starts_with(b"HTTP/1.1 200 OK\r\n"), "request {times}");
    };
    ask(1).await;
    let far = json!({ "advance": "30d" });
    world.operate(Method::POST, "/hookswitch/v1/dev/clock", Some(far)).await.expect(200);
    ask(2).await;
    world.clock.until_sleeping_towards(Duration::ZERO, HEAD_WITHIN).await;
    world.clock.advance(HEAD_WITHIN);
    let more = patience::within("the server to end the connection", rest(stream), String::new).await;
    assert_eq!(more, "");
    world.server.stop().await;
}

#[tokio::test]
async fn a_head_over_its_limit_is_431_and_one_far_over_it_is_not_even_read() {
    let world = World::with(|settings| settings.limits.request_head = Size(8192)).await;
    let head = |filler: usize| {
        format!(
            "GET /restapi HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-filler: {}\r\n\r\n",
            "x".repeat(filler)
        )
    };
    let fits = exchange(&world, &head(8000)).await;
    assert!(fits.starts_with("HTTP/1.1 200 OK\r\n"), "{fits}");
    let over = exchange(&world, &head(8192)).await;
    assert!(over.starts_with("HTTP/1.1 431 ") && over.contains("limits.request_head"), "{over}");
    let far_over = exchange(&world, &head(50_000)).await;
    assert!(far_over.is_empty() || far_over.starts_with("HTTP/1.1 431 "), "{far_over}");
    world.server.stop().await;
}

#[tokio::test]
async fn who_writes_all_of_a_request_that_is_refused_unread_gets_the_answer_nevertheless() {
    const BODY: usize = 9 * 1024 * 1024;
    let world = World::start().await;
    let token = &world.env["HOOKSWITCH_PUBLISH_TOKEN"];
    let post = |path: &str, token: &str, framing: &str, body: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n{framing}\r\n\r\n{body}"
        )
    };
    let (length, filler) = (format!("content-length: {BODY}"), " ".repeat(BODY));
    let chunked = format!("{BODY:x}\r\n{filler}\r\n0\r\n\r\n");
    let (events, subscription) = ("/hookswitch/v1/events", "/restapi/v1.0/subscription");
    for (request, status, words) in [
        (post(events, token, &length, &filler), "413", "limits.publish_request"),
        (post(events, token, "transfer-encoding: chunked", &chunked), "413", "limits.publish_request"),
        (post(subscription, &world.user_token, &length, &filler), "413", "limits.subscription_request"),
        (post("/restapi/nowhere", token, "transfer-encoding: chunked", &chunked), "404", "CMN-120"),
    ] {
        let answer = exchange(&world, &request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(words), "{answer}");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn a_client_that_never_stops_sending_is_cut_off() {
    const LINGER: Duration = Duration::from_secs(5);
    let world = World::start().await;
    let mut stream = TcpStream::connect(world.server.address()).await.expect("it listens");
    let head = "POST /hookswitch/v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("it reads");
    world.clock.until_sleeping_towards(LINGER, LINGER).await;
    world.clock.advance(LINGER);
    let cut_off = async { while stream.write_all(&[b' '; 1024]).await.is_ok() {} };
    patience::within("the server to close the connection", cut_off, String::new).await;
    world.server.stop().await;
}

#[tokio::test]
async fn who_does_not_take_the_answers_is_cut_off() {
    const ASKED: usize = 200;
    const TAKEN_WITHIN: Duration = Duration::from_secs(30);
    let world = World::start().await;
    let mut stream = TcpStream::connect(world.server.address()).await.expect("it listens");
    let request = "GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n";
    stream.write_all(request.repeat(ASKED).as_bytes()).await.expect("it reads");
    world.clock.until_sleeping_towards(TAKEN_WITHIN, TAKEN_WITHIN).await;
    world.clock.advance(TAKEN_WITHIN);
    let answers = patience::within("the server to end the connection", rest(stream), String::new).await;
    let complete = answers.matches("HTTP/1.1 200 OK").count();
    assert!((1..ASKED).contains(&complete), "{complete} answers");
    world.server.stop().await;
}

#[tokio::test]
async fn a_tls_handshake_that_does_not_end_is_cut_off() {
    const TLS_WITHIN: Duration = Duration::from_secs(10);
    let (folder, authority) = (TempFolder::new(), Authority::new());
    let identity = authority.issue(&["127.0.0.1"]);
    let (certificate, key) = (folder.join("server.pem"), folder.join("server.key"));
    std::fs::write(&certificate, &identity.certificate_pem).expect("written");
    std::fs::write(&key, &identity.key_pem).expect("written");
    let settings = Settings {
        data: folder.join("data"),
        tls_certificate: Some(certificate),
        tls_key: Some(key),
        ..Settings::default()
    };
    let (handles, clock) = steered_handles(3);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let server = serving::start(settings, handles, listener).await.expect("it starts");
    let stream = TcpStream::connect(server.address()).await.expect("it listens");
    clock.until_sleeping_towards(TLS_WITHIN, TLS_WITHIN).await;
    clock.advance(TLS_WITHIN);
    let said = patience::within("the server to end the connection", rest(stream), String::new).await;
    assert_eq!(said, "");
    server.stop().await;
}
