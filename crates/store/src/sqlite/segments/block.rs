//! Directories of neighbouring events: which uuids are among them, and which subscriptions.
//!
//! An index over uuids that publishers choose, or over subscriptions, is a tree that every event enters at
//! random places: a page written for each entry. So the newest events of a segment are kept as a `Tail` in
//! memory (and scanned in the file by those who only read); every two thousand of them become one row of
//! `block` with two sorted lists:
//! - `uuids`: a fingerprint of four bytes and the event's offset of two, by fingerprint;
//! - `postings`: for each subscription, by number, the offsets of its events.

use hookswitch_core::id::SubscriptionNo;
use rusqlite::Connection;
use uuid::Uuid;

use super::fault::Fault;
use super::pack;

/// Events in a block; offsets fit two bytes.
const EVENTS: usize = 2048;
/// A block is closed early at so many targets, so that writing one stays a matter of a millisecond or two.
const TARGETS: usize = 32 * 1024;
const UUID_ENTRY: usize = 6;

/// Four bytes of a uuid, well mixed: version-7 uuids of one moment differ in few bits.
pub(super) fn fingerprint(uuid: &Uuid) -> u32 {
    let (high, low) = uuid.as_u64_pair();
    let mut mixed = high.rotate_left(29) ^ low;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed >> 32) as u32 // the upper half, by intent
}

/// The events after the last block, oldest first, as far as a directory needs them.
#[derive(Debug, Default)]
pub(super) struct Tail {
    first: i64,
    fingerprints: Vec<u32>,
    /// Where each event's targets end in `subscriptions`.
    ends: Vec<usize>,
    subscriptions: Vec<SubscriptionNo>,
}

impl Tail {
    pub(super) fn starting_at(first: i64) -> Self {
        Self { first, ..Self::default() }
    }

    /// The next event; sequence numbers have no gaps within a segment.
    pub(super) fn push(&mut self, uuid: &Uuid, subscriptions: impl Iterator<Item = SubscriptionNo>) {
        self.fingerprints.push(fingerprint(uuid));
        self.subscriptions.extend(subscriptions);
        self.ends.push(self.subscriptions.len());
    }

    /// Events that may have this uuid, newest first.
    pub(super) fn candidates(&self, fingerprint: u32) -> impl Iterator<Item = i64> {
        let found =
            self.fingerprints.iter().enumerate().rev().filter(move |(_, known)| **known == fingerprint);
        found.map(|(offset, _)| self.first + offset as i64)
    }

    /// The blocks that are due, oldest first. At the end of a segment (`all`), the rest makes one too.
    pub(super) fn blocks(&self, all: bool) -> Vec<Block> {
        let (mut blocks, mut from) = (Vec::new(), 0);
        while let Some(to) = self.block_end(from, all) {
            blocks.push(self.encode(from, to));
            from = to;
        }
        blocks
    }

    /// Where the block that begins at offset `from` ends; `None` if its events are too few yet.
    fn block_end(&self, from: usize, all: bool) -> Option<usize> {
        let targets_before = self.targets_before(from);
        let rest = &self.ends[from..];
        let crossing = rest.partition_point(|end| end - targets_before < TARGETS);
        let to = from + EVENTS.min(crossing + 1).min(rest.len());
        let full = to - from == EVENTS || crossing < to - from;
        (to > from && (full || all)).then_some(to)
    }

    fn targets_before(&self, offset: usize) -> usize {
        offset.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    fn encode(&self, from: usize, to: usize) -> Block {
        let known = self.fingerprints[from..to].iter();
        let mut uuids: Vec<(u32, u16)> = known.zip(0..).map(|(known, at)| (*known, at)).collect();
        uuids.sort_unstable();
        let mut start = self.targets_before(from);
        let mut pairs: Vec<(SubscriptionNo, u16)> = Vec::with_capacity(self.ends[to - 1] - start);
        for (end, offset) in self.ends[from..to].iter().zip(0..) {
            pairs.extend(self.subscriptions[start..*end].iter().map(|subscription| (*subscription, offset)));
            start = *end;
        }
        pairs.sort_unstable();
        pairs.dedup();
        let entry = |(known, at): (u32, u16)| {
            let mut bytes = [0; UUID_ENTRY];
            bytes[..4].copy_from_slice(&known.to_be_bytes());
            bytes[4..].copy_from_slice(&at.to_be_bytes());
            bytes
        };
        Block {
            first: self.first + from as i64,
            last: self.first + to as i64 - 1,
            uuids: uuids.into_iter().flat_map(entry).collect(),
            postings: postings(&pairs),
        }
    }

    /// Forgets the events that a block has now.
    pub(super) fn discard(&mut self, block: &Block) {
        let count = block.len();
        let targets = self.ends[count - 1];
        self.first += count as i64;
        self.fingerprints.drain(..count);
        self.subscriptions.drain(..targets);
        self.ends.drain(..count);
        self.ends.iter_mut().for_each(|end| *end -= targets);
    }
}

fn postings(pairs: &[(SubscriptionNo, u16)]) -> Vec<u8> {
    let (mut out, mut list) = (Vec::with_capacity(pairs.len() * 2), Vec::new());
    let mut before = 0_i64;
    for of_one in pairs.chunk_by(|one, other| one.0 == other.0) {
        let subscription = of_one[0].0.0;
        pack::put(&mut out, subscription.wrapping_sub(before).cast_unsigned());
        before = subscription;
        list.clear();
        let mut last = 0;
        for (_, offset) in of_one {
            pack::put(&mut list, u64::from(offset - last));
            last = *offset;
        }
        pack::put(&mut out, list.len() as u64);
        out.extend_from_slice(&list);
    }
    out
}

#[derive(Debug)]
pub(super) struct Block {
    first: i64,
    last: i64,
    uuids: Vec<u8>,
    postings: Vec<u8>,
}

impl Block {
    fn len(&self) -> usize {
        self.uuids.len() / UUID_ENTRY
    }

