//! Which addresses we dial for a subscriber, and which never (contract D5, design.md Security).
//!
//! A subscriber names the address, we send from inside the operator's network: without the guard,
//! anyone who may subscribe could reach what only we can reach. So every address a name resolves to is
//! judged at the moment it is dialled, the judged address is the one that is dialled, and one forbidden
//! address refuses them all. Parsing a subscription's address is `address`'s work, resolving `resolver`'s,
//! connecting `dial`'s.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hookswitch_core::id::AccountId;
use serde::{Deserialize, Serialize};

use super::subnet::Subnet;

/// The name of the setting that opens a subnet, for messages.
const ALLOW: &str = "guard.allow";

/// A subnet that may be dialled although a rule forbids it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowed {
    pub subnet: Subnet,
    /// Only for this account's subscriptions; `None` for everyone's.
    #[serde(default)]
    pub account: Option<AccountId>,
}

/// Judges addresses. Immutable; made once from the settings.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    allow: Vec<Allowed>,
    loopback: bool,
}

/// Why an address is never dialled by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    Unspecified,
    Loopback,
    Private,
    LinkLocal,
    CarrierGradeNat,
    Multicast,
    Broadcast,
    Documentation,
    Benchmarking,
    Reserved,
    Metadata,
    Mapped,
    Compatible,
    Translated,
    Nat64,
    SixToFour,
    Teredo,
    UniqueLocal,
    SiteLocal,
}

impl Rule {
    /// Completes "the address is …".
    fn words(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Loopback => "a loopback address",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::CarrierGradeNat => "inside a carrier's NAT",
            Self::Multicast => "a multicast address",
            Self::Broadcast => "the broadcast address",
            Self::Documentation => "reserved for documentation",
            Self::Benchmarking => "reserved for benchmarks",
            Self::Reserved => "reserved",
            Self::Metadata => "a cloud's metadata service",
            Self::Mapped => "IPv4-mapped",
            Self::Compatible => "IPv4-compatible",
            Self::Translated => "IPv4-translated",
            Self::Nat64 => "a NAT64 address",
            Self::SixToFour => "a 6to4 address",
            Self::Teredo => "a Teredo address",
            Self::UniqueLocal => "unique-local",
            Self::SiteLocal => "site-local",
        }
    }
}

/// One address and the rule that forbids it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    pub address: IpAddr,
    pub rule: Rule,
    /// The IPv4 address inside `address` to which the rule applied.
    pub embedded: Option<Ipv4Addr>,
}

impl std::error::Error for Refused {}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        if let Some(inner) = self.embedded {
            write!(f, " carries {inner}, which")?;
        }
        write!(f, " is {}, and webhooks never go there unless the setting ", self.rule.words())?;
        let named = self.embedded.map_or(self.address, IpAddr::V4);
        match (self.rule, named) {
            (Rule::Metadata, IpAddr::V4(_)) => write!(f, "{ALLOW} names {named}/32 itself"),
            (Rule::Metadata, IpAddr::V6(_)) => write!(f, "{ALLOW} names {named}/128 itself"),
            _ => write!(f, "{ALLOW} has a subnet with {named}"),
        }
    }
}

impl Guard {
    pub fn new(allow: Vec<Allowed>, loopback: bool) -> Self {
        Self { allow, loopback }
    }

    pub fn allows_loopback(&self) -> bool {
        self.loopback
    }

    /// One forbidden address refuses all: a name that mixes public and private answers is an attack or
    /// a mistake, and either way the next resolution may answer with the other.
    pub fn judge_all(&self, addresses: &[IpAddr], account: Option<AccountId>) -> Result<(), Refused> {
        addresses.iter().try_for_each(|address| self.judge(*address, account))
    }

    pub fn judge(&self, address: IpAddr, account: Option<AccountId>) -> Result<(), Refused> {
        let refused = |rule| Refused { address, rule, embedded: None };
        match forbidden_by(address) {
            // Opening a whole subnet must not open the one address in it that hands out credentials.
            Some(Rule::Metadata) if !self.names(address, account) => return Err(refused(Rule::Metadata)),
            Some(Rule::Metadata) | None => {}
            Some(rule) if !self.allows(address, rule, account) => return Err(refused(rule)),
            Some(_) => {}
        }
        // An allowed translation prefix reaches IPv4, so what is inside is judged as well.
        match embedded(address) {
            Some(inner) => self.judge(IpAddr::V4(inner), account).map_err(|inside| Refused {
                address,
                rule: inside.rule,
                embedded: Some(inner),
            }),
            None => Ok(()),
        }
    }

    fn allows(&self, address: IpAddr, rule: Rule, account: Option<AccountId>) -> bool {
        (rule == Rule::Loopback && self.loopback)
            || self.open_to(account).any(|subnet| subnet.contains(address))
    }

