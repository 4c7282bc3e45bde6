//! What the engine counts. The names are part of the outside; the registry is passed in, nothing is
//! global.

use std::sync::atomic::AtomicU64;

use hookswitch_core::delivery::FailureClass;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct FailureLabel {
    pub class: &'static str,
}

#[derive(Clone)]
pub struct Metrics {
    pub published: Counter,
    pub duplicates: Counter,
    pub matched: Counter,
    pub attempts: Counter,
    pub delivered: Counter,
    pub failed: Family<FailureLabel, Counter>,
    pub retries: Counter,
    pub exhausted: Counter,
    pub cancelled: Counter,
    pub parked: Counter,
    pub stale_records: Counter,
    pub in_flight: Gauge,
    pub waiting: Gauge,
    pub oldest_due_age: Gauge<f64, AtomicU64>,
    pub commit_seconds: Histogram,
    pub commit_size: Histogram,
    pub transactions: Counter,
    pub attempt_seconds: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            published: Counter::default(),
            duplicates: Counter::default(),
            matched: Counter::default(),
            attempts: Counter::default(),
            delivered: Counter::default(),
            failed: Family::default(),
            retries: Counter::default(),
            exhausted: Counter::default(),
            cancelled: Counter::default(),
            parked: Counter::default(),
            stale_records: Counter::default(),
            in_flight: Gauge::default(),
            waiting: Gauge::default(),
            oldest_due_age: Gauge::default(),
            commit_seconds: Histogram::new(exponential_buckets(0.0001, 2.0, 14)),
            commit_size: Histogram::new(exponential_buckets(1.0, 2.0, 12)),
            transactions: Counter::default(),
            attempt_seconds: Histogram::new(exponential_buckets(0.0005, 2.0, 15)),
        }
    }
}

impl Metrics {
    pub fn register(&self, registry: &mut Registry) {
        // Every class is there from the start, so that a rate over it has a zero to begin with.
        for class in FailureClass::ALL {
            self.failed.get_or_create(&FailureLabel { class: class.name() }).inc_by(0);
        }
        let registry = registry.sub_registry_with_prefix("hookswitch");
        registry.register("events_published", "Events accepted durably", self.published.clone());
        registry.register(
            "events_duplicate",
            "Published again with the same uuid and content",
            self.duplicates.clone(),
        );
        registry.register("deliveries_matched", "Deliveries made at acceptance", self.matched.clone());
        registry.register("attempts", "Attempts ended", self.attempts.clone());
        registry.register("deliveries_delivered", "Deliveries that arrived", self.delivered.clone());
        registry.register("attempts_failed", "Failed attempts by class", self.failed.clone());
        registry.register("attempts_retried", "Attempts after the first of a delivery", self.retries.clone());
        registry.register(
            "deliveries_exhausted",
            "Deliveries that ended without arriving",
            self.exhausted.clone(),
        );
        registry.register(
            "deliveries_cancelled",
            "Deliveries ended with their subscription",
            self.cancelled.clone(),
        );
        registry.register(
            "deliveries_parked",
            "Deliveries that had to wait in the store",
            self.parked.clone(),
        );
        registry.register(
            "records_stale",
            "Outcomes that the store refused as out of date",
            self.stale_records.clone(),
        );
        registry.register("attempts_in_flight", "Attempts under way", self.in_flight.clone());
        registry.register(
            "deliveries_waiting",
            "Deliveries pending, in memory or in the store",
            self.waiting.clone(),
        );
        registry.register_with_unit(
            "oldest_due_age",
            "Age of the oldest delivery that is due and not under way",
            Unit::Seconds,
            self.oldest_due_age.clone(),
        );
        registry.register_with_unit("commit", "Time of a commit", Unit::Seconds, self.commit_seconds.clone());
        registry.register("commit_size", "Events and outcomes in a commit", self.commit_size.clone());
        registry.register(
            "store_transactions",
            "Durable transactions of the event log",
            self.transactions.clone(),
        );
        registry.register_with_unit(
            "attempt",
            "Time of an attempt",
            Unit::Seconds,
            self.attempt_seconds.clone(),
        );
    }

    pub(crate) fn failure(&self, class: FailureClass) {
        self.failed.get_or_create(&FailureLabel { class: class.name() }).inc();
    }
}
