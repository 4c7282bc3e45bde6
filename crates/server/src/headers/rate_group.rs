//! The throttling group of a call, and its headers. They are always sent, because clients read them
//! (contract.md §10); whether a budget is enforced is a setting, see `rates`.

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Method};

use crate::config::RateLimits;

const GROUP: HeaderName = HeaderName::from_static("x-rate-limit-group");
const LIMIT: HeaderName = HeaderName::from_static("x-rate-limit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-rate-limit-remaining");
const WINDOW: HeaderName = HeaderName::from_static("x-rate-limit-window");

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RateGroup {
    Light,
    Medium,
    Heavy,
    Auth,
}

impl RateGroup {
    /// `None` outside the compatible trees, and for the sign-in page, which is for people.
    pub(super) fn of(method: &Method, path: &str) -> Option<Self> {
        let compatible = ["/restapi", "/webinar/", "/team-messaging/"];
        if !compatible.iter().any(|tree| path.starts_with(tree)) || path == "/restapi/oauth/authorize" {
            return None;
        }
        if path.starts_with("/restapi/oauth/") {
            return Some(Self::Auth);
        }
        // Uploads, the one heavy call of these trees.
        if *method == Method::POST && path.ends_with("/files") {
            return Some(Self::Heavy);
        }
        let light =
            if *method == Method::GET { !path.ends_with("/extension") } else { path.ends_with("/renew") };
        Some(if light { Self::Light } else { Self::Medium })
    }

    pub(super) fn limit(self, limits: &RateLimits) -> u32 {
        match self {
            Self::Light => limits.light,
            Self::Medium => limits.medium,
            Self::Heavy => limits.heavy,
            Self::Auth => limits.auth,
        }
    }

    /// As long as nothing is enforced, all of the budget is always left.
    pub(super) fn write(self, limit: u32, remaining: u32, headers: &mut HeaderMap) {
        let name = match self {
            Self::Light => "light",
            Self::Medium => "medium",
            Self::Heavy => "heavy",
            Self::Auth => "auth",
        };
        headers.insert(GROUP, HeaderValue::from_static(name));
        headers.insert(LIMIT, HeaderValue::from(limit));
        headers.insert(REMAINING, HeaderValue::from(remaining));
        headers.insert(WINDOW, HeaderValue::from_static("60"));
    }
}
