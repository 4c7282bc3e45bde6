//! https: what is trusted, and what a person reads when it is not.

use std::sync::Arc;

use hookswitch_core::delivery::{FailureClass, Outcome};
use hookswitch_testkit::{Answer, ScriptedReceiver, TempFolder};
use hookswitch_transport::Transport as _;
use hookswitch_transport::webhook::handshake::HandshakeFailure;
use hookswitch_transport::webhook::{Settings, Webhook};
use rcgen::{BasicConstraints, IsCa};
use rustls::HandshakeKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;

use crate::certificates::{Authority, HOST, Identity, expired, for_names, not_yet_valid};
use crate::raw::{RawReceiver, read_request, token_of};
use crate::support::{AGAIN, Bench, failure, message, soon};

/// Loopback and the test's own certificate authority are allowed; `HOST` leads to loopback.
fn trusting(authority: &Authority) -> Bench {
    let folder = TempFolder::new();
    let bench = Bench::with(Settings { extra_ca_files: vec![authority.file(&folder)], ..Settings::dev() });
    bench.names.then(&["127.0.0.1"]);
    bench
}

async fn receiver(identity: Identity) -> ScriptedReceiver {
    ScriptedReceiver::wrapped(identity.tls(), |_| Answer::ok()).await
}

fn named_url(receiver: &ScriptedReceiver) -> String {
    format!("https://{HOST}:{}/hook", receiver.address().port())
}

/// Delivery and handshake both fail over this identity; returns the words, which are the same.
async fn refused(bench: &Bench, identity: Identity) -> String {
    let receiver = receiver(identity).await;
    let report = bench.send(&named_url(&receiver)).await;
    let (outcome, class, words) = failure(&report);
    assert_eq!((outcome, class), (AGAIN, FailureClass::Tls), "{words}");
    let words = words.strip_prefix("TLS: ").expect("names TLS").to_owned();
    let address = bench.webhook.check(&named_url(&receiver), None).unwrap();
    let failure = bench.webhook.handshake(&address, None).await.unwrap_err();
    assert_eq!((failure.code(), &failure), ("SUB-524", &HandshakeFailure::Certificate(words.clone())));
    assert_eq!(receiver.count(), 0, "no request was sent");
    words
}

#[tokio::test]
async fn a_complete_chain_to_a_trusted_authority_is_good() {
    let root = Authority::root();
    let intermediate = root.intermediate();
    for identity in [
        root.issue(for_names(&[HOST])),
        root.issue(for_names(&["other.example", HOST])),
        intermediate.issue(for_names(&[HOST])).with(&intermediate),
    ] {
        let (bench, receiver) = (trusting(&root), receiver(identity).await);
        let report = bench.send(&named_url(&receiver)).await;
        assert_eq!(report.outcome, Outcome::Delivered, "{report:?}");
        assert_eq!(
            receiver.next().await.header("host"),
            Some(format!("{HOST}:{}", receiver.address().port()).as_str())
        );
        let address = bench.webhook.check(&named_url(&receiver), None).unwrap();
        bench.webhook.handshake(&address, None).await.unwrap();
    }
}

#[tokio::test]
async fn a_certificate_for_an_address_is_good_for_that_address() {
    let root = Authority::root();
    let (bench, receiver) = (trusting(&root), receiver(root.issue(for_names(&["127.0.0.1"]))).await);
    assert_eq!(bench.send(&receiver.url("/")).await.outcome, Outcome::Delivered);
}

#[tokio::test]
async fn deliveries_share_a_connection_and_a_new_one_resumes_the_session() {
    let root = Authority::root();
    let (tell, mut kinds) = mpsc::channel(4);
    let tls = Arc::new(root.issue(for_names(&[HOST])).tls());
    let receiver = RawReceiver::start(move |_, stream| {
        let (tls, tell) = (tls.clone(), tell.clone());
        async move {
            let mut stream = tls.accept(stream).await.unwrap();
            let mut buffer = [0; 4096];
            for _ in 0..2 {
                let read = stream.read(&mut buffer).await.unwrap();
                assert!(buffer[..read].ends_with(b"}"), "the request is one record");
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            }
            tell.send(stream.get_ref().1.handshake_kind().unwrap()).await.unwrap();
        }
    })
    .await;
    let bench = trusting(&root);
    let endpoint = bench.webhook.open(&format!("https://{HOST}:{}/", receiver.port()));
    for _ in 0..4 {
        assert_eq!(endpoint.send(message("{}")).await.outcome, Outcome::Delivered);
    }
    assert_eq!(receiver.connections(), 2);
    let first = soon("the first connection's kind", kinds.recv()).await;
    let second = soon("the second connection's kind", kinds.recv()).await;
    assert_eq!((first, second), (Some(HandshakeKind::Full), Some(HandshakeKind::Resumed)));
}

#[tokio::test]
async fn a_receiver_that_ends_tls_without_saying_so_is_taken() {
    let root = Authority::root();
    let tls = Arc::new(root.issue(for_names(&[HOST])).tls());
    let receiver = RawReceiver::start(move |_, stream| {
        let tls = tls.clone();
        async move {
            let mut stream = tls.accept(stream).await.unwrap();
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer).await.unwrap();
            let request = String::from_utf8_lossy(&buffer[..read]).into_owned();
            let answer = format!("HTTP/1.0 200 OK\r\nValidation-Token: {}\r\n\r\nhello", token_of(&request));
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            // The plain connection ends, TLS does not.
            stream.get_mut().0.shutdown().await.unwrap();
        }
    })
    .await;
    let bench = trusting(&root);
    let address = bench.webhook.check(&format!("https://{HOST}:{}/", receiver.port()), None).unwrap();
    assert_eq!(bench.webhook.handshake(&address, None).await, Ok(()));
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused_and_says_for_which() {
    let root = Authority::root();
    let bench = trusting(&root);
    let words = refused(&bench, root.issue(for_names(&["other.example"]))).await;
    assert_eq!(words, "the certificate is for other.example, not for hooks.example");
    let many = ["a.example", "b.example", "c.example", "d.example"];
    let words = refused(&bench, root.issue(for_names(&many))).await;
    assert_eq!(
        words,
        "the certificate is for a.example, b.example, c.example and 1 more, not for hooks.example"
    );
}

