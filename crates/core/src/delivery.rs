//! A delivery (one event for one subscription), its attempts, and the one function that moves it.
//!
//! `Delivery::after` is the only place where a delivery changes its state (design.md, rule 4). It is
//! pure: state, outcome, time and a seed in, the next state out. The stores apply what it says, guarded
//! by the attempt number they expect. When to try again is `retry`'s business.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::WallTime;
use crate::retry::RetryPolicy;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    Scheduled,
    Manual,
    Replay,
}

/// Why a delivery ended without arriving.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndReason {
    /// The event's time-to-live ended.
    TimeToLive,
    /// The subscription's backlog was full and this was its oldest (design.md, delivery policy).
    BacklogLimit,
    SubscriptionDeleted,
    SubscriptionExpired,
    OwnerDisabled,
    /// A reminder of an end that a renewal has put off.
    SubscriptionRenewed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    Pending { due: WallTime },
    Delivered { at: WallTime },
    Exhausted { at: WallTime, reason: EndReason },
    Cancelled { at: WallTime, reason: EndReason },
}

impl DeliveryState {
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Pending { .. })
    }
}

/// What an attempt means for its delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Delivered,
    /// The receiver failed in a way that may pass.
    Retry {
        hint: Option<Duration>,
    },
    /// The receiver said no (400, 401, 403, 404, 413): retried on the slower curve (D11).
    Refused,
    /// We were late or broken: retried at once-like pace and charged to nobody (D3).
    OurFault,
}

/// The class under which a failed attempt is counted in metrics and named in history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    Dns,
    /// The guard refused every route to the address (D5).
    Forbidden,
    Connect,
    Tls,
    Timeout,
    /// The connection broke before a complete status line and head.
    Reset,
    Redirect,
    Refused,
    Gone,
    Throttled,
    Status,
    Internal,
}

impl FailureClass {
    pub const ALL: [Self; 12] = [
        Self::Dns,
        Self::Forbidden,
        Self::Connect,
        Self::Tls,
        Self::Timeout,
        Self::Reset,
        Self::Redirect,
        Self::Refused,
        Self::Gone,
        Self::Throttled,
        Self::Status,
        Self::Internal,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Forbidden => "forbidden",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Redirect => "redirect",
            Self::Refused => "refused",
            Self::Gone => "gone",
            Self::Throttled => "throttled",
            Self::Status => "status",
            Self::Internal => "internal",
        }
    }
}

/// What one try gave, as the transport reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptReport {
    pub outcome: Outcome,
    pub status: Option<u16>,
    pub latency: Duration,
    /// The start of the answer's body, at most `limits::RESPONSE_KEPT_BYTES`.
    pub response: bytes::Bytes,
    /// `None` if delivered; else the class and a sentence that a person can act on.
    pub failure: Option<(FailureClass, String)>,
}

/// One try of a delivery, as it is recorded: append-only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u32,
    pub at: WallTime,
    pub trigger: Trigger,
    pub report: AttemptReport,
}

/// The part of a delivery that its transitions need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub state: DeliveryState,
    /// Attempts made so far that count on the retry schedule (our own faults do not).
    pub attempts: u32,
    /// Steps taken on the retry schedule; a refusal takes two.
    pub step: u32,
    pub accepted_at: WallTime,
    pub time_to_live: Duration,
}

impl Delivery {
    pub fn new(accepted_at: WallTime, time_to_live: Duration) -> Self {
        Self {
            state: DeliveryState::Pending { due: accepted_at },
            attempts: 0,
            step: 0,
            accepted_at,
            time_to_live,
        }
    }

    /// The delivery if it ends at `now` without another attempt. Terminal states stay.
    pub fn ended(self, reason: EndReason, now: WallTime) -> Self {
        if self.state.is_terminal() {
            return self;
        }
        let state = match reason {
            EndReason::TimeToLive | EndReason::BacklogLimit => DeliveryState::Exhausted { at: now, reason },
            EndReason::SubscriptionDeleted
            | EndReason::SubscriptionExpired
            | EndReason::OwnerDisabled
            | EndReason::SubscriptionRenewed => DeliveryState::Cancelled { at: now, reason },
        };
        Self { state, ..self }
    }

    pub fn has_outlived(&self, now: WallTime) -> bool {
        now >= self.accepted_at.plus(self.time_to_live)
    }

    /// The delivery after an attempt that ended at `now`. Terminal states stay.
    pub fn after(self, outcome: Outcome, policy: &RetryPolicy, now: WallTime, seed: u64) -> Self {
        if self.state.is_terminal() {
            return self;
        }
        let expires = self.accepted_at.plus(self.time_to_live);
        let attempts = self.attempts + 1;
        let (wait, step) = match outcome {
            Outcome::Delivered => {
                return Self { state: DeliveryState::Delivered { at: now }, attempts, ..self };
            }
            Outcome::Retry { hint } => {
                let scheduled = policy.delay(self.step, seed);
                (hint.map_or(scheduled, |hint| hint.max(scheduled)), self.step + 1)
            }
            Outcome::Refused => (policy.delay(self.step + 1, seed), self.step + 2),
            Outcome::OurFault => (policy.delay(0, seed), self.step),
        };
        let due = now.plus(wait);
        let state = if due >= expires {
            DeliveryState::Exhausted { at: now, reason: EndReason::TimeToLive }
        } else {
            DeliveryState::Pending { due }
        };
        Self { state, attempts, step, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_outcome() -> impl Strategy<Value = Outcome> {
        prop_oneof![
            Just(Outcome::Delivered),
            proptest::option::of(0u64..7200)
                .prop_map(|hint| Outcome::Retry { hint: hint.map(Duration::from_secs) }),
            Just(Outcome::Refused),
            Just(Outcome::OurFault),
        ]
    }

    proptest! {
        #[test]
        fn terminal_states_stay_and_a_due_time_is_within_the_time_to_live(
            outcomes in proptest::collection::vec((any_outcome(), 0i64..4_000_000, any::<u64>()), 1..60),
        ) {
            let policy = RetryPolicy::default();
            let born = WallTime(1_700_000_000_000);
            let mut delivery = Delivery::new(born, Duration::from_secs(24 * 3600));
            let mut now = born;
            for (outcome, passed, seed) in outcomes {
                now = WallTime(now.0 + passed);
                let next = delivery.after(outcome, &policy, now, seed);
                if delivery.state.is_terminal() {
                    prop_assert_eq!(next, delivery);
                }
                if let DeliveryState::Pending { due } = next.state {
                    prop_assert!(due < born.plus(delivery.time_to_live));
                    prop_assert!(due > now);
                }
                delivery = next;
            }
        }
    }

    #[test]
    fn a_refusal_takes_two_steps_and_our_own_fault_none() {
        let policy = RetryPolicy::new([1, 5, 15, 60].map(Duration::from_secs).to_vec(), 0).unwrap();
        let now = WallTime(0);
        let born = Delivery::new(now, Duration::from_secs(3600));
        let refused = born.after(Outcome::Refused, &policy, now, 0);
        assert_eq!((refused.state, refused.step), (DeliveryState::Pending { due: WallTime(5_000) }, 2));
        let refused = refused.after(Outcome::Refused, &policy, now, 0);
        assert_eq!(refused.state, DeliveryState::Pending { due: WallTime(60_000) });
        let ours = born.after(Outcome::OurFault, &policy, now, 0);
        assert_eq!((ours.state, ours.step), (DeliveryState::Pending { due: WallTime(1_000) }, 0));
    }
}
