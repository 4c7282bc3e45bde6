//! An operator's own identity provider: whose assertions log users in, and whose do not.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hookswitch_testkit::folder::TempFolder;
use http::StatusCode;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::stage::{BASE, Reply, Stage};

const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "hookswitch";
/// Made for these tests; it opens nothing.
const RSA_KEY: &[u8] = include_bytes!("fixtures/identity_rsa.pem");
const RSA_MODULUS: &str = "z1ut1QR6hg08TU0b6Gge7DJaMPBNTN9lPlKyJva0Mwm88aCWkHh1kPLfBfCIa38BdEILkNt674p4nGMOSq_fEh2KhRR6S0VBm6bB-__ichBv5N05t7WNmCltknR7jDwAG_bed1h9O4N4iJ8CNWNf8eK3WRsErP-eRtQz91rIt8iBm-jgmOtYgVChXl4MkxI-auX81AIyZwADUE2v1DaBhAKoT8Ffl65pf1ZyQFxrCt6o8cJv5ISj7KKbry4L5fNSTZeKAPK7FLJO4-5ET2kZKyF6-sE9O3vOTp8JR233-b7sOIynBvsfHSoO4gQnzC8EdGYm4VO4isMQlorQW6tJmw";

/// A key of the provider, for signing, and its public half as the provider shows it.
struct Key {
    kid: &'static str,
    algorithm: Algorithm,
    signs: EncodingKey,
    shown: Value,
}

fn rsa() -> Key {
    let shown =
        json!({ "kty": "RSA", "kid": "r1", "use": "sig", "alg": "RS256", "n": RSA_MODULUS, "e": "AQAB" });
    Key { kid: "r1", algorithm: Algorithm::RS256, signs: EncodingKey::from_rsa_pem(RSA_KEY).unwrap(), shown }
}

fn ec(kid: &'static str) -> Key {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
    let point = pair.public_key().as_ref();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
    let shown = json!({ "kty": "EC", "kid": kid, "crv": "P-256", "x": x, "y": y });
    Key { kid, algorithm: Algorithm::ES256, signs: EncodingKey::from_ec_der(document.as_ref()), shown }
}

fn show(path: &Path, keys: &[&Key]) {
    let unknown = json!({ "kty": "XYZ", "kid": "of another kind" });
    let keys: Vec<_> = keys.iter().map(|key| key.shown.clone()).chain([unknown]).collect();
    std::fs::write(path, json!({ "keys": keys }).to_string()).unwrap();
}

async fn stage(jwks: &str, more: &[(&str, &str)]) -> Stage {
    let own = [("identity.jwks", jwks), ("identity.issuer", ISSUER), ("identity.audience", AUDIENCE)];
    Stage::on(Arc::default(), BASE, 1, &[&own, more].concat()).await
}