    pub(super) fn write(&self, connection: &Connection) -> Result<(), Fault> {
        let sql = "INSERT INTO block (first, last, uuids, postings) VALUES (?, ?, ?, ?)";
        let values = (self.first, self.last, &self.uuids, &self.postings);
        connection.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    pub(super) fn fingerprints(&self) -> impl Iterator<Item = u32> {
        fingerprints(&self.uuids)
    }
}

/// The fingerprints of a block's `uuids`.
pub(super) fn fingerprints(uuids: &[u8]) -> impl Iterator<Item = u32> {
    uuids.as_chunks::<UUID_ENTRY>().0.iter().map(known_of)
}

fn known_of(entry: &[u8; UUID_ENTRY]) -> u32 {
    u32::from_be_bytes([entry[0], entry[1], entry[2], entry[3]])
}

/// The events of a block that may have this uuid.
pub(super) fn with_fingerprint(first: i64, uuids: &[u8], fingerprint: u32) -> impl Iterator<Item = i64> {
    let entries = uuids.as_chunks::<UUID_ENTRY>().0;
    let from = entries.partition_point(|entry| known_of(entry) < fingerprint);
    let equal = entries[from..].iter().take_while(move |entry| known_of(entry) == fingerprint);
    equal.map(move |entry| first + i64::from(u16::from_be_bytes([entry[4], entry[5]])))
}

/// The events of a block that are for this subscription, oldest first.
pub(super) fn posted(first: i64, mut postings: &[u8], wanted: SubscriptionNo) -> Result<Vec<i64>, Fault> {
    let (mut subscription, mut events) = (0_i64, Vec::new());
    while !postings.is_empty() {
        subscription = subscription.wrapping_add(pack::take(&mut postings)?.cast_signed());
        let length = usize::try_from(pack::take(&mut postings)?).unwrap_or(usize::MAX);
        let (mut list, rest) =
            postings.split_at_checked(length).ok_or(Fault::Damaged("a list of postings is cut short"))?;
        postings = rest;
        if subscription > wanted.0 {
            break;
        }
        if subscription < wanted.0 {
            continue;
        }
        let mut offset = 0;
        while !list.is_empty() {
            offset += pack::take(&mut list)?.cast_signed();
            events.push(first + offset);
        }
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn uuid(number: u64) -> Uuid {
        Uuid::from_u64_pair(7, number)
    }

    proptest! {
        #[test]
        fn blocks_find_every_event_by_uuid_and_by_subscription(
            events in proptest::collection::vec((0u64..50, proptest::collection::vec(1i64..20, 0..6)), 1..120),
            cut in 0usize..120,
        ) {
            let mut tail = Tail::starting_at(1000);
            for (number, subscriptions) in &events {
                tail.push(&uuid(*number), subscriptions.iter().copied().map(SubscriptionNo));
            }
            let cut = cut.clamp(1, events.len());
            let blocks = [tail.encode(0, cut)].into_iter().chain((cut < events.len()).then(|| tail.encode(cut, events.len())));
            for (block, events) in blocks.zip([&events[..cut], &events[cut..]]) {
                prop_assert_eq!(block.len(), events.len());
                prop_assert_eq!(block.last - block.first + 1, events.len() as i64);
                let numbered = || (block.first..).zip(events);
                for number in 0..50 {
                    let expected: Vec<i64> = numbered().filter(|(_, event)| event.0 == number).map(|(at, _)| at).collect();
                    let found: Vec<i64> = with_fingerprint(block.first, &block.uuids, fingerprint(&uuid(number))).collect();
                    prop_assert_eq!(found, expected);
                }
                for subscription in 0..21 {
                    let expected: Vec<i64> = numbered().filter(|(_, event)| event.1.contains(&subscription)).map(|(at, _)| at).collect();
                    prop_assert_eq!(posted(block.first, &block.postings, SubscriptionNo(subscription)).unwrap(), expected);
                }
            }
            tail.discard(&tail.encode(0, cut));
            let rest: Vec<i64> = (0..50).flat_map(|number| tail.candidates(fingerprint(&uuid(number))).collect::<Vec<_>>()).collect();
            prop_assert_eq!(rest.len(), events.len() - cut);
            prop_assert!(rest.iter().all(|at| *at >= 1000 + cut as i64));
        }
    }

    #[test]
    fn a_block_is_due_at_its_number_of_events_or_of_targets_and_the_rest_only_at_the_end() {
        let lengths = |tail: &Tail, all| tail.blocks(all).iter().map(Block::len).collect::<Vec<_>>();
        let mut tail = Tail::starting_at(1);
        assert!(tail.blocks(true).is_empty());
        for number in 0..EVENTS as u64 - 1 {
            tail.push(&uuid(number), std::iter::empty());
        }
        assert_eq!((lengths(&tail, false), lengths(&tail, true)), (vec![], vec![EVENTS - 1]));
        for number in 0..EVENTS as u64 + 2 {
            tail.push(&uuid(number), std::iter::empty());
        }
        assert_eq!((lengths(&tail, false), lengths(&tail, true)), (vec![EVENTS; 2], vec![EVENTS, EVENTS, 1]));

        let mut wide = Tail::starting_at(1);
        for number in 0..300 {
            wide.push(&uuid(number), (0..256).map(SubscriptionNo));
        }
        assert_eq!((lengths(&wide, false), lengths(&wide, true)), (vec![128; 2], vec![128, 128, 44]));
    }
}
