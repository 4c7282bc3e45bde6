//! CORS (D26): scripts of any site may call the paths that take a token, because a token is something
//! they must have been given. Cookies mean nothing there. Pages with a session, and what needs no token,
//! are not for other sites' scripts.
//!
//! The token endpoints take an app's credentials instead; browser SDKs log in there.

use axum::body::Body;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
const ALLOWED: HeaderValue = HeaderValue::from_static(
    "authorization, client-id, x-user-agent, rc-user-agent, content-type, discovery-tag, x-http-method-override",
);
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "retry-after, x-rate-limit-group, x-rate-limit-limit, x-rate-limit-remaining, x-rate-limit-window, \
     rcrequestid, routingkey, discovery-tag, discovery-required",
);
/// Seconds that a browser may remember the answer to a preflight.
const REMEMBERED: HeaderValue = HeaderValue::from_static("7200");

/// A script of another site asks.
pub(super) struct CrossOrigin {
    origin: HeaderValue,
    is_preflight: bool,
}

impl CrossOrigin {
    pub(super) fn of(request: &Request<Body>) -> Option<Self> {
        let origin = request.headers().get(ORIGIN).filter(|_| takes_a_token(request.uri().path()))?;
        let is_preflight = *request.method() == Method::OPTIONS
            && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        Some(Self { origin: origin.clone(), is_preflight })
    }

    /// The whole answer, if it is a preflight.
    pub(super) fn preflight(&self) -> Option<Response<Body>> {
        if !self.is_preflight {
            return None;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED);
        headers.insert(ACCESS_CONTROL_MAX_AGE, REMEMBERED);
        Some(response)
    }

    pub(super) fn write(&self, headers: &mut HeaderMap) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.origin.clone());
        // SDKs send "credentials: include" although there is nothing that a cookie could do.
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.append(VARY, HeaderValue::from_static("Origin"));
        if !self.is_preflight {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

fn takes_a_token(path: &str) -> bool {
    const TREES: [&str; 4] = ["/restapi/v1.0/", "/webinar/", "/team-messaging/", "/hookswitch/v1/"];
    const TOKENS: [&str; 3] = ["/restapi/oauth/token", "/restapi/oauth/revoke", "/restapi/oauth/wstoken"];
    TREES.iter().any(|tree| path.starts_with(tree)) || TOKENS.contains(&path)
}
