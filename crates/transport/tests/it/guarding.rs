//! The guard, where it counts: at the socket.

use hookswitch_core::delivery::{FailureClass, Outcome};
use hookswitch_core::id::AccountId;
use hookswitch_testkit::ScriptedReceiver;
use hookswitch_transport::Transport as _;
use hookswitch_transport::webhook::guard::Allowed;
use hookswitch_transport::webhook::handshake::HandshakeFailure;
use hookswitch_transport::webhook::{AllowHttp, Settings};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::raw::{RawReceiver, read_request};
use crate::support::{AGAIN, Bench, SECOND, failure, message};

/// Plain http to anywhere, but only 127.0.0.1 is open: it stands for the public internet, and the rest of
/// loopback for what must not be reached.
fn open_to_one() -> Settings {
    let allowed = Allowed { subnet: "127.0.0.1/32".parse().unwrap(), account: None };
    Settings { allow: vec![allowed], allow_http: AllowHttp::Always, ..Settings::default() }
}

/// Something inside the network that notes every connection.
async fn secret() -> RawReceiver {
    RawReceiver::start_on("127.0.0.2:0", |_, mut stream| async move {
        read_request(&mut stream).await;
    })
    .await
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_dialled() {
    let secret = secret().await;
    let bench = Bench::with(open_to_one());
    bench.names.then(&["127.0.0.2"]);
    let report = bench.send(&format!("http://inside.example:{}/", secret.port())).await;
    let (outcome, class, words) = failure(&report);
    assert_eq!((outcome, class), (AGAIN, FailureClass::Forbidden));
    assert!(
        words.starts_with("inside.example leads to a forbidden address: 127.0.0.2 is a loopback address"),
        "{words}"
    );
    assert_eq!(secret.connections(), 0);
}

#[tokio::test]
async fn one_forbidden_answer_among_good_ones_refuses_all() {
    let receiver = ScriptedReceiver::start().await;
    let bench = Bench::with(open_to_one());
    bench.names.then(&["127.0.0.1", "10.0.0.1"]);
    let report = bench.send(&format!("http://mixed.example:{}/", receiver.address().port())).await;
    assert_eq!(failure(&report).1, FailureClass::Forbidden);
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn a_name_that_changes_after_the_handshake_is_judged_again_and_dialled_as_judged() {
    let secret = secret().await;
    let receiver = ScriptedReceiver::start().await;
    let bench = Bench::with(open_to_one());
    let port = receiver.address().port();
    bench.names.then(&["127.0.0.1"]).then(&["127.0.0.2"]);
    let address = bench.webhook.check(&format!("http://rebind.example:{port}/"), None).unwrap();
    bench.webhook.handshake(&address, None).await.unwrap();
    assert_eq!((bench.names.asked(), receiver.count()), (1, 1), "resolved once: what was judged was dialled");

    let report = bench.send(&format!("http://rebind.example:{}/", secret.port())).await;
    assert_eq!(failure(&report).1, FailureClass::Forbidden);
    assert_eq!((bench.names.asked(), secret.connections()), (2, 0));
}

#[tokio::test]
async fn the_handshake_is_guarded_too() {
    let bench = Bench::with(open_to_one());
    bench.names.then(&["169.254.169.254"]);
    let address = bench.webhook.check("http://metadata.example/", None).unwrap();
    let failure = bench.webhook.handshake(&address, None).await.unwrap_err();
    assert_eq!(failure.code(), "SUB-521");
    assert!(
        matches!(&failure, HandshakeFailure::Unreachable(words) if words.contains("a cloud's metadata service")),
        "{failure}"
    );
}

#[tokio::test]
async fn plain_http_to_localhost_does_not_leave_the_machine() {
    let allowed = Allowed { subnet: "10.0.0.0/8".parse().unwrap(), account: None };
    let bench = Bench::with(Settings { allow: vec![allowed], ..Settings::dev() });
    bench.names.then(&["10.0.0.1"]);
    let report = bench.send("http://localhost:5000/").await;
    let words = "localhost leads to 10.0.0.1, and plain http goes to loopback only";
    assert_eq!(failure(&report), (AGAIN, FailureClass::Forbidden, words));
}

#[tokio::test]
async fn an_address_that_is_not_allowed_any_more_is_not_dialled() {
    let receiver = ScriptedReceiver::start().await;
    let report = Bench::with(Settings::default()).send(&receiver.url("/")).await;
    assert_eq!(failure(&report).1, FailureClass::Forbidden);
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn a_subnet_can_be_open_to_one_account() {
    let receiver = ScriptedReceiver::start().await;
    let account = AccountId(100_001);
    let allowed = Allowed { subnet: "127.0.0.1/32".parse().unwrap(), account: Some(account) };
    let bench =
        Bench::with(Settings { allow: vec![allowed], allow_http: AllowHttp::Always, ..Settings::default() });
    let url = receiver.url("/");
    assert!(bench.webhook.check(&url, Some(account)).is_ok());
    assert_eq!(bench.webhook.check(&url, Some(AccountId(100_002))).unwrap_err().code(), "SUB-521");
    assert_eq!(bench.webhook.open_for(account, &url).send(message("{}")).await.outcome, Outcome::Delivered);
    assert_eq!(failure(&bench.send(&url).await).1, FailureClass::Forbidden);
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_refuses() {
    let receiver = ScriptedReceiver::start().await;
    let bench = Bench::dev();
    bench.names.then(&["127.0.0.3", "127.0.0.1"]);
    let report = bench.send(&format!("http://localhost:{}/", receiver.address().port())).await;
    assert_eq!(report.outcome, Outcome::Delivered);
}

#[tokio::test]
async fn an_address_that_swallows_connections_uses_up_its_share_of_the_time_only() {
    let receiver = ScriptedReceiver::start().await;
    let port = receiver.address().port();
    let (_swallowing, _waiting) = swallowing(port).await;
    let bench = Bench::dev();
    bench.names.then(&["127.0.0.4", "127.0.0.1"]);
    let report = bench.sending(&format!("http://localhost:{port}/"));
    bench.clock.until_sleeping_towards(SECOND / 2, SECOND / 2).await;
    bench.clock.advance(SECOND / 2);
    let report = report.await.unwrap();
    assert_eq!((report.outcome, report.latency), (Outcome::Delivered, SECOND / 2));
}

/// A listener on 127.0.0.4 whose queue is full: who connects now gets no answer at all.
async fn swallowing(port: u16) -> (TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 4], port).into()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // A backlog of one holds two.
    let waiting =
        vec![TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
    (listener, waiting)
}

#[tokio::test]
async fn a_name_without_an_address_is_said_so() {
    let bench = Bench::dev();
    bench.names.then_fail("Name or service not known").then(&[]);
    let report = bench.send("https://gone.example/").await;
    let words = "DNS: no address for gone.example: Name or service not known";
    assert_eq!(failure(&report), (AGAIN, FailureClass::Dns, words));
    let report = bench.send("https://gone.example/").await;
    assert_eq!(failure(&report), (AGAIN, FailureClass::Dns, "DNS: no address for gone.example"));
}

#[tokio::test]
async fn a_name_server_that_does_not_answer_costs_no_more_than_the_attempt() {
    let bench = Bench::dev();
    let report = bench.sending("https://slow.example/");
    bench.clock.until_sleeping_towards(SECOND, SECOND).await;
    bench.clock.advance(SECOND);
    let report = report.await.unwrap();
    assert_eq!(
        failure(&report),
        (AGAIN, FailureClass::Timeout, "DNS: no answer about slow.example within 1 s")
    );
}
