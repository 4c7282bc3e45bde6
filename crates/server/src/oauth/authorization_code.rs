//! The authorization_code grant, with PKCE: from a code that the sign-in page gave to a session.
//!
//! A code is for one app and one redirect URI, for 60 seconds and one use. Who presents a used one ends
//! the session it opened, because one of the two has stolen it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hookswitch_store::directory::LoginName;
use hookswitch_store::sign_in::{Challenge, ChallengeMethod, KnownCode, Redeemed};
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;

use super::issue::{Draft, TokenInfo};
use super::problem::OAuthError;
use super::token::{Call, may_log_in};
use crate::authenticate::hash_token;

pub(super) async fn grant(call: &Call<'_>) -> Result<TokenInfo, OAuthError> {
    let Call { front, app, form, .. } = *call;
    let code = hash_token(form.required("code")?);
    let redirect_uri = form.required("redirect_uri")?;
    let Some(KnownCode { meaning, used }) = front.directory.code(code).await? else {
        return Err(invalid());
    };
    if meaning.app != app.no {
        return Err(OAuthError::invalid_grant("OAU-110", "The code belongs to another application"));
    }
    if meaning.redirect_uri != redirect_uri {
        let description = "Parameter [redirect_uri] is not the one that the code was sent to";
        return Err(OAuthError::new("invalid_grant", "OAU-109", description).naming("redirect_uri"));
    }
    check_verifier(meaning.challenge.as_ref(), form.get("code_verifier"))?;
    // A used one is led on, whenever it comes: the store ends what it opened.
    if !used && front.handles.now() >= meaning.expires_at {
        return Err(OAuthError::invalid_grant("OAU-108", "The code is expired"));
    }
    let login = front.directory.login(LoginName::Id(meaning.extension)).await?;
    let login = login.ok_or_else(|| OAuthError::invalid_grant("OAU-136", "The extension is not found"))?;
    may_log_in(&login)?;
    let draft = Draft::new(call, &login, meaning.scopes)?;
    match front.directory.redeem_code(code, draft.session.clone()).await? {
        Redeemed::Opened(opened) => Ok(draft.opened(front, &opened)),
        Redeemed::Used { dead } => {
            front.tokens.forget(&dead);
            Err(invalid())
        }
        Redeemed::Unknown => Err(invalid()),
    }
}

fn invalid() -> OAuthError {
    OAuthError::invalid_grant("OAU-106", "The code is not valid, or was used before")
}

/// Whether the app that exchanges the code is the one that asked for it.
fn check_verifier(challenge: Option<&Challenge>, verifier: Option<&str>) -> Result<(), OAuthError> {
    let (challenge, verifier) = match (challenge, verifier) {
        (None, None) => return Ok(()),
        (None, Some(_)) => {
            let description =
                "Parameter [code_verifier] is given, but the code was asked for without a challenge";
            return Err(OAuthError::invalid_grant("OAU-106", description).naming("code_verifier"));
        }
        (Some(_), None) => return Err(OAuthError::missing("code_verifier")),
        (Some(challenge), Some(verifier)) => (challenge, verifier),
    };
    if !is_verifier(verifier) {
        let description =
            "Parameter [code_verifier] must be 43 to 128 letters, digits or the characters - . _ ~";
        return Err(OAuthError::parameter("code_verifier", description));
    }
    let made = match challenge.method {
        ChallengeMethod::Plain => verifier.to_owned(),
        ChallengeMethod::S256 => URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())),
    };
    if bool::from(made.as_bytes().ct_eq(challenge.text.as_bytes())) {
        Ok(())
    } else {
        let description = "Parameter [code_verifier] does not fit the challenge of the code";
        Err(OAuthError::invalid_grant("OAU-106", description).naming("code_verifier"))
    }
}

/// The form of a verifier, and so of a plain challenge (RFC 7636).
pub(super) fn is_verifier(text: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const S256: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn challenge(text: &str, method: ChallengeMethod) -> Option<Challenge> {
        Some(Challenge { text: text.to_owned(), method })
    }

    #[test]
    fn a_verifier_fits_the_challenge_that_was_made_of_it_and_no_other() {
        let check = |challenge: &Option<Challenge>, verifier| check_verifier(challenge.as_ref(), verifier);
        let hashed = challenge(S256, ChallengeMethod::S256);
        let plain = challenge(VERIFIER, ChallengeMethod::Plain);
        assert!(check(&hashed, Some(VERIFIER)).is_ok());
        assert!(check(&plain, Some(VERIFIER)).is_ok());
        assert!(check(&None, None).is_ok());
        let other = VERIFIER.replace('d', "e");
        assert_eq!(check(&hashed, Some(&other)).unwrap_err().code, "OAU-106");
        assert_eq!(check(&plain, Some(&other)).unwrap_err().code, "OAU-106");
        assert_eq!(check(&hashed, Some("short")).unwrap_err().code, "CMN-101");
        assert_eq!(check(&hashed, None).unwrap_err().parameter.as_deref(), Some("code_verifier"));
        assert_eq!(
            check(&None, Some(VERIFIER)).unwrap_err().code,
            "OAU-106",
            "a challenge that was stripped off"
        );
    }

    #[test]
    fn a_verifier_has_43_to_128_unreserved_characters() {
        for (text, good) in [
            ("a".repeat(42), false),
            ("a".repeat(43), true),
            ("~".repeat(128), true),
            ("a".repeat(129), false),
            (format!("{}+", "a".repeat(43)), false),
        ] {
            assert_eq!(is_verifier(&text), good, "{text}");
        }
    }
}