    fn names(&self, address: IpAddr, account: Option<AccountId>) -> bool {
        self.open_to(account).any(|subnet| subnet.is_exactly(address))
    }

    fn open_to(&self, account: Option<AccountId>) -> impl Iterator<Item = &Subnet> {
        self.allow
            .iter()
            .filter(move |allowed| allowed.account.is_none() || allowed.account == account)
            .map(|allowed| &allowed.subnet)
    }
}

/// The IPv4 address that `address` stands for on the wire.
fn embedded(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(v6) = address else { return None };
    let low = |bits: u128| Some(Ipv4Addr::from_bits((bits & u128::from(u32::MAX)) as u32));
    let bits = v6.to_bits();
    match rule_of_v6(v6)? {
        Rule::Mapped | Rule::Compatible | Rule::Translated | Rule::Nat64 => low(bits),
        Rule::SixToFour => low(bits >> 80),
        // The client's address is written inverted.
        Rule::Teredo => low(!bits),
        _ => None,
    }
}

fn forbidden_by(address: IpAddr) -> Option<Rule> {
    if METADATA.contains(&address) {
        return Some(Rule::Metadata);
    }
    match address {
        IpAddr::V4(_) => first_match(V4, address),
        IpAddr::V6(v6) => rule_of_v6(v6),
    }
}

fn rule_of_v6(address: Ipv6Addr) -> Option<Rule> {
    let address = IpAddr::V6(address);
    let global = Subnet::v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);
    first_match(V6, address).or_else(|| (!global.contains(address)).then_some(Rule::Reserved))
}

fn first_match(table: &[(Subnet, Rule)], address: IpAddr) -> Option<Rule> {
    table.iter().find(|(subnet, _)| subnet.contains(address)).map(|(_, rule)| *rule)
}

/// Also 100.100.100.200 and fd20:ce::254, which other clouds use; 168.63.129.16 is a public address.
const METADATA: &[IpAddr] = &[
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

const V4: &[(Subnet, Rule)] = &[
    (Subnet::v4([0, 0, 0, 0], 8), Rule::Unspecified),
    (Subnet::v4([10, 0, 0, 0], 8), Rule::Private),
    (Subnet::v4([100, 64, 0, 0], 10), Rule::CarrierGradeNat),
    (Subnet::v4([127, 0, 0, 0], 8), Rule::Loopback),
    (Subnet::v4([169, 254, 0, 0], 16), Rule::LinkLocal),
    (Subnet::v4([172, 16, 0, 0], 12), Rule::Private),
    (Subnet::v4([192, 0, 0, 0], 24), Rule::Reserved),
    (Subnet::v4([192, 0, 2, 0], 24), Rule::Documentation),
    (Subnet::v4([192, 88, 99, 0], 24), Rule::SixToFour),
    (Subnet::v4([192, 168, 0, 0], 16), Rule::Private),
    (Subnet::v4([198, 18, 0, 0], 15), Rule::Benchmarking),
    (Subnet::v4([198, 51, 100, 0], 24), Rule::Documentation),
    (Subnet::v4([203, 0, 113, 0], 24), Rule::Documentation),
    (Subnet::v4([224, 0, 0, 0], 4), Rule::Multicast),
    (Subnet::v4([255, 255, 255, 255], 32), Rule::Broadcast),
    (Subnet::v4([240, 0, 0, 0], 4), Rule::Reserved),
];

/// First match holds. What is in no row and outside 2000::/3 is reserved.
const V6: &[(Subnet, Rule)] = &[
    (Subnet::v6([0, 0, 0, 0, 0, 0, 0, 0], 128), Rule::Unspecified),
    (Subnet::v6([0, 0, 0, 0, 0, 0, 0, 1], 128), Rule::Loopback),
    (Subnet::v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96), Rule::Mapped),
    (Subnet::v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96), Rule::Translated),
    (Subnet::v6([0, 0, 0, 0, 0, 0, 0, 0], 96), Rule::Compatible),
    (Subnet::v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96), Rule::Nat64),
    (Subnet::v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), Rule::Nat64),
    (Subnet::v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), Rule::Teredo),
    (Subnet::v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48), Rule::Benchmarking),
    (Subnet::v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), Rule::Reserved),
    (Subnet::v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), Rule::Documentation),
    (Subnet::v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), Rule::Documentation),
    (Subnet::v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), Rule::SixToFour),
    (Subnet::v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), Rule::UniqueLocal),
    (Subnet::v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), Rule::LinkLocal),
    (Subnet::v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), Rule::SiteLocal),
    (Subnet::v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), Rule::Multicast),
];

#[cfg(test)]
mod tests;