fn claims(stage: &Stage) -> Value {
    let now = stage.front.handles.now().unix_seconds();
    let sub = (stage.demo.extension.0 + 1).to_string();
    json!({ "iss": ISSUER, "aud": [AUDIENCE, "others"], "sub": sub, "exp": now + 300, "nbf": now, "mail": "CHIDI@demo.example" })
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

fn sign(key: &Key, claims: &Value) -> String {
    let header = Header { kid: Some(key.kid.into()), ..Header::new(key.algorithm) };
    jsonwebtoken::encode(&header, claims, &key.signs).unwrap()
}

async fn log_in(stage: &Stage, assertion: &str) -> Reply {
    let grant = ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
    stage.token(&[grant, ("assertion", assertion)]).await
}

#[tokio::test]
async fn an_assertion_of_the_provider_logs_in_whom_its_claim_names() {
    let folder = TempFolder::new();
    let (path, rsa, ec) = (folder.join("jwks.json"), rsa(), ec("e1"));
    show(&path, &[&rsa, &ec]);
    let stage = stage(path.to_str().unwrap(), &[]).await;
    for key in [&rsa, &ec] {
        let reply = log_in(&stage, &sign(key, &claims(&stage))).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
        assert_eq!(reply.json()["owner_id"], (stage.demo.extension.0 + 1).to_string());
    }
    let own = log_in(&stage, &stage.demo.jwt).await;
    assert_eq!(own.status, StatusCode::OK, "our own credentials count as before");

    let by_mail =
        self::stage(path.to_str().unwrap(), &[("identity.claim", "mail"), ("identity.names", "email")]).await;
    let reply = log_in(&by_mail, &sign(&rsa, &claims(&by_mail))).await;
    assert_eq!(reply.json()["owner_id"], (by_mail.demo.extension.0 + 2).to_string());
}

#[tokio::test]
async fn an_assertion_that_does_not_hold_in_every_respect_is_refused() {
    let folder = TempFolder::new();
    let (path, key, stranger) = (folder.join("jwks.json"), rsa(), ec("r1"));
    show(&path, &[&key]);
    let stage = stage(path.to_str().unwrap(), &[]).await;
    let now = stage.front.handles.now().unix_seconds();
    let good = claims(&stage);
    let hs256 =
        Key { algorithm: Algorithm::HS256, signs: EncodingKey::from_secret(RSA_MODULUS.as_bytes()), ..rsa() };
    for (assertion, code) in [
        (sign(&stranger, &good), "OAU-140"),
        (sign(&hs256, &good), "OAU-347"),
        (sign(&key, &with(good.clone(), "aud", json!("somebody else"))), "OAU-140"),
        (sign(&key, &with(good.clone(), "exp", json!(now - 61))), "OAU-128"),
        (sign(&key, &with(good.clone(), "exp", json!("never"))), "OAU-128"),
        (sign(&key, &with(good.clone(), "nbf", json!(now + 120))), "OAU-140"),
        (sign(&key, &with(good.clone(), "sub", json!("nobody"))), "OAU-140"),
        (sign(&key, &with(good.clone(), "sub", json!("4711"))), "OAU-136"),
        (sign(&key, &with(good.clone(), "iss", json!("https://other.example"))), "OAU-347"),
    ] {
        let reply = log_in(&stage, &assertion).await;
        assert_eq!((reply.status.as_u16(), reply.refusal().1.as_str()), (400, code), "{}", reply.text);
        assert_eq!(reply.json()["error"], "invalid_grant");
    }
}

#[tokio::test]
async fn new_keys_of_the_provider_are_found_and_a_lost_file_does_no_harm() {
    let folder = TempFolder::new();
    let (path, old, new) = (folder.join("jwks.json"), ec("old"), ec("new"));
    let stage = stage(path.to_str().unwrap(), &[]).await;
    let missing = log_in(&stage, &sign(&old, &claims(&stage))).await;
    assert_eq!((missing.status.as_u16(), missing.refusal().1.as_str()), (503, "CMN-201"));

    show(&path, &[&old]);
    stage.clock.advance(Duration::from_secs(10));
    assert_eq!(log_in(&stage, &sign(&old, &claims(&stage))).await.status, StatusCode::OK);
    show(&path, &[&new]);
    assert_eq!(
        log_in(&stage, &sign(&new, &claims(&stage))).await.refusal().1,
        "OAU-140",
        "looked a moment ago"
    );
    stage.clock.advance(Duration::from_secs(10));
    assert_eq!(log_in(&stage, &sign(&new, &claims(&stage))).await.status, StatusCode::OK);
    assert_eq!(log_in(&stage, &sign(&old, &claims(&stage))).await.refusal().1, "OAU-140");
    std::fs::remove_file(&path).unwrap();
    stage.clock.advance(Duration::from_secs(3600));
    assert_eq!(log_in(&stage, &sign(&new, &claims(&stage))).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_keys_may_come_from_a_url() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys?of=us", listener.local_addr().unwrap());
    let key = rsa();
    let body = json!({ "keys": [key.shown] }).to_string();
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 1024];
        let read = stream.read(&mut head).await.unwrap();
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8_lossy(&head[..read]).into_owned()
    };
    let stage = stage(&url, &[]).await;
    let assertion = sign(&key, &claims(&stage));
    let (reply, asked) = tokio::join!(log_in(&stage, &assertion), serving);
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    assert!(asked.starts_with("GET /keys?of=us HTTP/1.1\r\n"), "{asked}");
    assert_eq!(log_in(&stage, &assertion).await.status, StatusCode::OK, "asked once");
}

#[tokio::test]
async fn where_there_is_single_sign_on_a_lock_out_says_so() {
    let stage = stage("/nowhere/jwks.json", &[("sessions.failed_logins_free", "0")]).await;
    let form = |password: &'static str| {
        [("grant_type", "password"), ("username", stage.demo.username.as_str()), ("password", password)]
    };
    assert_eq!(stage.token(&form("guess")).await.refusal().1, "OAU-140");
    assert_eq!(stage.token(&form("guess")).await.refusal().1, "OAU-148");
}
