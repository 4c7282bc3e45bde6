//! What happens to a request before it is routed.

use std::borrow::Cow;
use std::net::IpAddr;

use axum::body::{Body, HttpBody};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderName, ORIGIN};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, StatusCode, Uri, Version};
use http_body_util::Limited;
use percent_encoding::percent_decode_str;
use url::form_urlencoded;

use super::client_address::{ClientAddress, look_behind};
use super::nothing_at;
use crate::body::BodyLimit;
use crate::problem::ApiError;
use crate::state::Front;

const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");
/// Paths under which the 3.x SDK puts everything; there they are aliases (contract.md §0).
const ALIASES: [&str; 2] = ["/restapi/v1.0/team-messaging/", "/restapi/v1.0/webinar/"];
/// The API that is ours alone.
const OUR_OWN: &str = "/hookswitch/v1/";
const ACCOUNTS: &str = "/hookswitch/v1/accounts/";
const ALIAS_PREFIX: &str = "/restapi/v1.0";

pub(super) fn prepare(front: &Front, request: &mut Request<Body>) -> Result<(), ApiError> {
    has_host(request)?;
    if front.settings.dev {
        check_host(front, request)?;
    }
    limit_head(front, request)?;
    check_path(request)?;
    look_behind(&front.proxies, request);
    let query = take_control_parameters(request)?;
    spell_path(request, query);
    knows_method(request.method())?;
    refuse_query(request)?;
    limit_body(front, request)
}

/// HTTP/1.1 demands it, and what checks it must not be passed by leaving it out. Requests of our own, as those of
/// fixtures, come without one.
fn has_host(request: &Request<Body>) -> Result<(), ApiError> {
    let came_by_wire = request.extensions().get::<ClientAddress>().is_some();
    if !came_by_wire
        || request.version() != Version::HTTP_11
        || request.headers().contains_key(HOST)
        || request.uri().host().is_some()
    {
        return Ok(());
    }
    Err(ApiError::missing_header("Host"))
}

/// 501, as opposed to a method that only this path does not take.
fn knows_method(method: &Method) -> Result<(), ApiError> {
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::TRACE,
        Method::CONNECT,
    ];
    if known.contains(method) {
        return Ok(());
    }
    let message = format!("[{method}] is no method that this server knows");
    Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, "CMN-202", message))
}

/// What writes takes its options from the body, only an import from the query: `?dryRun=true` anywhere else must not
/// be passed over and the work be done. Clients of the compatible trees add queries of their own; those stay ignored.
fn refuse_query(request: &Request<Body>) -> Result<(), ApiError> {
    let path = request.uri().path();
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let is_import =
        *request.method() == Method::PUT && path.starts_with(ACCOUNTS) && path.ends_with("/extensions");
    let query = request.uri().query().unwrap_or_default();
    if reads || is_import || query.is_empty() || !path.starts_with(OUR_OWN) {
        return Ok(());
    }
    let name = form_urlencoded::parse(query.as_bytes()).next().map(|(name, _)| name.into_owned());
    let name = name.unwrap_or_default();
    let message =
        format!("{} {path} takes no query; [{name}] belongs into the body, if anywhere", request.method());
    Err(ApiError::new(StatusCode::BAD_REQUEST, "CMN-105", message).with("parameterName", name))
}

/// A page of some other site that a browser of this machine shows must not reach us, neither by asking
/// (Origin) nor by a name that it makes to mean this machine (Host).
fn check_host(front: &Front, request: &Request<Body>) -> Result<(), ApiError> {
    let refuse = |what: &str, value: &HeaderValue| {
        let value = String::from_utf8_lossy(value.as_bytes());
        let message =
            format!("{what} [{value}] is not an address of this server; development mode answers only those");
        Err(ApiError::new(StatusCode::FORBIDDEN, "CMN-407", message))
    };
    if let Some(host) = request.headers().get(HOST)
        && !host.to_str().is_ok_and(|host| is_ours(front, host))
    {
        return refuse("Host", host);
    }
    if let Some(origin) = request.headers().get(ORIGIN) {
        let host = origin
            .to_str()
            .ok()
            .and_then(|origin| origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")));
        if !host.is_some_and(|host| is_ours(front, host)) {
            return refuse("Origin", origin);
        }
    }
    Ok(())
}

fn is_ours(front: &Front, host_and_port: &str) -> bool {
    let settings = &front.settings;
    let Ok(authority) = host_and_port.parse::<http::uri::Authority>() else { return false };
    if host_and_port.contains('@') {
        return false;
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    if host.eq_ignore_ascii_case("localhost") {
        return true;
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        // A number cannot be rebound; a page served from it would be its own.
        return address.is_loopback() || address == settings.listen.ip() || settings.dev_remote;
    }
    let public = url::Url::parse(&front.base_url).ok();
    public.is_some_and(|url| url.host_str().is_some_and(|public| public.eq_ignore_ascii_case(host)))
}

/// The HTTP layer bounds the head too, with more room, so that this can say which limit it was.
fn limit_head(front: &Front, request: &Request<Body>) -> Result<(), ApiError> {
    // Separators and line ends.
    const BETWEEN: usize = 4;
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let line = request.method().as_str().len() + target + "HTTP/1.1".len() + BETWEEN;
    let fields = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + BETWEEN);
    let limit = front.settings.limits.request_head.0;
    if line + fields.sum::<usize>() <= limit {
        return Ok(());
    }
    let message =
        format!("The head of the request is larger than the limit [limits.request_head] of {limit} bytes");
    let error = ApiError::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "CMN-407", message);
    Err(error.with("limitName", "limits.request_head").with("limit", limit))
}

