//! The watermark: below it every delivery of every event has its row in the store.
//!
//! Pure bookkeeping. Events enter in the order of acceptance with the number of their deliveries that
//! live in memory only; each of those leaves when a commit has given it a row. At start the store reads
//! again what lies above the watermark, so the window also bounds how long a start takes.

use std::collections::VecDeque;

use hookswitch_core::id::EventSeq;

#[derive(Debug)]
pub(crate) struct Window {
    /// The sequence number of `open`'s first entry.
    base: i64,
    /// For each event from `base` on, how many of its deliveries have no row.
    open: VecDeque<u32>,
}

impl Window {
    /// `next` is the number that the next event will get.
    pub(crate) fn starting_at(next: EventSeq) -> Self {
        Self { base: next.0, open: VecDeque::new() }
    }

    /// An event was accepted with `rowless` deliveries in memory. Events come in order; a number that was
    /// skipped counts as one without deliveries.
    pub(crate) fn accepted(&mut self, seq: EventSeq, rowless: u32) {
        let Ok(index) = usize::try_from(seq.0 - self.base) else {
            return; // below the watermark: it has no rowless deliveries by definition
        };
        while self.open.len() <= index {
            self.open.push_back(0);
        }
        self.open[index] += rowless;
        self.trim();
    }

    /// A delivery of `seq` has its row now.
    pub(crate) fn written(&mut self, seq: EventSeq) {
        if let Some(open) = usize::try_from(seq.0 - self.base).ok().and_then(|index| self.open.get_mut(index))
        {
            *open = open.saturating_sub(1);
        }
        self.trim();
    }

    /// Whether every delivery has its row.
    pub(crate) fn is_clear(&self) -> bool {
        self.open.is_empty()
    }

    pub(crate) fn watermark(&self) -> EventSeq {
        EventSeq(self.base)
    }

    fn trim(&mut self) {
        while self.open.front() == Some(&0) {
            self.open.pop_front();
            self.base += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watermark_waits_for_the_oldest_rowless_delivery() {
        let mut window = Window::starting_at(EventSeq(10));
        window.accepted(EventSeq(10), 2);
        window.accepted(EventSeq(11), 1);
        window.accepted(EventSeq(12), 0);
        assert_eq!(window.watermark(), EventSeq(10));
        window.written(EventSeq(11));
        window.written(EventSeq(10));
        assert_eq!(window.watermark(), EventSeq(10));
        window.written(EventSeq(10));
        assert_eq!(window.watermark(), EventSeq(13));
        window.accepted(EventSeq(13), 1);
        assert_eq!(window.watermark(), EventSeq(13));
    }

    #[test]
    fn an_event_without_deliveries_moves_the_watermark_at_once() {
        let mut window = Window::starting_at(EventSeq(1));
        window.accepted(EventSeq(1), 0);
        assert_eq!(window.watermark(), EventSeq(2));
    }
}
