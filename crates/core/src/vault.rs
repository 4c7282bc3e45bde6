//! Secrets at rest: sealed with AES-256-GCM under the master key.
//!
//! Pure: the caller brings the nonce (12 random bytes, fresh for each sealing) and stores the bytes. What
//! is sealed says under which key, so the master key can be rotated: the vault seals with the first of
//! its keys and opens with any. Each sealing is bound to a *place* (`app/7/verification-token`): a sealed
//! secret that is copied to another row does not open there.
//!
//! Passwords and tokens are not here: they are hashed, nobody needs them back.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::digest;

pub const NONCE_BYTES: usize = 12;
pub const KEY_BYTES: usize = 32;
const KEY_ID_BYTES: usize = 4;
const FORM: u8 = 1;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    #[error("no master key: at least one line of 32 bytes in base64 is needed")]
    NoKey,
    #[error("line {0} of the master key is not 32 bytes in base64")]
    BadKey(usize),
    #[error("sealed under the master key {0}, which is not among those given")]
    UnknownKey(String),
    #[error("what is sealed was damaged, or belongs to another place than {0}")]
    Damaged(String),
}

/// Seals and opens. Made once from the master key's text.
pub struct Vault {
    /// The first seals.
    keys: Vec<Key>,
}

struct Key {
    id: [u8; KEY_ID_BYTES],
    key: LessSafeKey,
}

impl Vault {
    /// Reads a master key file: one key a line in base64, the current one first, older ones below;
    /// empty lines and lines with `#` are skipped.
    pub fn from_text(text: &str) -> Result<Self, VaultError> {
        let mut keys = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bytes = STANDARD.decode(line).map_err(|_| VaultError::BadKey(index + 1))?;
            let bytes = <[u8; KEY_BYTES]>::try_from(bytes).map_err(|_| VaultError::BadKey(index + 1))?;
            keys.push(Key::new(&bytes));
        }
        if keys.is_empty() { Err(VaultError::NoKey) } else { Ok(Self { keys }) }
    }

    /// The text of a master key file with one key.
    pub fn key_text(key: [u8; KEY_BYTES]) -> String {
        format!("{}\n", STANDARD.encode(key))
    }

    /// The bytes to store for `secret` at `place`. A nonce must never come twice.
    pub fn seal(&self, nonce: [u8; NONCE_BYTES], place: &str, secret: &[u8]) -> Vec<u8> {
        let key = &self.keys[0];
        let mut text = secret.to_vec();
        let tag = key
            .key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut text)
            .expect("AES-GCM seals every text shorter than 64 GiB");
        let mut sealed = Vec::with_capacity(1 + KEY_ID_BYTES + NONCE_BYTES + text.len() + tag.as_ref().len());
        sealed.push(FORM);
        sealed.extend_from_slice(&key.id);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&text);
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    /// What `seal` was given.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        let damaged = || VaultError::Damaged(place.to_owned());
        let (id, nonce, text) = split(sealed).ok_or_else(damaged)?;
        let key =
            self.keys.iter().find(|key| key.id == id).ok_or_else(|| VaultError::UnknownKey(hex(&id)))?;
        let mut text = text.to_vec();
        let length = key
            .key
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut text)
            .map_err(|_| damaged())?
            .len();
        text.truncate(length);
        Ok(text)
    }

    /// Like `open`, for secrets that are texts.
    pub fn open_text(&self, place: &str, sealed: &[u8]) -> Result<String, VaultError> {
        String::from_utf8(self.open(place, sealed)?).map_err(|_| VaultError::Damaged(place.to_owned()))
    }

    /// Whether `sealed` is under the current key; if not, a rotation has yet to seal it anew.
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        split(sealed).is_some_and(|(id, ..)| id == self.keys[0].id)
    }
}

/// Nothing of the keys.
impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.keys.iter().map(|key| hex(&key.id)).collect();
        f.debug_struct("Vault").field("keys", &ids).finish()
    }
}

impl Key {
    fn new(bytes: &[u8; KEY_BYTES]) -> Self {
        let mut labelled = digest::Context::new(&digest::SHA256);
        labelled.update(b"hookswitch master key id");
        labelled.update(bytes);
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&labelled.finish().as_ref()[..KEY_ID_BYTES]);
        let key = UnboundKey::new(&AES_256_GCM, bytes).expect("the key has the length of AES-256");
        Self { id, key: LessSafeKey::new(key) }
    }
}

type Parts<'a> = ([u8; KEY_ID_BYTES], [u8; NONCE_BYTES], &'a [u8]);

fn split(sealed: &[u8]) -> Option<Parts<'_>> {
    let (form, rest) = sealed.split_first()?;
    let (id, rest) = rest.split_first_chunk()?;
    let (nonce, text) = rest.split_first_chunk()?;
    (*form == FORM).then_some((*id, *nonce, text))
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: [u8; NONCE_BYTES] = [7; NONCE_BYTES];

    fn vault(keys: &[u8]) -> Vault {
        Vault::from_text(&keys.iter().map(|key| Vault::key_text([*key; KEY_BYTES])).collect::<String>())
            .unwrap()
    }

    #[test]
    fn a_secret_comes_back_at_its_place_and_nowhere_else() {
        let vault = vault(&[1]);
        let sealed = vault.seal(NONCE, "app/7/secret", b"open sesame");
        assert!(!sealed.windows(4).any(|part| part == b"open"));
        assert_eq!(vault.open_text("app/7/secret", &sealed).unwrap(), "open sesame");
        assert_eq!(vault.open("app/8/secret", &sealed), Err(VaultError::Damaged("app/8/secret".into())));
    }

    #[test]
    fn after_a_rotation_old_secrets_open_and_new_ones_are_under_the_new_key() {
        let sealed = vault(&[1]).seal(NONCE, "x", b"secret");
        let rotated = vault(&[2, 1]);
        assert_eq!(rotated.open("x", &sealed).unwrap(), b"secret");
        assert!(!rotated.is_current(&sealed));
        assert!(rotated.is_current(&rotated.seal(NONCE, "x", b"secret")));
        assert!(matches!(vault(&[2]).open("x", &sealed), Err(VaultError::UnknownKey(_))));
    }

    #[test]
    fn any_flipped_or_missing_byte_is_noticed() {
        let vault = vault(&[1]);
        let sealed = vault.seal(NONCE, "x", b"secret");
        for index in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[index] ^= 1;
            assert!(vault.open("x", &damaged).is_err(), "byte {index}");
            assert!(vault.open("x", &sealed[..index]).is_err(), "cut at {index}");
        }
    }

    #[test]
    fn a_key_file_says_which_line_is_bad_and_never_shows_a_key() {
        assert_eq!(Vault::from_text("# nothing\n\n").unwrap_err(), VaultError::NoKey);
        let text = format!("# current\n{}short\n", Vault::key_text([3; KEY_BYTES]));
        assert_eq!(Vault::from_text(&text).unwrap_err(), VaultError::BadKey(3));
        assert!(!format!("{:?}", vault(&[3])).contains(Vault::key_text([3; KEY_BYTES]).trim()));
    }
}
