//! The password grant: whom a user name means, and slow hashes of passwords.
//!
//! Hashing runs off the async threads, a few at a time. A user who does not exist costs as much as a
//! wrong password, so that neither time nor words tell which it was.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hookswitch_core::clock::Handles;
use hookswitch_store::directory::{LoginName, RegisteredApp, StoredPassword};
use ring::pbkdf2;

use super::form::Form;
use super::issue::{TokenInfo, open_session};
use super::problem::OAuthError;
use super::token::may_log_in;
use crate::state::Front;

const SCHEME: &str = "pbkdf2-sha256";
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

pub(super) async fn grant(front: &Front, app: &RegisteredApp, form: &Form) -> Result<TokenInfo, OAuthError> {
    let name = form.required("username")?;
    let password = form.required("password")?;
    let wrong = || OAuthError::invalid_grant("OAU-140", "Invalid resource owner credentials");
    let login = match login_name(name, form.get("extension")) {
        Some(name) => front.directory.login(name).await?,
        None => None,
    };
    let stored = login.as_ref().and_then(|login| login.password.clone());
    let good = check(front, password, stored).await;
    match login {
        Some(login) if good => {
            may_log_in(&login)?;
            open_session(front, app, &login, form).await
        }
        _ => Err(wrong()),
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

/// Whether it is the password; `None` is nobody's and costs the same.
async fn check(front: &Front, password: &str, stored: Option<StoredPassword>) -> bool {
    let Ok(_permit) = front.hashing.acquire().await else { return false };
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
    let mut parts = stored.0.split('$');
    let (Some(SCHEME), Some(rounds), Some(salt), Some(hash), None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let (Ok(rounds), Ok(salt), Ok(hash)) =
        (rounds.parse(), STANDARD_NO_PAD.decode(salt), STANDARD_NO_PAD.decode(hash))
    else {
        return false;
    };
    pbkdf2::verify(pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt, password.as_bytes(), &hash).is_ok()
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
        }
    }
}
