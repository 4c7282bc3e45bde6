//! The browsers that visit the sign-in page: known by a cookie, signed in or not.
//!
//! A form counts only with the mark that we made for this very cookie, so no other site can submit one.
//! Signing in gives the browser a new cookie: one that somebody planted before is worth nothing. All of
//! it is in memory; after a restart people sign in again.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hookswitch_core::clock::{Handles, WallTime};
use hookswitch_core::id::ExtensionId;
use hookswitch_core::limits::SIGNED_IN_BROWSERS;
use hookswitch_store::directory::TokenHash;
use parking_lot::Mutex;
use ring::hmac;
use subtle::ConstantTimeEq;

use crate::authenticate::hash_token;
use crate::state::Front;

const COOKIE: &str = "hookswitch_sign_in";
const COOKIE_BYTES: usize = 32;

pub(crate) struct Browsers {
    /// Makes the marks of forms.
    key: hmac::Key,
    signed_in: Mutex<HashMap<TokenHash, SignedIn>>,
}

#[derive(Clone, Copy)]
struct SignedIn {
    extension: ExtensionId,
    until: WallTime,
}

/// One browser, for one request.
pub(super) struct Visit {
    cookie: String,
    /// The browser did not bring it and must be given it.
    is_new: bool,
    pub(super) mark: String,
}

impl Visit {
    pub(super) fn of(front: &Front, headers: &HeaderMap) -> Self {
        let brought = cookie(headers);
        let is_new = brought.is_none();
        let cookie = brought.unwrap_or_else(|| front.handles.token(COOKIE_BYTES));
        let mark = front.browsers.mark(&cookie);
        Self { cookie, is_new, mark }
    }

    /// Whether a form that we gave this browser has come back.
    pub(super) fn has_made(&self, mark: Option<&str>) -> bool {
        let same = |mark: &str| bool::from(mark.as_bytes().ct_eq(self.mark.as_bytes()));
        !self.is_new && mark.is_some_and(same)
    }

    /// The cookie that the browser does not have yet.
    pub(super) fn new_cookie(&self) -> Option<&str> {
        self.is_new.then_some(self.cookie.as_str())
    }
}

impl Browsers {
    pub(crate) fn new(handles: &Handles) -> Self {
        let mut key = [0; 32];
        handles.entropy.fill(&mut key);
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &key), signed_in: Mutex::default() }
    }

    fn mark(&self, cookie: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, cookie.as_bytes()))
    }

    /// The new cookie of a browser whose user has shown who they are.
    pub(super) fn sign_in(&self, handles: &Handles, extension: ExtensionId, lifetime: Duration) -> String {
        let cookie = handles.token(COOKIE_BYTES);
        let now = handles.now();
        let mut signed_in = self.signed_in.lock();
        if signed_in.len() >= SIGNED_IN_BROWSERS {
            signed_in.retain(|_, browser| now < browser.until);
        }
        if signed_in.len() >= SIGNED_IN_BROWSERS
            && let Some(oldest) = signed_in.iter().min_by_key(|(_, browser)| browser.until)
        {
            let oldest = *oldest.0;
            signed_in.remove(&oldest);
        }
        signed_in.insert(hash_token(&cookie), SignedIn { extension, until: now.plus(lifetime) });
        cookie
    }

    pub(super) fn user(&self, visit: &Visit, now: WallTime) -> Option<ExtensionId> {
        let signed_in = self.signed_in.lock();
        let browser = signed_in.get(&hash_token(&visit.cookie))?;
        (now < browser.until).then_some(browser.extension)
    }
}

/// `Set-Cookie` that no script reads and no other site's form sends along.
pub(super) fn set_cookie(front: &Front, cookie: &str) -> Option<HeaderValue> {
    let secure = if front.base_url.starts_with("https://") { "; Secure" } else { "" };
    let text = format!("{COOKIE}={cookie}; Path={}; HttpOnly; SameSite=Lax{secure}", super::PATH);
    HeaderValue::from_str(&text).ok()
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == COOKIE)?;
    // What we never made is not worth a look.
    (value.len() == COOKIE_BYTES.div_ceil(3) * 4 - 1).then(|| value.to_owned())
}
