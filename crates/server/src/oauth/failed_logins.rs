//! Failed logins and what they cost: delays that grow, then a lock-out, for each user and for each address
//! (`core::lock_out` has the rule). While one lasts nothing is judged, not even the right password.
//!
//! A user's failures are kept in the store. Those of addresses, and of names that nobody has, are kept
//! here, bounded, until a restart: a name that does not exist must not answer otherwise than one that does.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use hookswitch_core::clock::WallTime;
use hookswitch_core::id::ExtensionId;
use hookswitch_core::limits::REMEMBERED_FAILURES;
use hookswitch_core::lock_out::{Failures, LockOut};
use hookswitch_store::directory::{LoginRecord, TokenHash};
use parking_lot::Mutex;

use super::password::Attempt;
use super::problem::OAuthError;
use crate::authenticate::hash_token;
use crate::config::Settings;
use crate::state::Front;

#[derive(Default)]
pub(crate) struct FailedLogins {
    known: Mutex<HashMap<Whose, Failures>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Whose {
    Address(IpAddr),
    /// A name that nobody has.
    Name(TokenHash),
}

impl FailedLogins {
    fn of(&self, whose: Whose) -> Failures {
        self.known.lock().get(&whose).copied().unwrap_or_default()
    }

    fn note(&self, whose: Whose, rule: LockOut, now: WallTime) {
        let mut known = self.known.lock();
        if known.len() >= REMEMBERED_FAILURES {
            known.retain(|_, failures| failures.blocked_for(now).is_some());
        }
        if known.len() >= REMEMBERED_FAILURES {
            known.clear();
        }
        let before = known.get(&whose).copied().unwrap_or_default();
        known.insert(whose, rule.after_failure(before, now));
    }

    fn forget(&self, whose: Whose) {
        self.known.lock().remove(&whose);
    }
}

/// One attempt to log in with a password, from the judgement whether it may be made to its outcome.
pub(super) struct Trial<'a> {
    front: &'a Front,
    address: IpAddr,
    name: Whose,
    user: Option<(ExtensionId, Failures)>,
    now: WallTime,
}

impl<'a> Trial<'a> {
    pub(super) fn new(front: &'a Front, attempt: &Attempt<'_>, user: Option<&LoginRecord>) -> Self {
        let name = format!("{}*{}", attempt.name, attempt.extension.unwrap_or_default()).to_lowercase();
        Self {
            front,
            address: household(attempt.from.0),
            name: Whose::Name(hash_token(&name)),
            user: user.map(|user| (user.extension.id, user.failures)),
            now: front.handles.now(),
        }
    }

    /// An error while the user or the address is locked out.
    pub(super) fn begin(&self) -> Result<(), OAuthError> {
        let of_user = match self.user {
            Some((_, failures)) => failures,
            None => self.front.failed_logins.of(self.name),
        };
        let of_address = self.front.failed_logins.of(Whose::Address(self.address));
        match of_user.blocked_for(self.now).max(of_address.blocked_for(self.now)) {
            Some(left) => Err(locked_out(self.front, left)),
            None => Ok(()),
        }
    }

    pub(super) async fn failed(self) -> Result<(), OAuthError> {
        let settings = &self.front.settings;
        if let Some(rule) = rule_of_addresses(settings) {
            self.front.failed_logins.note(Whose::Address(self.address), rule, self.now);
        }
        let rule = rule_of_users(settings);
        match self.user {
            Some((extension, _)) => {
                self.front.directory.login_failed(extension, rule, self.now).await?;
            }
            None => self.front.failed_logins.note(self.name, rule, self.now),
        }
        Ok(())
    }

    /// The user's failures are forgotten. Those of the address stay: one good password must not pay for
    /// guessing others.
    pub(super) async fn succeeded(self) -> Result<(), OAuthError> {
        self.front.failed_logins.forget(self.name);
        if let Some((extension, _)) = self.user.filter(|(_, failures)| *failures != Failures::default()) {
            self.front.directory.forget_failed_logins(extension).await?;
        }
        Ok(())
    }
}

fn locked_out(front: &Front, left: Duration) -> OAuthError {
    // Rounded up, so that who obeys is not a moment too early.
    let seconds = left.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX);
    let wait = format!("Too many failed logins; please try again in {seconds} s");
    let error = match front.identity {
        Some(_) => OAuthError::invalid_grant("OAU-148", format!("{wait}, or use single sign-on")),
        None => OAuthError::invalid_grant("OAU-147", wait),
    };
    error.with_retry_after(seconds)
}

fn rule_of_users(settings: &Settings) -> LockOut {
    let sessions = &settings.sessions;
    LockOut {
        free: sessions.failed_logins_free,
        first_delay: sessions.failed_login_delay,
        lock_after: sessions.lock_out_after,
        lock_for: sessions.lock_out,
    }
}

/// No delays before the lock-out: many people may share an address.
fn rule_of_addresses(settings: &Settings) -> Option<LockOut> {
    let most = settings.lock_out_address_after()?;
    let lock_for = settings.sessions.lock_out;
    Some(LockOut { free: most, first_delay: lock_for, lock_after: most, lock_for })
}

/// An IPv6 network hands whole blocks of addresses to one customer.
fn household(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_many_addresses_fail_the_table_stays_bounded() {
        let failed = FailedLogins::default();
        let rule = rule_of_users(&Settings::default());
        for number in 0..3 * REMEMBERED_FAILURES {
            let address = IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
            failed.note(Whose::Address(address), rule, WallTime(0));
        }
        assert!(failed.known.lock().len() <= REMEMBERED_FAILURES);
    }

    #[test]
    fn a_network_of_a_customer_counts_as_one_address() {
        let of = |text: &str| household(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
