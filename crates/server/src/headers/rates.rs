//! Rate limits: how many calls of a group a user may make with an app in sliding 60 seconds, and the
//! penalty for more: no call at all until 60 seconds have passed without one.
//!
//! Exact and in memory; a restart forgets. Off unless the operator sets `rate_limits.enforce`. Calls with
//! a token are charged at the front door, logins and the like where it is known whose they are.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use hookswitch_core::clock::MonoTime;
use hookswitch_core::id::{AppNo, ExtensionId};
use hookswitch_core::limits::COUNTED_CALLERS;
use http::{Request, StatusCode};
use parking_lot::Mutex;

use super::rate_group::RateGroup;
use crate::authenticate;
use crate::principal::Principal;
use crate::problem::ApiError;
use crate::state::Front;

const WINDOW: Duration = Duration::from_secs(60);
const PENALTY: Duration = Duration::from_secs(60);

/// Who calls; without an extension an app by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Spender {
    pub(crate) extension: Option<ExtensionId>,
    pub(crate) app: AppNo,
}

/// What a charge left, for the headers of the answer. A handler that charges finds it on its request.
/// Nothing is kept, and nothing allocated, where no limit is enforced.
#[derive(Clone, Default)]
pub(crate) struct Left(Option<Arc<Mutex<Option<u32>>>>);

/// The calls of the last minute.
#[derive(Default)]
pub(crate) struct Rates {
    callers: Mutex<HashMap<(Spender, RateGroup), Calls>>,
}

#[derive(Default)]
struct Calls {
    /// When, oldest first; never more than the limit.
    made: VecDeque<MonoTime>,
    barred_until: Option<MonoTime>,
}

impl Left {
    pub(super) fn kept() -> Self {
        Self(Some(Arc::default()))
    }

    pub(super) fn get(&self) -> Option<u32> {
        self.0.as_ref().and_then(|left| *left.lock())
    }

    fn set(&self, calls: u32) {
        if let Some(left) = &self.0 {
            *left.lock() = Some(calls);
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Left {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

/// Charges a call that brings a user's token. What else is wrong with it is for its handler to say.
pub(super) async fn admit(
    front: &Front,
    group: Option<RateGroup>,
    request: &mut Request<Body>,
    left: &Left,
) -> Result<(), ApiError> {
    let Some(group) = group.filter(|_| front.settings.rate_limits.enforce) else { return Ok(()) };
    request.extensions_mut().insert(left.clone());
    if group == RateGroup::Auth {
        return Ok(());
    }
    let Ok(token) = authenticate::bearer(request.headers()) else { return Ok(()) };
    let spender = match authenticate::of_token(front, token).await {
        Ok(Principal::User(user)) => Spender { extension: Some(user.extension), app: user.app },
        Ok(Principal::App(app)) => Spender { extension: None, app },
        _ => return Ok(()),
    };
    charge(front, spender, group, left)
}

/// Charges a call that is about tokens.
pub(crate) fn charge_auth(front: &Front, spender: Spender, left: &Left) -> Result<(), ApiError> {
    if front.settings.rate_limits.enforce { charge(front, spender, RateGroup::Auth, left) } else { Ok(()) }
}

fn charge(front: &Front, spender: Spender, group: RateGroup, left: &Left) -> Result<(), ApiError> {
    let limit = group.limit(&front.settings.rate_limits);
    let rest = front.rates.spend(spender, group, limit, front.handles.monotonic());
    left.set(rest.unwrap_or(0));
    if rest.is_some() { Ok(()) } else { Err(exceeded(limit)) }
}

fn exceeded(limit: u32) -> ApiError {
    let seconds = PENALTY.as_secs();
    let message = format!(
        "Request rate exceeded: {limit} calls a minute; please come back after {seconds} s without a call"
    );
    let mut error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "CMN-301", message);
    error.retry_after_seconds = Some(seconds);
    error
}

impl Rates {
    /// How many more calls may follow; `None`: this was one too many.
    fn spend(&self, spender: Spender, group: RateGroup, limit: u32, now: MonoTime) -> Option<u32> {
        let mut callers = self.callers.lock();
        if callers.len() >= COUNTED_CALLERS && !callers.contains_key(&(spender, group)) {
            make_room(&mut callers, now);
        }
        let calls = callers.entry((spender, group)).or_default();
        while calls.made.front().is_some_and(|made| now.since(*made) >= WINDOW) {
            calls.made.pop_front();
        }
        let barred = calls.barred_until.is_some_and(|until| now < until);
        let used = u32::try_from(calls.made.len()).unwrap_or(u32::MAX);
        if barred || used >= limit {
            calls.barred_until = Some(now.plus(PENALTY));
            return None;
        }
        calls.barred_until = None;
        calls.made.push_back(now);
        Some(limit - used - 1)
    }
}

/// Forgets who has not called for a minute; if all have, somebody.
fn make_room(callers: &mut HashMap<(Spender, RateGroup), Calls>, now: MonoTime) {
    let recent = |calls: &Calls| {
        calls.barred_until.is_some_and(|until| now < until)
            || calls.made.back().is_some_and(|made| now.since(*made) < WINDOW)
    };
    callers.retain(|_, calls| recent(calls));
    if callers.len() >= COUNTED_CALLERS {
        // Half of them, so that this is not done for every call.
        let mut keep = false;
        callers.retain(|_, _| {
            keep = !keep;
            keep
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: Spender = Spender { extension: Some(ExtensionId(1)), app: AppNo(1) };

    fn second(count: u64) -> MonoTime {
        MonoTime(0).plus(Duration::from_secs(1000 + count))
    }

    #[test]
    fn a_budget_slides_with_the_last_sixty_seconds() {
        let rates = Rates::default();
        let spend = |at| rates.spend(ADA, RateGroup::Light, 3, second(at));
        assert_eq!([spend(0), spend(10), spend(20)], [Some(2), Some(1), Some(0)]);
        assert_eq!(spend(60), Some(0), "the call of second 0 is a minute old");
        assert_eq!(spend(70), Some(0));
    }

    #[test]
    fn one_call_too_many_bars_and_every_call_while_barred_begins_the_penalty_anew() {
        let rates = Rates::default();
        let spend = |at| rates.spend(ADA, RateGroup::Auth, 1, second(at));
        assert_eq!(spend(0), Some(0));
        assert_eq!(spend(1), None);
        assert_eq!(spend(60), None, "the window is empty, but the penalty lasts until 61");
        assert_eq!(spend(119), None, "and now until 120");
        assert_eq!(spend(179), Some(0));
    }

    #[test]
    fn users_apps_and_groups_have_budgets_of_their_own() {
        let rates = Rates::default();
        let spend = |spender, group| rates.spend(spender, group, 1, second(0));
        assert_eq!(spend(ADA, RateGroup::Light), Some(0));
        assert_eq!(spend(ADA, RateGroup::Medium), Some(0));
        assert_eq!(spend(Spender { app: AppNo(2), ..ADA }, RateGroup::Light), Some(0));
        assert_eq!(spend(Spender { extension: None, ..ADA }, RateGroup::Light), Some(0));
        assert_eq!(spend(ADA, RateGroup::Light), None);
    }

    #[test]
    fn however_many_callers_come_the_table_stays_bounded() {
        let rates = Rates::default();
        for number in 0..3 * COUNTED_CALLERS as u64 {
            let spender = Spender { extension: Some(ExtensionId(number)), app: AppNo(1) };
            rates.spend(spender, RateGroup::Light, 5, second(0));
        }
        assert!(rates.callers.lock().len() <= COUNTED_CALLERS);
    }
}
