//! A subnet as operators write it: `10.0.0.0/8`, `fd00::/8`, or one address alone.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Addresses that share their first bits. The families stay apart: an IPv4 subnet never contains an
/// IPv6 address, whatever that may embed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet {
    first: IpAddr,
    prefix: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubnetError {
    #[error("\"{0}\" is no subnet: write it as 10.0.0.0/8 or fd00::/8")]
    Form(String),
    #[error("\"{text}\" has bits set beyond its prefix: write {meant}")]
    HostBits { text: String, meant: Subnet },
}

impl Subnet {
    pub(crate) const fn v4(octets: [u8; 4], prefix: u8) -> Self {
        let [a, b, c, d] = octets;
        Self { first: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix }
    }

    pub(crate) const fn v6(segments: [u16; 8], prefix: u8) -> Self {
        let [a, b, c, d, e, f, g, h] = segments;
        Self { first: IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h)), prefix }
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let differ = u32::from(first) ^ u32::from(address);
                differ.checked_shr(32 - u32::from(self.prefix)).unwrap_or(0) == 0
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let differ = u128::from(first) ^ u128::from(address);
                differ.checked_shr(128 - u32::from(self.prefix)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }

    /// Whether this names `address` and nothing else.
    pub fn is_exactly(&self, address: IpAddr) -> bool {
        self.first == address && self.prefix == width(address)
    }

    fn masked(address: IpAddr, prefix: u8) -> IpAddr {
        match address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from(u32::from(v4) & mask))
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from(u128::from(v6) & mask))
            }
        }
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

impl FromStr for Subnet {
    type Err = SubnetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || SubnetError::Form(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| form())?;
        let prefix = match prefix {
            // `u8` would take "+8".
            Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| form())?
            }
            Some(_) => return Err(form()),
            None => width(address),
        };
        if prefix > width(address) {
            return Err(form());
        }
        let meant = Self { first: Self::masked(address, prefix), prefix };
        if meant.first != address {
            return Err(SubnetError::HostBits { text: text.to_owned(), meant });
        }
        Ok(meant)
    }
}

impl TryFrom<String> for Subnet {
    type Error = SubnetError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Subnet> for String {
    fn from(subnet: Subnet) -> Self {
        subnet.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    #[test]
    fn a_subnet_contains_the_addresses_that_share_its_prefix() {
        for (net, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("192.168.1.128/25", "192.168.1.128", "192.168.1.127"),
            ("203.0.113.7", "203.0.113.7", "203.0.113.6"),
            ("fd00::/8", "fdff::1", "fe00::1"),
            ("2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"),
            ("::1", "::1", "::2"),
        ] {
            assert!(subnet(net).contains(inside.parse().unwrap()), "{net} {inside}");
            assert!(!subnet(net).contains(outside.parse().unwrap()), "{net} {outside}");
        }
        assert!(subnet("0.0.0.0/0").contains("255.255.255.255".parse().unwrap()));
        assert!(subnet("::/0").contains("ffff::".parse().unwrap()));
    }

    #[test]
    fn the_families_stay_apart() {
        assert!(!subnet("0.0.0.0/0").contains("::ffff:10.0.0.1".parse().unwrap()));
        assert!(!subnet("::/0").contains("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn what_is_no_subnet_is_refused_and_stray_bits_are_named() {
        for bad in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "::/129",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
            "x/8",
            "::1%lo/128",
        ] {
            assert_eq!(bad.parse::<Subnet>(), Err(SubnetError::Form(bad.into())));
        }
        let stray = "10.0.0.1/8".parse::<Subnet>().unwrap_err();
        assert_eq!(stray.to_string(), "\"10.0.0.1/8\" has bits set beyond its prefix: write 10.0.0.0/8");
    }
}
