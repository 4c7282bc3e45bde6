//! How often bodies were published that break the schema of their event type and were taken all the same
//! (D14), by event type.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// As many values as the catalogue has entries.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventTypeLabel {
    event_type: String,
}

/// Cheap to clone.
#[derive(Clone, Default)]
pub struct Violations(Family<EventTypeLabel, Counter>);

impl Violations {
    pub fn register(&self, registry: &mut Registry) {
        registry.sub_registry_with_prefix("hookswitch").register(
            "schema_violations",
            "Events accepted although their body breaks the schema of their type",
            self.0.clone(),
        );
    }

    /// Counts an event that was accepted; `event_type` is the name of an entry of the catalogue.
    pub fn count(&self, event_type: &str) {
        self.0.get_or_create(&EventTypeLabel { event_type: event_type.to_owned() }).inc();
    }
}
