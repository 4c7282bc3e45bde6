//! Finding an accepted event by a uuid that a publisher chose (D16), among all segments of the window.
//!
//! Most such uuids are new, and that must cost next to nothing: a filter for each sealed segment says so
//! without touching the file. Its two bytes an event are kept in memory up to a budget, newest segments
//! first; only if publishers choose uuids at all are filters read.

use std::sync::Arc;

use hookswitch_core::clock::WallTime;
use hookswitch_core::event::Event;
use hookswitch_core::id::{AccountId, EventSeq};
use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use super::block;
use super::fault::Fault;
use super::filter::Filter;
use super::rows::{blob, event_columns, event_of};
use super::segment::Segment;

/// The filters of sealed segments, as far as they are in memory.
#[derive(Debug)]
pub(super) struct Filters {
    kept: Vec<(EventSeq, Filter)>,
    budget: usize,
}

impl Filters {
    pub(super) fn new(budget: usize) -> Self {
        Self { kept: Vec::new(), budget }
    }

    /// Whether a segment may hold a uuid with this fingerprint; `None` if its filter is not in memory.
    pub(super) fn may_contain(&self, first: EventSeq, fingerprint: u32) -> Option<bool> {
        let known = self.kept.iter().find(|(known, _)| *known == first);
        known.map(|(_, filter)| filter.may_contain(fingerprint))
    }

    /// A newer segment's filter displaces older ones.
    pub(super) fn keep(&mut self, first: EventSeq, filter: Filter) {
        let place = self.kept.partition_point(|(known, _)| *known < first);
        self.kept.insert(place, (first, filter));
        let mut size: usize = self.kept.iter().map(|(_, filter)| filter.size()).sum();
        while size > self.budget && !self.kept.is_empty() {
            size -= self.kept.remove(0).1.size();
        }
    }

    /// Forgets what lies before the window.
    pub(super) fn keep_only(&mut self, window: &[Arc<Segment>]) {
        self.kept.retain(|(first, _)| window.iter().any(|segment| segment.first == *first));
    }
}

pub(super) fn read_filter(connection: &Connection) -> Result<Filter, Fault> {
    let found = connection
        .prepare_cached("SELECT filter FROM seal WHERE id = 0")?
        .query_row([], |row| row.get::<_, Vec<u8>>(0))
        .optional()?;
    Filter::from_bytes(&found.ok_or(Fault::Damaged("an old segment has no seal"))?)
}

/// Looks through the blocks of one segment, newest first.
pub(super) fn find_in_blocks(
    connection: &Connection,
    account: AccountId,
    uuid: Uuid,
    since: WallTime,
) -> Result<Option<Event>, Fault> {
    for seq in in_blocks(connection, uuid)?.into_iter().rev() {
        if let Some(event) = read(connection, seq, account, uuid, since)? {
            return Ok(Some(event));
        }
    }
    Ok(None)
}

/// The events in blocks whose fingerprint is that of `uuid`, oldest first.
pub(super) fn in_blocks(connection: &Connection, uuid: Uuid) -> Result<Vec<EventSeq>, Fault> {
    let wanted = block::fingerprint(&uuid);
    let mut statement = connection.prepare_cached("SELECT first, uuids FROM block ORDER BY first")?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.extend(block::with_fingerprint(row.get(0)?, blob(row.get_ref(1)?)?, wanted).map(EventSeq));
    }
    Ok(found)
}

/// The event, if it is this account's, has this uuid and was accepted after `since`.
pub(super) fn read(
    connection: &Connection,
    seq: EventSeq,
    account: AccountId,
    uuid: Uuid,
    since: WallTime,
) -> Result<Option<Event>, Fault> {
    let sql = concat!(
        "SELECT ",
        event_columns!(),
        " FROM event WHERE seq = ? AND account = ? AND uuid = ? AND accepted_at > ?"
    );
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query((seq.0, account.0.cast_signed(), &uuid.as_bytes()[..], since.0))?;
    rows.next()?.map(|row| event_of(row).map(|stored| stored.event)).transpose()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn filters_stay_within_their_budget_newest_segments_first() {
        let mut filters = Filters::new(5_000);
        for first in [3, 1, 2] {
            filters.keep(EventSeq(first), Filter::of((0..1000).collect::<Vec<u32>>().into_iter()));
        }
        let known = |filters: &Filters| [1, 2, 3].map(|first| filters.may_contain(EventSeq(first), 7));
        assert_eq!(known(&filters), [None, Some(true), Some(true)]);
        filters.keep_only(&[Arc::new(Segment::new(EventSeq(3), PathBuf::new()))]);
        assert_eq!(known(&filters), [None, None, Some(true)]);
    }
}
