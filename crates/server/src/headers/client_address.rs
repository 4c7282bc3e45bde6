//! Whom a request comes from: the address at the other end of its connection, or, where that is a proxy
//! that the operator trusts, the address the proxy names.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use hookswitch_transport::webhook::subnet::Subnet;
use http::{HeaderName, Request};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The listener puts it on every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let nobody = Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        Ok(parts.extensions.get().copied().unwrap_or(nobody))
    }
}

/// Puts the client in the place of the proxy. Each proxy adds whom it saw at the end of the list, so the
/// last one that is no proxy of ours is the first that we cannot believe, and that is the client.
pub(super) fn look_behind(proxies: &[Subnet], request: &mut Request<Body>) {
    let trusted = |address: IpAddr| proxies.iter().any(|proxy| proxy.contains(address));
    let Some(&ClientAddress(peer)) = request.extensions().get() else { return };
    if proxies.is_empty() || !trusted(peer) {
        return;
    }
    let values: Vec<_> = request.headers().get_all(FORWARDED_FOR).iter().cloned().collect();
    for value in values.iter().rev() {
        for named in value.to_str().unwrap_or_default().rsplit(',') {
            let Ok(address) = named.trim().parse() else { return };
            request.extensions_mut().insert(ClientAddress(address));
            if !trusted(address) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &[&str]) -> IpAddr {
        let proxies = ["10.0.0.0/8".parse().unwrap()];
        let mut request = Request::new(Body::empty());
        request.extensions_mut().insert(ClientAddress(peer.parse().unwrap()));
        for value in forwarded {
            request.headers_mut().append(FORWARDED_FOR, value.parse().unwrap());
        }
        look_behind(&proxies, &mut request);
        request.extensions().get::<ClientAddress>().unwrap().0
    }

    #[test]
    fn only_a_trusted_proxy_may_name_another_address() {
        for (peer, forwarded, expected) in [
            ("192.0.2.1", &["198.51.100.7"][..], "192.0.2.1"),
            ("10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.4, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),
            ("10.0.0.1", &["1.2.3.4", "198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &["198.51.100.7, nonsense"], "10.0.0.1"),
        ] {
            assert_eq!(seen(peer, forwarded), expected.parse::<IpAddr>().unwrap(), "{peer} {forwarded:?}");
        }
    }
}
