//! Random steps against a log and against a model of it that is nothing but maps: whatever is asked after
//! any of them must be answered alike.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use bytes::Bytes;
use hookswitch_core::clock::WallTime;
use hookswitch_core::delivery::{DeliveryState, EndReason};
use hookswitch_core::id::{AccountId, DeliveryKey, EventSeq, SubscriptionNo};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use super::Subject;
use super::draft::{after, all, batch, commit, delivered, ended, event, failed, key, matched, park};
use crate::log::{
    AcceptError, Acceptance, Backlog, Batch, EventLog, Extension, HistoryQuery, NewEvent, Scope,
};

const CASES: usize = 12;
const SUBSCRIPTIONS: std::ops::Range<i64> = 1..6;

#[derive(Clone, Debug)]
struct Draft {
    /// The publisher's choice from a few, or ours.
    uuid: Option<u64>,
    account: u64,
    content: u8,
    targets: BTreeSet<i64>,
    parked: bool,
    more: bool,
}

#[derive(Clone, Debug)]
enum Move {
    Arrives,
    Fails(i64),
    Ends,
}

#[derive(Clone, Debug)]
enum Step {
    Publish(Vec<Vec<Draft>>),
    /// An attempt of some delivery, in one of five cases with wrong expectations.
    Record(Index, i64, Move, u8),
    Park(Index, i64, i64),
    Extend(Index, BTreeSet<i64>, bool),
    End(i64, bool, usize),
    Watermark,
    Restart,
    Pass(i64),
}

fn draft() -> impl Strategy<Value = Draft> {
    let targets = prop::collection::btree_set(SUBSCRIPTIONS, 0..4);
    (
        prop::option::weighted(0.4, 0u64..12),
        1u64..3,
        0u8..2,
        targets,
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(uuid, account, content, targets, parked, more)| Draft {
            uuid,
            account,
            content,
            targets,
            parked,
            more,
        })
}

fn step() -> impl Strategy<Value = Step> {
    let requests = prop::collection::vec(prop::collection::vec(draft(), 1..4), 1..8);
    let moves =
        prop_oneof![3 => Just(Move::Arrives), 3 => (0i64..100).prop_map(Move::Fails), 1 => Just(Move::Ends)];
    prop_oneof![
        6 => requests.prop_map(Step::Publish),
        12 => (any::<Index>(), SUBSCRIPTIONS, moves, 0u8..5).prop_map(|(event, of, moves, luck)| Step::Record(event, of, moves, luck)),
        4 => (any::<Index>(), SUBSCRIPTIONS, 0i64..100).prop_map(|(event, of, due)| Step::Park(event, of, due)),
        2 => (any::<Index>(), prop::collection::btree_set(SUBSCRIPTIONS, 0..4), any::<bool>()).prop_map(|(event, of, complete)| Step::Extend(event, of, complete)),
        1 => (SUBSCRIPTIONS, any::<bool>(), 1usize..6).prop_map(|(of, cancel, limit)| Step::End(of, cancel, limit)),
        1 => Just(Step::Watermark),
        1 => Just(Step::Restart),
        2 => (0i64..50).prop_map(Step::Pass),
    ]
}

pub async fn any_sequence_of_steps_ends_as_the_contract_says(subject: &mut dyn Subject) {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let strategy = prop::collection::vec(step(), 1..60);
    // The cases follow each other in one store: what an earlier one left must not matter.
    let mut model = Model::default();
    for _ in 0..CASES {
        let steps = strategy.new_tree(&mut runner).expect("steps can be drawn").current();
        let mut log = subject.open().await;
        for (number, step) in steps.iter().enumerate() {
            if matches!(step, Step::Restart) {
                drop(log);
                log = subject.open().await;
            }
            let context = format!("step {number} of {steps:?}");
            model.take(&*log, step, &context).await;
            model.compare_waiting(&*log, &context).await;
        }
        model.compare_everything(&*log, &format!("after {steps:?}")).await;
    }
}

#[derive(Debug)]
struct Known {
    seq: EventSeq,
    new: NewEvent,
    half_dispatched: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    state: DeliveryState,
    attempts: u32,
}

#[derive(Debug, Default)]
struct Model {
    seconds: i64,
    made: u64,
    events: Vec<Known>,
    rows: BTreeMap<DeliveryKey, Row>,
    watermark: EventSeq,
}

impl Model {
    fn now(&self) -> WallTime {
        after(self.seconds)
    }