#[tokio::test]
async fn a_certificate_outside_its_time_is_refused_and_says_when() {
    let root = Authority::root();
    let bench = trusting(&root);
    let words = refused(&bench, root.issue(expired(for_names(&[HOST])))).await;
    assert_eq!(words, "the certificate has expired, on 2025-01-01");
    let words = refused(&bench, root.issue(not_yet_valid(for_names(&[HOST])))).await;
    assert_eq!(words, "the certificate is not valid before 2030-01-01");
}

#[tokio::test]
async fn a_missing_intermediate_is_refused_and_says_so() {
    let root = Authority::root();
    let incomplete = root.intermediate().issue(for_names(&[HOST]));
    let words = refused(&trusting(&root), incomplete).await;
    assert_eq!(
        words,
        "the certificate chain is incomplete: an intermediate certificate is missing, or the issuer is not trusted"
    );
}

#[tokio::test]
async fn an_unknown_authority_is_refused_and_says_so() {
    let stranger = Authority::named("A Stranger");
    let intermediate = stranger.intermediate();
    let complete = intermediate.issue(for_names(&[HOST])).with(&intermediate).with(&stranger);
    let words = refused(&trusting(&Authority::root()), complete).await;
    assert_eq!(words, "the certificate's chain ends at an authority that is not trusted");
}

#[tokio::test]
async fn an_authority_that_only_has_the_name_of_a_trusted_one_is_refused_and_says_so() {
    let words = refused(&trusting(&Authority::root()), Authority::root().issue(for_names(&[HOST]))).await;
    assert_eq!(words, "the certificate is not signed by the authority it names");
}

#[tokio::test]
async fn a_self_signed_certificate_is_refused_and_says_so() {
    let bench = trusting(&Authority::root());
    let plain = for_names(&[HOST]);
    // As `openssl req -x509` makes them: it may also sign others.
    let mut authority = for_names(&[HOST]);
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    for params in [plain, authority] {
        let words = refused(&bench, Identity::self_signed(params)).await;
        assert_eq!(words, "the certificate is self-signed");
    }
}

#[tokio::test]
async fn a_receiver_without_tls_is_said_so() {
    let plain = RawReceiver::start(|_, mut stream| async move {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.ok();
        read_request(&mut stream).await;
    })
    .await;
    let report = Bench::dev().send(&format!("https://127.0.0.1:{}/", plain.port())).await;
    assert_eq!(failure(&report), (AGAIN, FailureClass::Tls, "TLS: the receiver does not speak TLS there"));
}

#[tokio::test]
async fn a_receiver_with_old_versions_of_tls_only_is_said_so() {
    // A fatal alert, `protocol_version`: what such a receiver answers.
    const ALERT: [u8; 7] = [0x15, 3, 2, 0, 2, 2, 70];
    let old = RawReceiver::start(|_, mut stream| async move {
        stream.write_all(&ALERT).await.ok();
        read_request(&mut stream).await;
    })
    .await;
    let (bench, url) = (Bench::dev(), format!("https://127.0.0.1:{}/", old.port()));
    let report = bench.send(&url).await;
    let words = "TLS: the receiver does not offer TLS 1.2 or newer";
    assert_eq!(failure(&report), (AGAIN, FailureClass::Tls, words));
    let failure = bench.webhook.handshake(&bench.webhook.check(&url, None).unwrap(), None).await.unwrap_err();
    let words = "TLS with the webhook failed: the receiver does not offer TLS 1.2 or newer";
    assert_eq!((failure.code(), failure.to_string().as_str()), ("SUB-524", words));
}

#[tokio::test]
async fn a_connection_closed_during_the_tls_handshake_is_said_so() {
    let receiver = RawReceiver::start(|_, stream| async move { drop(stream) }).await;
    let report = Bench::dev().send(&format!("https://127.0.0.1:{}/", receiver.port())).await;
    let words = format!("127.0.0.1:{} closed the connection during the TLS handshake", receiver.port());
    assert_eq!(failure(&report), (AGAIN, FailureClass::Reset, words.as_str()));
}

#[test]
fn authorities_that_cannot_be_read_are_named_at_the_start() {
    let folder = TempFolder::new();
    let (handles, _) = hookswitch_testkit::steered_handles(1);
    let fails = |path: std::path::PathBuf| {
        let settings = Settings { extra_ca_files: vec![path], ..Settings::default() };
        Webhook::new(settings, handles.clone()).err().expect("refused").to_string()
    };
    let (empty, broken) = (folder.join("empty.pem"), folder.join("broken.pem"));
    std::fs::write(&empty, "").unwrap();
    std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    assert!(fails(folder.join("absent.pem")).contains("absent.pem"));
    assert!(fails(broken).starts_with("cannot read the certificate authorities in "));
    assert!(fails(empty).ends_with("empty.pem holds no certificate"));
}
