//! Users and their passwords: whom a user name means, slow hashes, and the grant that takes both.
//!
//! The sign-in page logs users in here too. What failed logins cost is in `failed_logins`.
//!
//! Hashing runs off the async threads, a few at a time. A user who does not exist costs as much as a
//! wrong password, so that neither time nor words tell which it was.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hookswitch_core::clock::Handles;
use hookswitch_store::directory::{LoginName, LoginRecord, StoredPassword};
use ring::pbkdf2;

use super::failed_logins::Trial;
use super::issue::{TokenInfo, granted, open_session};
use super::problem::OAuthError;
use super::token::{Call, may_log_in};
use crate::headers::ClientAddress;
use crate::problem::ApiError;
use crate::state::Front;

const SCHEME: &str = "pbkdf2-sha256";
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
/// What a hash from elsewhere may cost at each login.
const MOST_ROUNDS: u32 = 10_000_000;
const LONGEST_STORED: usize = 256;

/// What somebody says who they are.
pub(super) struct Attempt<'a> {
    pub(super) name: &'a str,
    pub(super) extension: Option<&'a str>,
    pub(super) password: &'a str,
    pub(super) from: ClientAddress,
}

pub(super) async fn grant(call: &Call<'_>) -> Result<TokenInfo, OAuthError> {
    let Call { front, app, form, .. } = *call;
    let attempt = Attempt {
        name: form.required("username")?,
        extension: form.get("extension"),
        password: form.required("password")?,
        from: call.from,
    };
    let login = log_in(front, attempt).await?;
    open_session(call, &login, granted(app, form)?).await
}

/// The user, if the password is theirs, they may log in and nobody is locked out.
pub(super) async fn log_in(front: &Front, attempt: Attempt<'_>) -> Result<LoginRecord, OAuthError> {
    // Taken before anything is looked at, so that a crowd of attempts is judged one after another.
    let Ok(_permit) = front.hashing.acquire().await else {
        return Err(ApiError::unavailable("The server is stopping").into());
    };
    let login = match login_name(attempt.name, attempt.extension) {
        Some(name) => front.directory.login(name).await?,
        None => None,
    };
    let trial = Trial::new(front, &attempt, login.as_ref());
    trial.begin()?;
    let stored = login.as_ref().and_then(|login| login.password.clone());
    let good = check(front, attempt.password, stored).await;
    match login.filter(|_| good) {
        Some(login) => {
            trial.succeeded().await?;
            may_log_in(&login)?;
            Ok(login)
        }
        None => {
            trial.failed().await?;
            Err(OAuthError::invalid_grant("OAU-140", "Invalid resource owner credentials"))
        }
    }
}

/// `+16505551234`, `16505551234`, `someone@example.com`, each also with `*101` at the end. An extension
/// given on its own goes before one in the name.
fn login_name(name: &str, extension: Option<&str>) -> Option<LoginName> {
    let (name, starred) = match name.trim().rsplit_once('*') {
        Some((name, starred)) => (name, Some(starred)),
        None => (name.trim(), None),
    };
    let extension =
        extension.or(starred).map(str::trim).filter(|number| !number.is_empty()).map(str::to_owned);
    if name.contains('@') {
        return Some(LoginName::Email { address: name.to_owned(), extension });
    }
    let digits: String = name.chars().filter(|c| !matches!(c, '+' | ' ' | '-' | '(' | ')' | '.')).collect();
    let is_number =
        !digits.is_empty() && digits.len() <= 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(LoginName::Phone { digits, extension })
}

/// A slow hash of `password` for the store. Blocks for long: not for async threads.
pub fn hash(handles: &Handles, password: &str, rounds: u32) -> StoredPassword {
    let mut salt = [0; SALT_BYTES];
    handles.entropy.fill(&mut salt);
    let rounds = NonZeroU32::new(rounds).unwrap_or(NonZeroU32::MIN);
    let mut hash = [0; HASH_BYTES];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt, password.as_bytes(), &mut hash);
    StoredPassword(format!(
        "{SCHEME}${rounds}${}${}",
        STANDARD_NO_PAD.encode(salt),
        STANDARD_NO_PAD.encode(hash)
    ))
}