    fn at(&self, place: &Index) -> Option<&Known> {
        (!self.events.is_empty()).then(|| place.get(&self.events))
    }

    async fn take(&mut self, log: &dyn EventLog, step: &Step, context: &str) {
        match step {
            Step::Publish(requests) => self.publish(log, requests, context).await,
            Step::Record(place, of, moves, luck) => self.record(log, place, *of, moves, *luck, context).await,
            Step::Park(place, of, due) => {
                let Some(key) = self.at(place).map(|known| key(known.seq, *of)) else { return };
                let due = after(*due);
                commit(log, Batch { parks: vec![park(key, due)], now: self.now(), ..batch() }).await;
                self.rows.entry(key).or_insert(Row { state: DeliveryState::Pending { due }, attempts: 0 });
            }
            Step::Extend(place, targets, complete) => self.extend(log, place, targets, *complete).await,
            Step::End(of, cancel, limit) => self.end(log, *of, *cancel, *limit, context).await,
            Step::Watermark => {
                self.watermark = self.lowest_free().unwrap_or(EventSeq(self.last().0 + 1));
                commit(log, Batch { watermark: Some(self.watermark), ..batch() }).await;
            }
            Step::Restart => {}
            Step::Pass(seconds) => self.seconds += seconds,
        }
    }

    async fn publish(&mut self, log: &dyn EventLog, drafts: &[Vec<Draft>], context: &str) {
        let mut requests = Vec::new();
        for request in drafts {
            requests.push(request.iter().map(|draft| self.new_event(draft)).collect::<Vec<_>>());
        }
        let shared = requests.iter().cloned().map(Into::into).collect();
        let committed = commit(log, Batch { requests: shared, now: self.now(), ..batch() }).await;
        for (request, answer) in requests.into_iter().zip(committed.requests) {
            let expected = self.judge(&request);
            let short = match &answer {
                Ok(entries) => {
                    Ok(entries.iter().map(|entry| matches!(entry, Acceptance::Stored(_))).collect())
                }
                Err(AcceptError::UuidTaken { index }) => Err(*index),
                Err(AcceptError::Store(error)) => panic!("{error}; {context}"),
            };
            assert_eq!(short, expected, "{context}");
            for (new, acceptance) in request.into_iter().zip(answer.into_iter().flatten()) {
                if let Acceptance::Stored(seq) = acceptance {
                    self.stored(seq, new, context);
                }
            }
        }
    }

    fn new_event(&mut self, draft: &Draft) -> NewEvent {
        self.made += 1;
        let targets: Vec<i64> = draft.targets.iter().copied().collect();
        let mut new = event(draft.uuid.unwrap_or(1000 + self.made), &targets);
        new.uuid_is_publishers = draft.uuid.is_some();
        new.event.account = AccountId(draft.account);
        new.event.accepted_at = self.now();
        new.event.timestamp = self.now();
        new.event.body = Bytes::from(vec![draft.content; 300]);
        new.more_to_dispatch = draft.more;
        new.parked = if draft.parked && !targets.is_empty() { vec![0] } else { Vec::new() };
        new
    }

    /// Which entries are stored, or which one is refused.
    fn judge(&self, request: &[NewEvent]) -> Result<Vec<bool>, usize> {
        let mut own: Vec<&NewEvent> = Vec::new();
        let mut entries = Vec::new();
        for (index, new) in request.iter().enumerate() {
            let named = |known: &&NewEvent| {
                known.event.uuid == new.event.uuid && known.event.account == new.event.account
            };
            let stored = self.events.iter().map(|known| &known.new);
            let known = own.iter().copied().chain(stored).filter(|_| new.uuid_is_publishers).find(named);
            match known {
                Some(known) if known.event.body != new.event.body => return Err(index),
                Some(_) => entries.push(false),
                None => {
                    own.push(new);
                    entries.push(true);
                }
            }
        }
        Ok(entries)
    }

    fn stored(&mut self, seq: EventSeq, new: NewEvent, context: &str) {
        assert!(seq > self.last(), "{context}");
        for place in &new.parked {
            let target = new.matched[usize::from(*place)];
            let row = Row { state: DeliveryState::Pending { due: self.now() }, attempts: 0 };
            self.rows.insert(key(seq, target.subscription.0), row);
        }
        let last = new.matched.last().map_or(0, |target| target.subscription.0);
        self.events.push(Known { seq, half_dispatched: new.more_to_dispatch.then_some(last), new });
    }

