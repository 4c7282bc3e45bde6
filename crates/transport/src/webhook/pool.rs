//! An endpoint's open connections that wait for their next request, last used first.
//!
//! The last used one is the least likely to be closed by the peer, and using few keeps few open. How many
//! there can be is bounded by how many requests the caller has under way at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use hookswitch_core::clock::{Clock, MonoTime};
use parking_lot::Mutex;

use super::dial::Connection;
use super::http1::is_quiet;

pub(crate) struct Pool {
    rules: Arc<PoolRules>,
    state: Mutex<State>,
}

/// What all pools of a transport share.
pub(crate) struct PoolRules {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) idle_for: Duration,
    pub(crate) connection_age: Duration,
    pub(crate) idle_at_most: usize,
    /// Over all pools.
    pub(crate) idle: AtomicUsize,
}

#[derive(Default)]
struct State {
    /// The last is the last used.
    idle: Vec<Idle>,
    /// A task is there that closes what is unused for too long.
    swept: bool,
}

struct Idle {
    connection: Connection,
    since: MonoTime,
}

impl Pool {
    pub(crate) fn new(rules: Arc<PoolRules>) -> Arc<Self> {
        Arc::new(Self { rules, state: Mutex::default() })
    }

    /// The last used connection that is still open.
    pub(crate) fn take(&self) -> Option<Connection> {
        let mut state = self.state.lock();
        while let Some(Idle { mut connection, .. }) = state.idle.pop() {
            self.rules.idle.fetch_sub(1, Ordering::Relaxed);
            if is_quiet(&mut connection.wire) {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection whose last answer was read to its end, if it is young enough.
    pub(crate) fn put(self: &Arc<Self>, connection: Connection) {
        let now = self.rules.clock.monotonic();
        if now.since(connection.opened_at) > self.rules.connection_age {
            return;
        }
        if self.rules.idle.fetch_add(1, Ordering::Relaxed) >= self.rules.idle_at_most {
            self.rules.idle.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        let mut state = self.state.lock();
        state.idle.push(Idle { connection, since: now });
        if !std::mem::replace(&mut state.swept, true) {
            let clock = Arc::clone(&self.rules.clock);
            tokio::spawn(sweep(Arc::downgrade(self), clock, now.plus(self.rules.idle_for)));
        }
    }

    /// Closes what is unused for too long. When to look again, or `None` if nothing is left.
    fn close_unused(&self) -> Option<MonoTime> {
        let now = self.rules.clock.monotonic();
        let mut state = self.state.lock();
        let fresh = |idle: &mut Idle| {
            now < idle.since.plus(self.rules.idle_for) && is_quiet(&mut idle.connection.wire)
        };
        let before = state.idle.len();
        state.idle.retain_mut(fresh);
        self.rules.idle.fetch_sub(before - state.idle.len(), Ordering::Relaxed);
        let next = state.idle.first().map(|oldest| oldest.since.plus(self.rules.idle_for));
        state.swept = next.is_some();
        next
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.rules.idle.fetch_sub(self.state.get_mut().idle.len(), Ordering::Relaxed);
    }
}

/// One for each pool that has something to sweep; it does not keep the pool.
async fn sweep(pool: Weak<Pool>, clock: Arc<dyn Clock>, first: MonoTime) {
    let mut at = first;
    loop {
        clock.sleep_until(at).await;
        match pool.upgrade().and_then(|pool| pool.close_unused()) {
            Some(next) => at = next,
            None => return,
        }
    }
}
