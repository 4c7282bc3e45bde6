//! The throttling group of a call, and its headers. No limit is enforced, but the headers are always
//! sent, because clients read them (contract.md §10).

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Method};

const GROUP: HeaderName = HeaderName::from_static("x-rate-limit-group");
const LIMIT: HeaderName = HeaderName::from_static("x-rate-limit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-rate-limit-remaining");
const WINDOW: HeaderName = HeaderName::from_static("x-rate-limit-window");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RateGroup {
    Light,
    Medium,
    Auth,
}

impl RateGroup {
    /// `None` outside the compatible trees.
    pub(super) fn of(method: &Method, path: &str) -> Option<Self> {
        let compatible = ["/restapi", "/webinar/", "/team-messaging/"];
        if !compatible.iter().any(|tree| path.starts_with(tree)) {
            return None;
        }
        if path.starts_with("/restapi/oauth/") {
            return Some(Self::Auth);
        }
        let light =
            if *method == Method::GET { !path.ends_with("/extension") } else { path.ends_with("/renew") };
        Some(if light { Self::Light } else { Self::Medium })
    }

    /// As long as nothing is enforced, all of the budget is always left.
    pub(super) fn write(self, headers: &mut HeaderMap) {
        let (name, budget) = match self {
            Self::Light => ("light", "50"),
            Self::Medium => ("medium", "40"),
            Self::Auth => ("auth", "5"),
        };
        headers.insert(GROUP, HeaderValue::from_static(name));
        headers.insert(LIMIT, HeaderValue::from_static(budget));
        headers.insert(REMAINING, HeaderValue::from_static(budget));
        headers.insert(WINDOW, HeaderValue::from_static("60"));
    }
}