    async fn record(
        &mut self,
        log: &dyn EventLog,
        place: &Index,
        of: i64,
        moves: &Move,
        luck: u8,
        context: &str,
    ) {
        let Some(key) = self.at(place).map(|known| key(known.seq, of)) else { return };
        let row = self.rows.get(&key).copied();
        let known = row.map_or(0, |row| row.attempts);
        let before = if luck == 0 { known + 1 } else { known };
        let at = self.now();
        let record = match moves {
            Move::Arrives => delivered(key, before),
            Move::Fails(due) => failed(key, before, after(*due)),
            Move::Ends => ended(key, before, DeliveryState::Exhausted { at, reason: EndReason::TimeToLive }),
        };
        let next = Row { state: record.state, attempts: record.attempts };
        let is_stale = row.is_some_and(|row| row.state.is_terminal() || row.attempts != before);
        let committed = commit(log, Batch { records: vec![record], now: at, ..batch() }).await;
        assert_eq!(committed.stale_records.contains(&key), is_stale, "{context}");
        if !is_stale {
            self.rows.insert(key, next);
        }
    }

    async fn extend(&mut self, log: &dyn EventLog, place: &Index, targets: &BTreeSet<i64>, complete: bool) {
        let now = self.now();
        let index = (!self.events.is_empty()).then(|| place.index(self.events.len()));
        let Some(known) = index.map(|index| &mut self.events[index]) else { return };
        let matched: Vec<_> = targets.iter().copied().map(matched).collect();
        let extension = Extension { event: known.seq, matched: matched.clone(), complete };
        commit(log, Batch { extensions: vec![extension], now, ..batch() }).await;
        let Some(last) = known.half_dispatched else { return };
        known.half_dispatched = (!complete).then(|| targets.last().copied().unwrap_or(last));
        for target in matched {
            let row = Row { state: DeliveryState::Pending { due: now }, attempts: 0 };
            self.rows.entry(key(known.seq, target.subscription.0)).or_insert(row);
        }
    }

    async fn end(&mut self, log: &dyn EventLog, of: i64, cancel: bool, limit: usize, context: &str) {
        let reason = if cancel { EndReason::OwnerDisabled } else { EndReason::BacklogLimit };
        let at = self.now();
        let waiting = self.waiting(of);
        let held: Vec<_> = waiting.values().copied().take(1).collect();
        let count = log.end_pending(SubscriptionNo(of), reason, at, held.clone(), limit).await.unwrap();
        assert_eq!(count == 0, waiting.len() == held.len(), "{context}");
        assert!(count <= limit, "{context}");
        // Which ones it took, when order does not matter, is the log's affair: ask.
        let state = match reason {
            EndReason::BacklogLimit => DeliveryState::Exhausted { at, reason },
            _ => DeliveryState::Cancelled { at, reason },
        };
        let mut free: Vec<_> = waiting.into_values().filter(|key| !held.contains(key)).collect();
        free.sort_unstable();
        let mut taken = Vec::new();
        for key in &free {
            let (view, _) = log.delivery(Scope::Operator, *key).await.unwrap().unwrap();
            if view.state == state {
                taken.push(*key);
                self.rows.entry(*key).and_modify(|row| row.state = state);
            }
        }
        assert_eq!(taken.len(), count, "{context}");
        if !cancel {
            assert_eq!(taken, free[..count], "the oldest; {context}");
        }
    }

    fn last(&self) -> EventSeq {
        self.events.last().map(|known| known.seq).unwrap_or_default()
    }

    fn lowest_free(&self) -> Option<EventSeq> {
        let free = |known: &&Known| {
            known.new.matched.iter().any(|of| !self.rows.contains_key(&key(known.seq, of.subscription.0)))
        };
        self.events.iter().find(free).map(|known| known.seq)
    }

    /// What waits for a subscription, in the order in which it is due.
    fn waiting(&self, of: i64) -> BTreeMap<(WallTime, EventSeq), DeliveryKey> {
        let due = |(key, row): (&DeliveryKey, &Row)| match row.state {
            DeliveryState::Pending { due } if key.subscription.0 == of => Some(((due, key.event), *key)),
            _ => None,
        };
        self.rows.iter().filter_map(due).collect()
    }

    fn backlog(&self, of: i64) -> Backlog {
        let waiting = self.waiting(of);
        let earliest_due = waiting.keys().next().map(|(due, _)| *due);
        Backlog { deliveries: waiting.len() as u64, earliest_due }
    }

