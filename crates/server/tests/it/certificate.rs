//! TLS of the listener.

use std::path::Path;
use std::time::Duration;

use hookswitch_server::config::Settings;
use hookswitch_server::serving::{self, Server, StartError};
use hookswitch_testkit::certificates::{Authority, Identity};
use hookswitch_testkit::{HttpClient, TempFolder, patience, steered_handles};
use http::Method;
use tokio::net::TcpListener;

const NAMES: &[&str] = &["127.0.0.1", "localhost"];

fn write(folder: &Path, identity: &Identity) {
    std::fs::write(folder.join("server.pem"), &identity.certificate_pem).expect("written");
    std::fs::write(folder.join("server.key"), &identity.key_pem).expect("written");
}

fn settings(folder: &Path) -> Settings {
    Settings {
        data: folder.join("data"),
        tls_certificate: Some(folder.join("server.pem")),
        tls_key: Some(folder.join("server.key")),
        ..Settings::default()
    }
}

#[tokio::test]
async fn a_changed_certificate_is_shown_to_new_connections_and_a_bad_one_changes_nothing() {
    let (folder, authority) = (TempFolder::new(), Authority::new());
    let (first, second) = (authority.issue(NAMES), authority.issue(NAMES));
    write(folder.path(), &first);
    let (handles, clock) = steered_handles(3);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let server: Server = serving::start(settings(folder.path()), handles, listener).await.expect("it starts");
    assert_eq!(server.url(), format!("https://{}", server.address()));
    let client = HttpClient::over_tls(server.address(), &authority);
    client.send(Method::GET, "/healthz", &[], "").await.expect("an answer").expect(200);
    assert_eq!(authority.shown_by(server.address()).await, first.certificate);

    // The certificate is there before its key: the old pair stays.
    std::fs::write(folder.path().join("server.pem"), &second.certificate_pem).expect("written");
    clock.advance(Duration::from_secs(5));
    assert_eq!(authority.shown_by(server.address()).await, first.certificate);

    std::fs::write(folder.path().join("server.key"), &second.key_pem).expect("written");
    let shown = async {
        while authority.shown_by(server.address()).await != second.certificate {
            clock.advance(Duration::from_secs(5));
        }
    };
    patience::within("the second certificate", shown, String::new).await;

    std::fs::write(folder.path().join("server.pem"), "no certificate").expect("written");
    for _ in 0..3 {
        clock.advance(Duration::from_secs(5));
        assert_eq!(authority.shown_by(server.address()).await, second.certificate);
    }
    client.send(Method::GET, "/healthz", &[], "").await.expect("the old connection goes on").expect(200);
    server.stop().await;
}

#[tokio::test]
async fn a_server_does_not_start_with_a_pair_that_is_none() {
    let (folder, authority) = (TempFolder::new(), Authority::new());
    let (one, other) = (authority.issue(NAMES), authority.issue(NAMES));
    write(folder.path(), &one);
    std::fs::write(folder.path().join("server.key"), &other.key_pem).expect("written");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let refused = serving::start(settings(folder.path()), steered_handles(3).0, listener).await;
    assert!(matches!(refused, Err(StartError::ListenerTls(_))));
}