/// A path whose octets are no text names nothing (contract.md §3.8, CMN-120).
fn check_path(request: &Request<Body>) -> Result<(), ApiError> {
    let path = request.uri().path();
    match percent_decode_str(path).decode_utf8() {
        Ok(_) => Ok(()),
        Err(_) => Err(nothing_at(request.method(), path)),
    }
}

/// Acts on `_method` and `access_token` and gives the query without them, if it had any of the two.
fn take_control_parameters(request: &mut Request<Body>) -> Result<Option<String>, ApiError> {
    let mut wanted_method: Option<Cow<'_, str>> = None;
    let mut token = None;
    let mut rest = None;
    let query = request.uri().query().unwrap_or_default();
    if query.contains("_method=") || query.contains("access_token=") {
        let mut kept = Vec::new();
        for pair in query.split('&') {
            match pair.split_once('=') {
                Some(("_method", value)) => wanted_method = Some(decoded(value).into()),
                Some(("access_token", value)) => token = Some(decoded(value)),
                _ => kept.push(pair),
            }
        }
        rest = Some(kept.join("&"));
    }
    if let Some(header) = request.headers().get(METHOD_OVERRIDE) {
        let header = header.to_str().unwrap_or_default();
        if wanted_method.as_ref().is_some_and(|wanted| !wanted.eq_ignore_ascii_case(header)) {
            let message = format!("{METHOD_OVERRIDE} and the parameter [_method] name different methods");
            return Err(ApiError::parameter("_method", message));
        }
        wanted_method = Some(header.into());
    }
    let method = wanted_method.map(|wanted| overriding(request.method(), &wanted)).transpose()?;
    if let Some(method) = method {
        *request.method_mut() = method;
    }
    if let Some(token) = token {
        put_token(request, &token)?;
    }
    Ok(rest)
}

fn overriding(method: &Method, wanted: &str) -> Result<Method, ApiError> {
    let allowed = [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH];
    match allowed.into_iter().find(|allowed| allowed.as_str().eq_ignore_ascii_case(wanted)) {
        Some(wanted) if *method == Method::POST || *method == wanted => Ok(wanted),
        Some(_) => Err(ApiError::parameter("_method", "Only POST can stand for another method")),
        None => {
            Err(ApiError::parameter("_method", format!("[{wanted}] is not a method that POST can stand for")))
        }
    }
}

/// Where there is a header already, it decides.
fn put_token(request: &mut Request<Body>, token: &str) -> Result<(), ApiError> {
    if request.headers().contains_key(AUTHORIZATION) {
        return Ok(());
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| ApiError::new(StatusCode::UNAUTHORIZED, "OAU-149", "Token is corrupted"))?;
    value.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, value);
    Ok(())
}

fn decoded(value: &str) -> String {
    form_urlencoded::parse(format!("v={value}").as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// Gives the path its one spelling; `query` replaces the query where there is one.
fn spell_path(request: &mut Request<Body>, query: Option<String>) {
    let path = request.uri().path();
    let spelt =
        if ALIASES.iter().any(|alias| path.starts_with(alias)) { &path[ALIAS_PREFIX.len()..] } else { path };
    let trimmed = spelt.trim_end_matches('/');
    let spelt = if trimmed.is_empty() { "/" } else { trimmed };
    if spelt.len() == path.len() && query.is_none() {
        return;
    }
    let query = query.as_deref().or(request.uri().query()).filter(|query| !query.is_empty());
    let whole = match query {
        Some(query) => format!("{spelt}?{query}"),
        None => spelt.to_owned(),
    };
    // Parts of a good URI make a good URI; if they ever did not, the request keeps its own.
    if let Ok(whole) = PathAndQuery::try_from(whole) {
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.path_and_query = Some(whole);
        *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
    }
}

/// Refuses what says it is too large, and cuts off what turns out to be.
fn limit_body(front: &Front, request: &mut Request<Body>) -> Result<(), ApiError> {
    let limit = BodyLimit::of(request.uri().path(), &front.settings.limits);
    let announced =
        request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    match announced {
        Some(length) if length > limit.bytes as u64 => Err(limit.exceeded()),
        // The HTTP layer holds the sender to it.
        Some(_) => Ok(()),
        None if request.body().is_end_stream() => Ok(()),
        None => {
            let body = std::mem::take(request.body_mut());
            *request.body_mut() = Body::new(Limited::new(body, limit.bytes));
            Ok(())
        }
    }
}
