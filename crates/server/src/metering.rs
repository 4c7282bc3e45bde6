//! What accounts use in a day, kept, and the quotas that bound it.
//!
//! The engine counts what became durable; the counts are written down a second after the first of them,
//! before they are read, and when the server stops. So `kill -9` loses at most a second of counting (never
//! an event), everything else nothing. Quotas are checked before a request goes to the engine: what it
//! asks for is counted in at once and given back if it is not stored, so requests that come together
//! cannot go beyond. Deliveries are known only afterwards; their quota refuses what comes after it is used up.
//! Where nobody has a quota, publishing asks nothing here.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hookswitch_core::clock::{Handles, WallTime};
use hookswitch_core::id::AccountId;
use hookswitch_engine::usage::{AccountDay, Counts, Usage};
use hookswitch_store::StoreError;
use hookswitch_store::provisioning::{Provisioning, Quotas, UsageQuery, UsageRow};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// Counts wait at most this long in memory.
const KEPT_WITHIN: Duration = Duration::from_secs(1);
/// After a failure to write them.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// Rows of one transaction.
const ROWS_AT_ONCE: usize = 200;
/// Days that are kept.
const DAYS_KEPT: i64 = 400;
const FORGOTTEN_AT_ONCE: usize = 500;
const PAGE: usize = 1000;

pub struct Metering {
    store: Arc<dyn Provisioning>,
    usage: Usage,
    handles: Handles,
    default: Quotas,
    /// Whether anybody has a quota.
    bounded: AtomicBool,
    state: Mutex<State>,
    /// Writing is one at a time, so that who waits for it knows that everything is written.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    quotas: HashMap<AccountId, Quotas>,
    day: i64,
    /// Of this day, as far as it is written.
    written: HashMap<AccountId, Counts>,
    /// Of this day, with what is on its way; events and bytes only. Made when an account is first asked about.
    admitted: HashMap<AccountId, Counts>,
}

/// What a request was counted in for, an account and its bytes for each entry; empty where nobody counts.
#[must_use]
#[derive(Debug, Default)]
pub struct Admission {
    day: i64,
    entries: Vec<(AccountId, u64)>,
}

/// A quota that a request would exceed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded {
    pub account: AccountId,
    /// As the account has it: `eventsPerDay`.
    pub quota: &'static str,
    pub limit: u64,
    pub used: u64,
    /// Until the next day begins.
    pub retry_after: Duration,
}

impl Metering {
    /// Reads the quotas and what was used today.
    pub async fn start(
        store: Arc<dyn Provisioning>,
        usage: Usage,
        handles: Handles,
        default: Quotas,
    ) -> Result<Self, StoreError> {
        let mut state = State { day: handles.now().utc_day(), ..State::default() };
        let mut after = None;
        loop {
            let page = store.accounts(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.account.id);
            let bounded = page.iter().filter(|entry| entry.quotas != Quotas::default());
            state.quotas.extend(bounded.map(|entry| (entry.account.id, entry.quotas)));
        }
        let mut query =
            UsageQuery { account: None, from: state.day, to: state.day, after: None, limit: PAGE };
        loop {
            let page = store.usage(query).await?;
            let Some(last) = page.last() else { break };
            query.after = Some((last.day, last.account));
            state.written.extend(page.iter().map(|row| (row.account, counts(row))));
        }
        let bounded = AtomicBool::new(default != Quotas::default() || !state.quotas.is_empty());
        let (state, writing) = (Mutex::new(state), tokio::sync::Mutex::default());
        Ok(Self { store, usage, handles, default, bounded, state, writing })
    }

