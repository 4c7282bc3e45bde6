//! What was published, what must arrive where, and what did.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// One event for one subscription.
type Expected = (String, String);

#[derive(Default)]
pub struct Tally {
    published: usize,
    expected: BTreeSet<Expected>,
    arrived: BTreeMap<Expected, usize>,
    took: Vec<Duration>,
}

impl Tally {
    pub fn published<'n>(&mut self, uuid: &str, heard_by: impl IntoIterator<Item = &'n String>) {
        self.published += 1;
        self.expected.extend(heard_by.into_iter().map(|name| (uuid.to_owned(), name.clone())));
    }

    /// A delivery came `after` its event was published, if that is known.
    pub fn arrived(&mut self, uuid: &str, name: &str, after: Option<Duration>) {
        *self.arrived.entry((uuid.to_owned(), name.to_owned())).or_default() += 1;
        self.took.extend(after);
    }

    pub fn all_arrived(&self) -> bool {
        self.missing().next().is_none()
    }

    pub fn missing(&self) -> impl Iterator<Item = &Expected> {
        self.expected.iter().filter(|one| !self.arrived.contains_key(*one))
    }

    /// Arrived where nobody expected it.
    pub fn unexpected(&self) -> impl Iterator<Item = &Expected> {
        self.arrived.keys().filter(|one| !self.expected.contains(*one))
    }

    pub fn is_good(&self) -> bool {
        self.all_arrived() && self.unexpected().next().is_none()
    }

    pub fn totals(&self) -> String {
        let repeats: usize = self.arrived.values().map(|times| times - 1).sum();
        let (came, missing, strays) = (self.arrived.len(), self.missing().count(), self.unexpected().count());
        let mut words = format!(
            "{} events published, {came} of {} deliveries arrived",
            self.published,
            self.expected.len()
        );
        for (count, what) in [(missing, "missing"), (strays, "not asked for"), (repeats, "repeated")] {
            if count > 0 {
                words.push_str(&format!(", {count} {what}"));
            }
        }
        if let Some(median) = self.median() {
            words.push_str(&format!(", median {} ms from publish to receipt", median.as_millis()));
        }
        words
    }

    fn median(&self) -> Option<Duration> {
        let mut sorted = self.took.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_repeated_or_not_asked_for_is_told() {
        let mut tally = Tally::default();
        tally.published("e1", &["wallboard".to_owned(), "crm".to_owned()]);
        tally.published("e2", &[]);
        tally.arrived("e1", "wallboard", Some(Duration::from_millis(3)));
        assert!(!tally.all_arrived());
        assert_eq!(tally.missing().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), ["crm"]);

        tally.arrived("e1", "crm", None);
        tally.arrived("e1", "crm", None);
        assert!(tally.is_good());
        let told =
            "2 events published, 2 of 2 deliveries arrived, 1 repeated, median 3 ms from publish to receipt";
        assert_eq!(tally.totals(), told);

        tally.arrived("e2", "crm", None);
        assert!(!tally.is_good());
    }
}
