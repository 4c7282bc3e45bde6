//! A subscription's address, read once: what may be an address at all, and what of it goes on the wire.
//!
//! The scheme's rules and literal addresses are judged here, when the subscription is made; names are
//! judged when they are dialled.

use std::net::IpAddr;

use hookswitch_core::id::AccountId;
use hookswitch_core::limits;
use http::uri::PathAndQuery;
use http::{HeaderValue, Uri};
use rustls::pki_types::ServerName;
use url::{Host, Url};

use super::guard::{Guard, Refused};
use super::settings::AllowHttp;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("the address is malformed: {0}")]
    Malformed(String),
    #[error("the address must begin with https://{0}")]
    NotHttps(String),
    #[error("the address is not allowed: {0}")]
    Forbidden(#[from] Refused),
}

impl AddressError {
    /// The error code of the wire contract, §3.8.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "CMN-101",
            Self::NotHttps(_) => "SUB-523",
            Self::Forbidden(_) => "SUB-521",
        }
    }
}

/// Where to dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Literal(IpAddr),
    Name(String),
}

/// An address that passed the rules. Names in it are not resolved yet.
#[derive(Clone, Debug)]
pub struct Address {
    pub(crate) place: Place,
    pub(crate) port: u16,
    /// `None` for plain http.
    pub(crate) tls: Option<ServerName<'static>>,
    /// Every address of the name must be loopback, or the plain http of a developer would leave the machine.
    pub(crate) loopback_only: bool,
    pub(crate) host: HeaderValue,
    /// Path and query, as they stand in the request line.
    pub(crate) target: Uri,
    /// Whose subscription it is: some subnets are open to one account only.
    pub(crate) account: Option<AccountId>,
}

impl Address {
    pub(crate) fn parse(
        text: &str,
        guard: &Guard,
        allow_http: AllowHttp,
        account: Option<AccountId>,
    ) -> Result<Self, AddressError> {
        let url = read(text)?;
        let place = place(&url)?;
        let loopback_only = check_scheme(&url, &place, guard, allow_http)?;
        if let Place::Literal(address) = place {
            guard.judge(address, account)?;
        }
        let tls = match url.scheme() {
            "https" => Some(server_name(&place)?),
            _ => None,
        };
        Ok(Self {
            port: url.port_or_known_default().ok_or_else(|| malformed("it has no port"))?,
            tls,
            loopback_only,
            host: host_header(&url)?,
            target: target(text, &url)?,
            place,
            account,
        })
    }
}

fn malformed(why: impl Into<String>) -> AddressError {
    AddressError::Malformed(why.into())
}

fn read(text: &str) -> Result<Url, AddressError> {
    if text.len() > limits::WEBHOOK_ADDRESS_BYTES {
        return Err(malformed(format!("it is longer than {} bytes", limits::WEBHOOK_ADDRESS_BYTES)));
    }
    // `Url` would drop some of these silently, and we would dial something else than what is shown.
    if text.chars().any(|letter| letter.is_control() || letter.is_whitespace()) {
        return Err(malformed("it has a space or a control character in it"));
    }
    let url = Url::parse(text).map_err(|error| malformed(error.to_string()))?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(AddressError::NotHttps(format!(", not {}:", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(malformed("it must not carry a user name or password; use the verification token"));
    }
    Ok(url)
}

fn place(url: &Url) -> Result<Place, AddressError> {
    match url.host() {
        Some(Host::Ipv4(address)) => Ok(Place::Literal(address.into())),
        Some(Host::Ipv6(address)) => Ok(Place::Literal(address.into())),
        Some(Host::Domain(name)) if !name.is_empty() => Ok(Place::Name(name.to_owned())),
        Some(Host::Domain(_)) | None => Err(malformed("it has no host")),
    }
}

/// Whether only loopback may be dialled, if the scheme is allowed at all.
fn check_scheme(
    url: &Url,
    place: &Place,
    guard: &Guard,
    allow_http: AllowHttp,
) -> Result<bool, AddressError> {
    if url.scheme() == "https" {
        return Ok(false);
    }
    match allow_http {
        AllowHttp::Always => Ok(false),
        AllowHttp::Loopback if !guard.allows_loopback() => Err(AddressError::NotHttps(
            " (plain http goes to loopback only, and only in development mode)".to_owned(),
        )),
        AllowHttp::Loopback if place.is_loopback() => Ok(true),
        AllowHttp::Loopback => Err(AddressError::NotHttps(" (plain http goes to loopback only)".to_owned())),
        AllowHttp::Never => Err(AddressError::NotHttps(String::new())),
    }
}

impl Place {
    fn is_loopback(&self) -> bool {
        match self {
            Self::Literal(address) => address.is_loopback(),
            Self::Name(name) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                name == "localhost" || name.ends_with(".localhost")
            }
        }
    }
}

fn server_name(place: &Place) -> Result<ServerName<'static>, AddressError> {
    match place {
        Place::Literal(address) => Ok(ServerName::from(*address)),
        Place::Name(name) => {
            ServerName::try_from(name.clone()).map_err(|_| malformed(format!("{name} is no host name")))
        }
    }
}

fn host_header(url: &Url) -> Result<HeaderValue, AddressError> {
    let host = url.host_str().unwrap_or_default();
    let text = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    HeaderValue::try_from(text).map_err(|error| malformed(error.to_string()))
}

/// The path as `Url` writes it; the query byte for byte as the subscriber wrote it, where HTTP can carry
/// that (`Url` would escape an apostrophe, and a receiver that compares would not know its own address).
fn target(text: &str, url: &Url) -> Result<Uri, AddressError> {
    let written = text.split('#').next().unwrap_or_default().split_once('?').map(|(_, query)| query);
    let with_query = |query: Option<&str>| match query {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let as_written = with_query(written.filter(|query| query.is_ascii()));
    PathAndQuery::try_from(as_written)
        .ok()
        .filter(|target| target.query() == written)
        .map_or_else(|| PathAndQuery::try_from(with_query(url.query())), Ok)
        .map(Uri::from)
        .map_err(|error| malformed(error.to_string()))
}

#[cfg(test)]
mod tests;
