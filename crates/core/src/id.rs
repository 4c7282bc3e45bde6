//! The names of things. Each kind of id is its own type, so that one cannot be passed for another.
//!
//! Accounts and extensions are numbers because old clients match them with `\d+` (contract.md §0).
//! A subscription has two names: the uuid that the outside sees, and a small number that rows and the
//! matching index use.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

number_id!(/** A customer of the platform. Everything belongs to exactly one. */ AccountId(u64));
number_id!(/** A user, queue or device of an account. */ ExtensionId(u64));
number_id!(/** A registered client application, by the number of its row. */ AppNo(i64));
number_id!(/** A subscription, by the number of its row; never reused. */ SubscriptionNo(i64));
number_id!(/** A filter of a subscription, by the number of its row; never reused, so that a delivery can name the text it matched. */ FilterNo(i64));
number_id!(/** An event's place in the order of acceptance, over all accounts; never reused. */ EventSeq(i64));
number_id!(/** A chat of team messaging, whatever its kind. */ ChatId(u64));
number_id!(/** A post in a chat. */ PostId(u64));
number_id!(/** An adaptive card that was posted to a chat. */ CardId(u64));
number_id!(/** An incoming webhook, by the number of its row; its name is a secret. */ HookNo(i64));

/// The name by which the outside knows a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SubscriptionId(pub Uuid);

impl fmt::Display for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One event for one subscription. `ordinal` is 0 for the delivery made at acceptance and grows with
/// each replay (and with each further notification under `notify_per_filter`, D2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryKey {
    pub event: EventSeq,
    pub subscription: SubscriptionNo,
    pub ordinal: u32,
}

impl fmt::Display for DeliveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{:x}-{:x}", self.event.0, self.subscription.0, self.ordinal)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a delivery id has the form event-subscription-ordinal in hexadecimal")]
pub struct DeliveryKeyError;

impl FromStr for DeliveryKey {
    type Err = DeliveryKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('-');
        let mut next =
            || parts.next().and_then(|part| i64::from_str_radix(part, 16).ok()).filter(|n| *n >= 0);
        let (event, subscription, ordinal) = (
            next().ok_or(DeliveryKeyError)?,
            next().ok_or(DeliveryKeyError)?,
            next().ok_or(DeliveryKeyError)?,
        );
        if parts.next().is_some() {
            return Err(DeliveryKeyError);
        }
        Ok(Self {
            event: EventSeq(event),
            subscription: SubscriptionNo(subscription),
            ordinal: u32::try_from(ordinal).map_err(|_| DeliveryKeyError)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_key_survives_its_text_and_rejects_other_text() {
        let key = DeliveryKey { event: EventSeq(0x1f2e), subscription: SubscriptionNo(7), ordinal: 2 };
        assert_eq!(key.to_string(), "1f2e-7-2");
        assert_eq!("1f2e-7-2".parse::<DeliveryKey>().unwrap(), key);
        for bad in ["", "1-2", "1-2-3-4", "x-1-1", "1-1-ffffffffff", "--1"] {
            assert!(bad.parse::<DeliveryKey>().is_err(), "{bad}");
        }
    }
}
