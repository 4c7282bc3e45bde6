//! How long a subscription lives, and what a PUT does to it (D1).
//!
//! Pure arithmetic: what was asked for goes in, what is granted comes out. Reminders are `reminder`'s
//! business, the wire form of `expiresIn` the server's.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A conference endpoint has no end; this is as good as none.
pub const OF_A_CONFERENCE_ENDPOINT: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// The lifetimes of one transport: those of the product (contract.md §3.5), or what an operator's settings
/// say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Whoever asks for less gets this.
    pub shortest: Duration,
    /// Granted when nothing is asked for.
    pub default: Duration,
    /// Whoever asks for more gets this: bots ask for 15 years and must not be refused.
    pub longest: Duration,
}

impl Lifetimes {
    pub const WEBHOOK: Self = Self {
        shortest: Duration::from_secs(1),
        default: Duration::from_secs(604_800),
        longest: Duration::from_secs(315_360_000),
    };

    /// Clients renew two minutes before the end, so it must be further away than that.
    pub const PUBNUB: Self = Self {
        shortest: Duration::from_secs(121),
        default: Duration::from_secs(900),
        longest: Duration::from_secs(604_800),
    };

    /// As long as a socket may live; what is asked for says nothing.
    pub const WEBSOCKET: Self = Self {
        shortest: Duration::from_secs(86_400),
        default: Duration::from_secs(86_400),
        longest: Duration::from_secs(86_400),
    };

    /// RC/APNS and RC/GCM.
    pub const MOBILE_PUSH: Self = Self {
        shortest: Duration::from_secs(1),
        default: Duration::from_secs(2_592_000),
        longest: Duration::from_secs(7_776_000),
    };

    pub fn grant(&self, asked: Option<Duration>) -> Duration {
        asked.unwrap_or(self.default).max(self.shortest).min(self.longest)
    }
}

/// Whether a PUT that brings other filters also renews (D1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PutSemantics {
    /// As seed 001 has it: other filters leave the expiry.
    #[default]
    Seed,
    /// As today's hosted platform does it; also every PUT over a WebSocket.
    AlwaysRenew,
}

/// The filters in the body of a PUT, compared with those that the subscription has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutFilters {
    Absent,
    /// The same set, in any order and spelling.
    Same,
    Other,
}

/// What a PUT does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PutEffect {
    pub replaces_filters: bool,
    /// `Some`: the lifetime becomes this and starts anew now. `None`: lifetime and expiry stay.
    pub renewed_for: Option<Duration>,
}

/// The meaning of a PUT (D1). `asked` is the `expiresIn` of its body, granted already; `present` the
/// lifetime that the subscription has.
pub fn effect_of_put(
    filters: PutFilters,
    asked: Option<Duration>,
    present: Duration,
    semantics: PutSemantics,
) -> PutEffect {
    let replaces_filters = filters == PutFilters::Other;
    let renews = !replaces_filters || semantics == PutSemantics::AlwaysRenew;
    PutEffect { replaces_filters, renewed_for: asked.or(renews.then_some(present)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PRESENT: Duration = Duration::from_secs(100_000);
    const ASKED: Duration = Duration::from_secs(3_600);

    #[test]
    fn each_form_of_a_put_does_what_d1_says() {
        use PutFilters::{Absent, Other, Same};
        use PutSemantics::{AlwaysRenew, Seed};
        let rows = [
            (Absent, None, Seed, false, Some(PRESENT)),
            (Same, None, Seed, false, Some(PRESENT)),
            (Other, None, Seed, true, None),
            (Absent, Some(ASKED), Seed, false, Some(ASKED)),
            (Same, Some(ASKED), Seed, false, Some(ASKED)),
            (Other, Some(ASKED), Seed, true, Some(ASKED)),
            (Absent, None, AlwaysRenew, false, Some(PRESENT)),
            (Same, None, AlwaysRenew, false, Some(PRESENT)),
            (Other, None, AlwaysRenew, true, Some(PRESENT)),
            (Other, Some(ASKED), AlwaysRenew, true, Some(ASKED)),
        ];
        for (filters, asked, semantics, replaces_filters, renewed_for) in rows {
            assert_eq!(
                effect_of_put(filters, asked, PRESENT, semantics),
                PutEffect { replaces_filters, renewed_for },
                "{filters:?} {asked:?} {semantics:?}"
            );
        }
    }

    #[test]
    fn a_webhook_gets_seven_days_unless_it_asks_and_never_more_than_ten_years() {
        let webhook = Lifetimes::WEBHOOK;
        assert_eq!(webhook.grant(None), Duration::from_secs(604_800));
        assert_eq!(webhook.grant(Some(PRESENT)), PRESENT);
        assert_eq!(webhook.grant(Some(Duration::from_secs(473_040_000))), Duration::from_secs(315_360_000));
    }

    #[test]
    fn each_transport_has_the_default_and_the_bounds_of_its_clients() {
        let rows = [
            // asked, webhook, PubNub, WebSocket, mobile push
            (None, 604_800, 900, 86_400, 2_592_000),
            (Some(60), 60, 121, 86_400, 60),
            (Some(3_600), 3_600, 3_600, 86_400, 3_600),
            (Some(2_591_999), 2_591_999, 604_800, 86_400, 2_591_999),
            (Some(630_720_000), 315_360_000, 604_800, 86_400, 7_776_000),
        ];
        for (asked, webhook, pubnub, websocket, push) in rows {
            let asked = asked.map(Duration::from_secs);
            let granted =
                [Lifetimes::WEBHOOK, Lifetimes::PUBNUB, Lifetimes::WEBSOCKET, Lifetimes::MOBILE_PUSH]
                    .map(|lifetimes| lifetimes.grant(asked).as_secs());
            assert_eq!(granted, [webhook, pubnub, websocket, push], "{asked:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_asked_for_within_the_maximum_is_what_is_granted(
            asked in 1u64..1_000_000_000, default in 1u64..1_000_000, above in 0u64..1_000_000_000,
        ) {
            let lifetimes = Lifetimes {
                shortest: Duration::from_secs(1),
                default: Duration::from_secs(default),
                longest: Duration::from_secs(default + above),
            };
            let granted = lifetimes.grant(Some(Duration::from_secs(asked)));
            prop_assert!(granted <= lifetimes.longest);
            prop_assert_eq!(granted == Duration::from_secs(asked), asked <= default + above);
        }
    }
}