    /// Writes counts down until the server stops.
    pub async fn run(self: Arc<Self>, stopping: CancellationToken) {
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                () = self.usage.counted() => {}
            }
            let mut wait = KEPT_WITHIN;
            loop {
                tokio::select! {
                    () = stopping.cancelled() => return,
                    () = self.handles.sleep(wait) => {}
                }
                match self.write_down().await {
                    Ok(()) => break,
                    Err(error) => {
                        tracing::error!(
                            error = &error as &dyn std::error::Error,
                            "usage could not be written down"
                        );
                        wait = AFTER_FAILURE;
                    }
                }
            }
        }
    }

    /// Everything that was counted before is in the store when this returns.
    pub async fn write_down(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.writing.lock().await;
        let (mut left, new_day) = self.take();
        while let Some(slice) = slice_of(&mut left) {
            let rows = slice.iter().map(|(of, counts)| row(*of, *counts)).collect();
            if let Err(error) = self.store.add_usage(rows).await {
                left.extend(slice);
                self.give_back(left);
                return Err(error);
            }
        }
        if new_day {
            let oldest = self.handles.now().utc_day() - DAYS_KEPT;
            self.store.forget_usage(oldest, FORGOTTEN_AT_ONCE).await?;
        }
        Ok(())
    }

    fn take(&self) -> (HashMap<AccountDay, Counts>, bool) {
        let mut state = self.state.lock();
        let new_day = state.turn(self.handles.now());
        let taken = self.usage.take();
        for ((account, day), counts) in &taken {
            if *day == state.day {
                state.written.entry(*account).or_default().add(*counts);
            }
        }
        (taken, new_day)
    }

    fn give_back(&self, counts: HashMap<AccountDay, Counts>) {
        let mut state = self.state.lock();
        for ((account, day), counts) in &counts {
            if *day == state.day
                && let Some(written) = state.written.get_mut(account)
            {
                written.remove(*counts);
            }
        }
        self.usage.put_back(counts);
    }

    /// Quotas of an account as they are from now on; `None`: it is no more.
    pub fn set_quotas(&self, account: AccountId, quotas: Option<Quotas>) {
        let mut state = self.state.lock();
        match quotas.filter(|quotas| *quotas != Quotas::default()) {
            Some(quotas) => state.quotas.insert(account, quotas),
            None => state.quotas.remove(&account),
        };
        state.admitted.remove(&account);
        let bounded = self.default != Quotas::default() || !state.quotas.is_empty();
        self.bounded.store(bounded, Ordering::Relaxed);
    }

    /// Counts a request in, or says which quota it would exceed. To be settled in either case of its end.
    pub fn admit(&self, entries: impl Iterator<Item = (AccountId, u64)>) -> Result<Admission, Exceeded> {
        if !self.bounded.load(Ordering::Relaxed) {
            return Ok(Admission::default());
        }
        let entries: Vec<(AccountId, u64)> = entries.collect();
        let mut wanted: HashMap<AccountId, Counts> = HashMap::new();
        for (account, bytes) in &entries {
            wanted.entry(*account).or_default().add(Counts { events: 1, deliveries: 0, bytes: *bytes });
        }
        let now = self.handles.now();
        let mut state = self.state.lock();
        state.turn(now);
        for (account, wanted) in &wanted {
            self.check(&mut state, *account, *wanted, now)?;
        }
        for (account, wanted) in wanted {
            if let Some(admitted) = state.admitted.get_mut(&account) {
                admitted.add(wanted);
            }
        }
        Ok(Admission { day: state.day, entries })
    }

    fn check(
        &self,
        state: &mut State,
        account: AccountId,
        wanted: Counts,
        now: WallTime,
    ) -> Result<(), Exceeded> {
        let quotas = state.quotas.get(&account).copied().unwrap_or_default();
        let mut used = state.written.get(&account).copied().unwrap_or_default();
        used.add(self.usage.waiting((account, state.day)));
        let admitted = *state.admitted.entry(account).or_insert(used);
        let bounds = [
            ("eventsPerDay", quotas.events.or(self.default.events), admitted.events, wanted.events),
            ("bytesPerDay", quotas.bytes.or(self.default.bytes), admitted.bytes, wanted.bytes),
            ("deliveriesPerDay", quotas.deliveries.or(self.default.deliveries), used.deliveries, 1),
        ];
        for (quota, limit, used, wanted) in bounds {
            if let Some(limit) = limit
                && used.saturating_add(wanted) > limit
            {
                let retry_after = WallTime::midnight(state.day + 1).since(now);
                return Err(Exceeded { account, quota, limit, used, retry_after });
            }
        }
        Ok(())
    }

    /// Gives back what was not stored: the entries for which `stored` says so.
    pub fn settle(&self, admission: &Admission, stored: impl Fn(usize) -> bool) {
        if admission.entries.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        if state.day != admission.day {
            return;
        }
        for (index, (account, bytes)) in admission.entries.iter().enumerate() {
            if !stored(index)
                && let Some(admitted) = state.admitted.get_mut(account)
            {
                admitted.remove(Counts { events: 1, deliveries: 0, bytes: *bytes });
            }
        }
    }
}

impl State {
    /// Begins a new day if there is one, and says so.
    fn turn(&mut self, now: WallTime) -> bool {
        let day = now.utc_day();
        if day == self.day {
            return false;
        }
        self.day = day;
        self.written.clear();
        self.admitted.clear();
        true
    }
}

fn slice_of(left: &mut HashMap<AccountDay, Counts>) -> Option<Vec<(AccountDay, Counts)>> {
    let some: Vec<AccountDay> = left.keys().take(ROWS_AT_ONCE).copied().collect();
    let slice: Vec<_> = some.into_iter().filter_map(|of| left.remove_entry(&of)).collect();
    (!slice.is_empty()).then_some(slice)
}

fn row((account, day): AccountDay, counts: Counts) -> UsageRow {
    UsageRow { account, day, events: counts.events, deliveries: counts.deliveries, bytes: counts.bytes }
}

fn counts(row: &UsageRow) -> Counts {
    Counts { events: row.events, deliveries: row.deliveries, bytes: row.bytes }
}
