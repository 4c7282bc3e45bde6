//! Standard Webhooks signatures: `webhook-signature: v1,<base64 of HMAC-SHA256(key, id.timestamp.body)>`.
//!
//! A secret is written `whsec_` and base64. While one is being rotated there are several, and a
//! delivery carries a signature by each, separated by spaces; a receiver accepts any one that it knows.
//! Keys are prepared once and then reused for every message.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::hmac;
use smallvec::SmallVec;

use crate::clock::WallTime;

const SECRET_PREFIX: &str = "whsec_";
const VERSION: &str = "v1,";
/// What the specification allows for a key.
const KEY_BYTES_LEAST: usize = 24;
const KEY_BYTES_MOST: usize = 64;
const SIGNATURE_BYTES: usize = 32;
/// Signatures in one header that a verifier looks at.
const SIGNATURES_LOOKED_AT: usize = 16;

/// How far a message's timestamp may be from the receiver's clock.
pub const TOLERANCE: Duration = Duration::from_secs(5 * 60);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    #[error("a signing secret starts with {SECRET_PREFIX}")]
    Prefix,
    #[error("after {SECRET_PREFIX} a signing secret is base64")]
    Base64,
    #[error("a signing secret has {KEY_BYTES_LEAST} to {KEY_BYTES_MOST} bytes, this one has {0}")]
    Length(usize),
    #[error("there is no secret to sign with")]
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    #[error("none of the signatures is by a known secret over this message")]
    Signature,
    #[error("the message's timestamp is too far from the receiver's clock")]
    Timestamp,
}

/// Writes random bytes down as a secret, 24 to 64 of them.
pub fn secret_from(random: &[u8]) -> String {
    format!("{SECRET_PREFIX}{}", BASE64.encode(random))
}

/// Signs and verifies with one secret, or with several during a rotation.
#[derive(Clone)]
pub struct Signer {
    keys: SmallVec<[hmac::Key; 1]>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer with {} keys", self.keys.len())
    }
}

impl Signer {
    /// The first secret's signature comes first.
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s str>) -> Result<Self, SecretError> {
        let keys = secrets.into_iter().map(key).collect::<Result<SmallVec<_>, _>>()?;
        if keys.is_empty() { Err(SecretError::None) } else { Ok(Self { keys }) }
    }

    /// The value of `webhook-signature`. `seconds` is that of `webhook-timestamp`.
    pub fn sign(&self, id: &str, seconds: i64, body: &[&[u8]]) -> String {
        let mut header = String::with_capacity(self.keys.len() * 48);
        for key in &self.keys {
            if !header.is_empty() {
                header.push(' ');
            }
            header.push_str(VERSION);
            BASE64.encode_string(mac(key, id, seconds, body), &mut header);
        }
        header
    }

    /// Whether one of the signatures in `header` is ours over exactly this message.
    pub fn verify(&self, id: &str, seconds: i64, body: &[&[u8]], header: &str) -> Result<(), VerifyError> {
        let expected: SmallVec<[hmac::Tag; 1]> =
            self.keys.iter().map(|key| mac(key, id, seconds, body)).collect();
        let mut genuine = subtle::Choice::from(0);
        for signature in header.split(' ').take(SIGNATURES_LOOKED_AT) {
            let Some(signature) = signature.strip_prefix(VERSION).and_then(whole_signature) else { continue };
            for tag in &expected {
                genuine |= subtle::ConstantTimeEq::ct_eq(tag.as_ref(), &signature[..]);
            }
        }
        if genuine.into() { Ok(()) } else { Err(VerifyError::Signature) }
    }

    /// As a receiver does it: the signature, and a timestamp that is not too old or too new.
    pub fn verify_fresh(
        &self,
        id: &str,
        seconds: i64,
        body: &[&[u8]],
        header: &str,
        now: WallTime,
    ) -> Result<(), VerifyError> {
        self.verify(id, seconds, body, header)?;
        if now.unix_seconds().abs_diff(seconds) > TOLERANCE.as_secs() {
            return Err(VerifyError::Timestamp);
        }
        Ok(())
    }
}