/// The same off the async threads, few at a time.
pub(crate) async fn hash_off_thread(front: &Front, password: String) -> Result<StoredPassword, ApiError> {
    let stopping = |_| ApiError::unavailable("The server is stopping");
    let _permit = front.hashing.acquire().await.map_err(stopping)?;
    let (handles, rounds) = (front.handles.clone(), front.settings.sessions.password_rounds);
    let hashed = tokio::task::spawn_blocking(move || hash(&handles, &password, rounds)).await;
    hashed.map_err(|_| ApiError::unavailable("The server is stopping"))
}

/// Whether a hash that was made elsewhere can be checked here, at a bearable cost.
pub(crate) fn is_well_formed(stored: &StoredPassword) -> bool {
    let bearable = |(rounds, salt, hash): (NonZeroU32, Vec<u8>, Vec<u8>)| {
        rounds.get() <= MOST_ROUNDS && (8..=64).contains(&salt.len()) && hash.len() == HASH_BYTES
    };
    stored.0.len() <= LONGEST_STORED && parts(stored).is_some_and(bearable)
}

/// Whether it is the password; `None` is nobody's and costs the same.
async fn check(front: &Front, password: &str, stored: Option<StoredPassword>) -> bool {
    let password = password.to_owned();
    let rounds = front.settings.sessions.password_rounds;
    let checked = tokio::task::spawn_blocking(move || match stored {
        Some(stored) => matches(&stored, &password),
        None => {
            let nobody = format!("{SCHEME}${rounds}${}${}", "A".repeat(22), "A".repeat(43));
            matches(&StoredPassword(nobody), &password);
            false
        }
    });
    checked.await.unwrap_or(false)
}

fn matches(stored: &StoredPassword, password: &str) -> bool {
    let Some((rounds, salt, hash)) = parts(stored) else { return false };
    pbkdf2::verify(pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt, password.as_bytes(), &hash).is_ok()
}

/// Rounds, salt and hash.
fn parts(stored: &StoredPassword) -> Option<(NonZeroU32, Vec<u8>, Vec<u8>)> {
    let mut parts = stored.0.split('$');
    let (Some(SCHEME), Some(rounds), Some(salt), Some(hash), None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let decoded = |text| STANDARD_NO_PAD.decode(text).ok();
    Some((rounds.parse().ok()?, decoded(salt)?, decoded(hash)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::system_handles;

    #[test]
    fn the_forms_of_a_user_name() {
        let phone = |digits: &str, extension: Option<&str>| {
            Some(LoginName::Phone { digits: digits.into(), extension: extension.map(str::to_owned) })
        };
        assert_eq!(login_name("+16505551234", None), phone("16505551234", None));
        assert_eq!(login_name("16505551234", Some("102")), phone("16505551234", Some("102")));
        assert_eq!(login_name("+1 (650) 555-1234*103", None), phone("16505551234", Some("103")));
        assert_eq!(login_name("16505551234*103", Some("102")), phone("16505551234", Some("102")));
        let mail = LoginName::Email { address: "a@b.example".into(), extension: None };
        assert_eq!(login_name(" a@b.example ", None), Some(mail));
        for bad in ["", "*", "someone", "123456789012345678901"] {
            assert_eq!(login_name(bad, None), None, "{bad}");
        }
    }

    #[test]
    fn only_the_password_matches_its_hash_and_damage_matches_nothing() {
        let stored = hash(&system_handles(), "open sesame", 10);
        assert!(stored.0.starts_with("pbkdf2-sha256$10$"));
        assert!(matches(&stored, "open sesame"));
        assert!(!matches(&stored, "open sesam"));
        for damaged in ["", "x", "pbkdf2-sha256$0$AA$AA", "pbkdf2-sha256$10$AA", "plain$10$AA$AA"] {
            assert!(!matches(&StoredPassword(damaged.into()), "open sesame"), "{damaged}");
            assert!(!is_well_formed(&StoredPassword(damaged.into())), "{damaged}");
        }
        assert!(is_well_formed(&stored));
        let costly = stored.0.replacen("$10$", "$4000000000$", 1);
        assert!(!is_well_formed(&StoredPassword(costly)));
    }
}
