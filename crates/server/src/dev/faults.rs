//! Faults on demand, in development mode: calls and deliveries that fail, come late, get lost or come twice,
//! as on a bad day of the hosted platform.
//!
//! A fault says what it is for and how often; whoever is about to answer or to send asks for one here.
//! `hookswitch::dev` is where they are asked for over HTTP, `headers` and `faulty_transport` play them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hookswitch_core::id::AccountId;
use http::{Method, StatusCode};
use parking_lot::Mutex;

/// Faults that wait to be played.
pub const AT_MOST: usize = 1_000;
/// The controls themselves always work, so that a fault can be taken back.
const CONTROLS: &str = "/hookswitch/v1/dev/";

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A call is answered with this status and not carried out; a delivery is not sent, as if its receiver
    /// had answered so.
    Fail { status: StatusCode, retry_after: Option<u64> },
    /// A call is carried out, a delivery sent, so much later; neither's time limit runs meanwhile.
    Delay(Duration),
    /// A call is not carried out and its connection closed without an answer; a delivery gets lost and
    /// counts as delivered.
    Drop,
    /// A call is carried out twice, and the second answer given; a delivery is sent twice.
    Repeat,
}

/// What it happens to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Victim {
    Call {
        /// `None`: any.
        method: Option<Method>,
        /// A path, or its beginning and a `*`. `None`: any.
        path: Option<String>,
    },
    Delivery {
        /// Those of this account to this address. `None`: any.
        to: Option<(AccountId, String)>,
    },
}

#[derive(Clone, Debug)]
pub struct Fault {
    pub id: u64,
    pub victim: Victim,
    pub action: Action,
    /// How often it is still to happen.
    pub left: u32,
}

/// Those that wait, in the order they were asked for; of several that fit, the first is played.
#[derive(Default)]
pub struct Faults {
    waiting: Mutex<Waiting>,
    /// So that nobody takes a lock while there are none.
    count: AtomicUsize,
}

#[derive(Default)]
struct Waiting {
    faults: Vec<Fault>,
    last_id: u64,
}

impl Faults {
    /// `None` if too many wait already.
    pub fn add(&self, victim: Victim, action: Action, times: u32) -> Option<Fault> {
        let mut waiting = self.waiting.lock();
        if waiting.faults.len() >= AT_MOST {
            return None;
        }
        waiting.last_id += 1;
        let fault = Fault { id: waiting.last_id, victim, action, left: times };
        waiting.faults.push(fault.clone());
        self.count.store(waiting.faults.len(), Ordering::Relaxed);
        Some(fault)
    }

    pub fn list(&self) -> Vec<Fault> {
        self.waiting.lock().faults.clone()
    }

    pub fn clear(&self) {
        self.waiting.lock().faults.clear();
        self.count.store(0, Ordering::Relaxed);
    }

    /// What is to happen to this call.
    pub fn of_call(&self, method: &Method, path: &str) -> Option<Action> {
        if path.starts_with(CONTROLS) {
            return None;
        }
        self.take(|victim| match victim {
            Victim::Call { method: wanted, path: pattern } => {
                wanted.as_ref().is_none_or(|wanted| wanted == method)
                    && pattern.as_deref().is_none_or(|pattern| fits(pattern, path))
            }
            Victim::Delivery { .. } => false,
        })
    }

    /// What is to happen to this delivery.
    pub fn of_delivery(&self, account: AccountId, address: &str) -> Option<Action> {
        self.take(|victim| match victim {
            Victim::Delivery { to } => {
                to.as_ref().is_none_or(|(owner, wanted)| *owner == account && wanted == address)
            }
            Victim::Call { .. } => false,
        })
    }

    fn take(&self, is_meant: impl Fn(&Victim) -> bool) -> Option<Action> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut waiting = self.waiting.lock();
        let at = waiting.faults.iter().position(|fault| is_meant(&fault.victim))?;
        let fault = &mut waiting.faults[at];
        let action = fault.action;
        fault.left = fault.left.saturating_sub(1);
        if fault.left == 0 {
            waiting.faults.remove(at);
            self.count.store(waiting.faults.len(), Ordering::Relaxed);
        }
        Some(action)
    }
}

fn fits(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => path.starts_with(beginning),
        None => path == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAIL: Action = Action::Fail { status: StatusCode::SERVICE_UNAVAILABLE, retry_after: None };

    #[test]
    fn a_fault_happens_as_often_as_asked_to_what_it_is_for() {
        let faults = Faults::default();
        let path = Some("/restapi/v1.0/*".to_owned());
        faults.add(Victim::Call { method: Some(Method::POST), path }, FAIL, 2).unwrap();
        faults.add(Victim::Call { method: None, path: None }, Action::Drop, 1).unwrap();
        let call = |method: Method, path: &str| faults.of_call(&method, path);
        assert_eq!(call(Method::POST, "/hookswitch/v1/dev/faults"), None, "the controls work");
        assert_eq!(faults.of_delivery(AccountId(1), "http://x/"), None);
        assert_eq!(call(Method::POST, "/restapi/v1.0/subscription"), Some(FAIL));
        assert_eq!(call(Method::GET, "/restapi/v1.0/subscription"), Some(Action::Drop));
        assert_eq!(call(Method::GET, "/restapi/v1.0/subscription"), None);
        assert_eq!(faults.list().len(), 1);
        assert_eq!(call(Method::POST, "/restapi/v1.0/subscription"), Some(FAIL));
        assert!(faults.list().is_empty());
    }

    #[test]
    fn a_fault_of_one_address_leaves_the_others_and_other_accounts_alone() {
        let faults = Faults::default();
        let to = Some((AccountId(1), "http://x/".to_owned()));
        faults.add(Victim::Delivery { to }, Action::Repeat, 5).unwrap();
        assert_eq!(faults.of_delivery(AccountId(1), "http://y/"), None);
        assert_eq!(faults.of_delivery(AccountId(2), "http://x/"), None);
        assert_eq!(faults.of_delivery(AccountId(1), "http://x/"), Some(Action::Repeat));
        faults.clear();
        assert_eq!(faults.of_delivery(AccountId(1), "http://x/"), None);
    }

    #[test]
    fn the_number_of_faults_is_bounded() {
        let faults = Faults::default();
        let any = || Victim::Delivery { to: None };
        for _ in 0..AT_MOST {
            assert!(faults.add(any(), Action::Drop, 1).is_some());
        }
        assert!(faults.add(any(), Action::Drop, 1).is_none());
    }
}