fn key(secret: &str) -> Result<hmac::Key, SecretError> {
    let encoded = secret.strip_prefix(SECRET_PREFIX).ok_or(SecretError::Prefix)?;
    let bytes = BASE64.decode(encoded).map_err(|_| SecretError::Base64)?;
    if !(KEY_BYTES_LEAST..=KEY_BYTES_MOST).contains(&bytes.len()) {
        return Err(SecretError::Length(bytes.len()));
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

fn mac(key: &hmac::Key, id: &str, seconds: i64, body: &[&[u8]]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(id.as_bytes());
    context.update(b".");
    context.update(seconds.to_string().as_bytes());
    context.update(b".");
    for part in body {
        context.update(part);
    }
    context.sign()
}

/// The bytes of a signature, only if it is one in full: a cut one must never be compared.
fn whole_signature(encoded: &str) -> Option<[u8; SIGNATURE_BYTES]> {
    let bytes = BASE64.decode(encoded).ok()?;
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // The example of the Standard Webhooks specification and its libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const SECONDS: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn signer() -> Signer {
        Signer::new([SECRET]).unwrap()
    }

    #[test]
    fn the_specifications_example_is_signed_and_verified() {
        assert_eq!(signer().sign(ID, SECONDS, &[BODY]), SIGNATURE);
        assert_eq!(signer().sign(ID, SECONDS, &[&BODY[..3], b"", &BODY[3..]]), SIGNATURE);
        assert_eq!(signer().verify(ID, SECONDS, &[BODY], SIGNATURE), Ok(()));
    }

    #[test]
    fn during_a_rotation_either_secret_verifies() {
        let (old, new) = (secret_from(&[1; 24]), secret_from(&[2; 64]));
        let header = Signer::new([new.as_str(), &old]).unwrap().sign(ID, SECONDS, &[BODY]);
        assert_eq!(header.split(' ').count(), 2);
        for secret in [&old, &new] {
            let receiver = Signer::new([secret.as_str()]).unwrap();
            assert_eq!(receiver.verify(ID, SECONDS, &[BODY], &header), Ok(()));
        }
        assert_eq!(signer().verify(ID, SECONDS, &[BODY], &header), Err(VerifyError::Signature));
    }

    #[test]
    fn nothing_but_a_whole_signature_of_this_message_passes() {
        let cut = &SIGNATURE[..20];
        let without_padding = SIGNATURE.trim_end_matches('=');
        let other_version = SIGNATURE.replace("v1,", "v2,");
        let longer = format!("{SIGNATURE}AAAA");
        let many = format!("{} {SIGNATURE}", ["v1,AAAA"; SIGNATURES_LOOKED_AT].join(" "));
        for forged in [
            "",
            "v1,",
            "v1",
            ",",
            "v1,=",
            " ",
            "v1, v1,",
            cut,
            without_padding,
            &other_version,
            &longer,
            &many,
        ] {
            assert_eq!(
                signer().verify(ID, SECONDS, &[BODY], forged),
                Err(VerifyError::Signature),
                "{forged:?}"
            );
        }
        let beside_others = format!("v1a,xyz v1,AAAA {SIGNATURE}");
        assert_eq!(signer().verify(ID, SECONDS, &[BODY], &beside_others), Ok(()));
        assert!(signer().verify("msg_other", SECONDS, &[BODY], SIGNATURE).is_err());
        assert!(signer().verify(ID, SECONDS + 1, &[BODY], SIGNATURE).is_err());
        assert!(signer().verify(ID, SECONDS, &[BODY, b" "], SIGNATURE).is_err());
    }

    #[test]
    fn a_message_is_good_for_five_minutes_either_way() {
        let at = |seconds: i64| {
            signer().verify_fresh(ID, SECONDS, &[BODY], SIGNATURE, WallTime(seconds.saturating_mul(1000)))
        };
        assert_eq!(at(SECONDS + 300), Ok(()));
        assert_eq!(at(SECONDS - 300), Ok(()));
        assert_eq!(at(SECONDS + 301), Err(VerifyError::Timestamp));
        assert_eq!(at(SECONDS - 301), Err(VerifyError::Timestamp));
    }

    #[test]
    fn a_secret_that_is_no_secret_is_refused_in_words() {
        assert_eq!(Signer::new(["MfKQ9r8G"]).unwrap_err(), SecretError::Prefix);
        assert_eq!(Signer::new(["whsec_!"]).unwrap_err(), SecretError::Base64);
        assert_eq!(Signer::new([secret_from(&[0; 23]).as_str()]).unwrap_err(), SecretError::Length(23));
        assert_eq!(Signer::new([secret_from(&[0; 65]).as_str()]).unwrap_err(), SecretError::Length(65));
        assert_eq!(Signer::new([]).unwrap_err(), SecretError::None);
        assert!(!format!("{:?}", signer()).contains("MfKQ"));
    }

    proptest! {
        #[test]
        fn what_is_signed_verifies_and_what_is_changed_does_not(
            key in proptest::collection::vec(any::<u8>(), 24..65), id in "[a-z0-9-]{1,40}", seconds: i64,
            body in proptest::collection::vec(any::<u8>(), 1..200), cut: prop::sample::Index, flip in 1u8..,
        ) {
            let signer = Signer::new([secret_from(&key).as_str()]).unwrap();
            let (one, two) = body.split_at(cut.index(body.len()));
            let header = signer.sign(&id, seconds, &[one, two]);
            prop_assert_eq!(signer.verify(&id, seconds, &[&body], &header), Ok(()));
            let mut changed = body.clone();
            changed[cut.index(body.len())] ^= flip;
            prop_assert!(signer.verify(&id, seconds, &[&changed], &header).is_err());
        }
    }
}