    async fn compare_waiting(&self, log: &dyn EventLog, context: &str) {
        for of in SUBSCRIPTIONS {
            let waiting = self.waiting(of);
            let (given, left) = log.due(SubscriptionNo(of), self.now(), vec![], 3).await.unwrap();
            let given: Vec<_> = given.iter().map(|waiting| (waiting.key, waiting.attempts)).collect();
            let due = waiting.iter().filter(|((due, _), _)| *due <= self.now()).take(3);
            let expected: Vec<_> = due.map(|(_, key)| (*key, self.rows[key].attempts)).collect();
            assert_eq!(given, expected, "{context}");
            let rest = waiting.keys().nth(expected.len()).map(|(due, _)| *due);
            let deliveries = (waiting.len() - expected.len()) as u64;
            assert_eq!(left, Backlog { deliveries, earliest_due: rest }, "{context}");
        }
    }

    async fn compare_everything(&self, log: &dyn EventLog, context: &str) {
        let recovery = log.recover().await.unwrap();
        let backlogs: HashMap<_, _> =
            SUBSCRIPTIONS.map(|of| (SubscriptionNo(of), self.backlog(of))).collect();
        let backlogs: HashMap<_, _> =
            backlogs.into_iter().filter(|(_, backlog)| backlog.deliveries > 0).collect();
        assert_eq!(recovery.backlogs, backlogs, "{context}");
        let half = |known: &Known| known.half_dispatched.map(|last| (known.seq, SubscriptionNo(last)));
        let half: Vec<_> = self.events.iter().filter_map(half).collect();
        assert_eq!(recovery.half_dispatched, half, "{context}");
        self.compare_free(log, recovery.watermark, context).await;
        for of in [None].into_iter().chain(SUBSCRIPTIONS.map(Some)) {
            self.compare_history(log, of, context).await;
        }
    }

    async fn compare_free(&self, log: &dyn EventLog, watermark: EventSeq, context: &str) {
        let (mut found, mut next) = (HashSet::new(), Some(watermark));
        while let Some(from) = next {
            let (events, then) = log.unrecorded(from, 5).await.unwrap();
            let targets = events
                .iter()
                .flat_map(|one| one.matched.iter().map(|of| key(one.event.seq, of.subscription.0)));
            found.extend(targets);
            next = then;
        }
        let all = self
            .events
            .iter()
            .flat_map(|known| known.new.matched.iter().map(|of| key(known.seq, of.subscription.0)));
        let expected: HashSet<_> = all.filter(|key| !self.rows.contains_key(key)).collect();
        assert_eq!(found, expected, "{context}");
    }

    async fn compare_history(&self, log: &dyn EventLog, of: Option<i64>, context: &str) {
        let mut query = HistoryQuery { subscription: of.map(SubscriptionNo), limit: 7, ..all() };
        let mut seen = Vec::new();
        loop {
            let page = log.history(query.clone()).await.unwrap();
            seen.extend(page.records.into_iter().map(|view| (view.key, view.state, view.attempts)));
            query.after = page.next;
            if page.next.is_none() {
                break;
            }
        }
        let mut expected: BTreeMap<DeliveryKey, Row> = BTreeMap::new();
        for known in &self.events {
            let row = Row { state: DeliveryState::Pending { due: known.new.event.accepted_at }, attempts: 0 };
            expected.extend(known.new.matched.iter().map(|of| (key(known.seq, of.subscription.0), row)));
        }
        // A row that no list of targets names is shown too, except that a subscription finds its own
        // through those lists.
        expected
            .extend(self.rows.iter().filter(|(key, _)| self.is_target(key)).map(|(key, row)| (*key, *row)));
        expected.retain(|key, _| of.is_none_or(|of| key.subscription.0 == of));
        seen.retain(|(key, ..)| self.is_target(key));
        let expected: Vec<_> =
            expected.into_iter().rev().map(|(key, row)| (key, row.state, row.attempts)).collect();
        assert_eq!(seen, expected, "of {of:?}; {context}");
    }

    /// Whether the event is for the subscription at all. Steps also make rows for others, as no engine does.
    fn is_target(&self, key: &DeliveryKey) -> bool {
        let known = self.events.iter().find(|known| known.seq == key.event);
        known.is_some_and(|known| known.new.matched.iter().any(|of| of.subscription == key.subscription))
    }
}
