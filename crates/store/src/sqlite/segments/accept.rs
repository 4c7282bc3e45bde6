//! Accepting events: which of a batch's requests are taken, and their rows.
//!
//! A request is judged as a whole before anything of it is written. Uuids that publishers chose are looked
//! for among the events of the last 24 hours (D16), in the requests before and in the request itself; ours
//! are new by construction.

use std::collections::HashMap;
use std::sync::Arc;

use hookswitch_core::clock::WallTime;
use hookswitch_core::event::Event;
use hookswitch_core::id::{AccountId, DeliveryKey, EventSeq};
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::fan_out::leave_half_dispatched;
use super::fault::Fault;
use super::pack;
use super::record;
use super::segment::Deltas;
use crate::StoreError;
use crate::log::{AcceptError, Acceptance, Matched, NewEvent, Park};

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Verdict {
    StoreAll,
    /// False for the entries that are there already.
    Store(Vec<bool>),
    Refuse(AcceptError),
}

impl Verdict {
    fn stores(&self, index: usize) -> bool {
        match self {
            Self::StoreAll => true,
            Self::Store(entries) => entries[index],
            Self::Refuse(_) => false,
        }
    }
}

type Name = (AccountId, Uuid);

/// Judges all requests of a batch, in order. `stored` looks for an accepted event of the window.
pub(super) fn judge(
    requests: &[Arc<Vec<NewEvent>>],
    mut stored: impl FnMut(AccountId, Uuid) -> Result<Option<Event>, StoreError>,
) -> Result<Vec<Verdict>, StoreError> {
    let mut earlier: HashMap<Name, &NewEvent> = HashMap::new();
    let mut verdicts = Vec::with_capacity(requests.len());
    for request in requests {
        if !request.iter().any(|new| new.uuid_is_publishers) {
            verdicts.push(Verdict::StoreAll);
            continue;
        }
        let mut own = HashMap::new();
        let verdict = judge_one(request, &earlier, &mut own, &mut stored)?;
        if matches!(verdict, Verdict::Store(_)) {
            earlier.extend(own);
        }
        verdicts.push(verdict);
    }
    Ok(verdicts)
}

fn judge_one<'b>(
    request: &'b [NewEvent],
    earlier: &HashMap<Name, &'b NewEvent>,
    own: &mut HashMap<Name, &'b NewEvent>,
    stored: &mut impl FnMut(AccountId, Uuid) -> Result<Option<Event>, StoreError>,
) -> Result<Verdict, StoreError> {
    let mut entries = Vec::with_capacity(request.len());
    for (index, new) in request.iter().enumerate() {
        if !new.uuid_is_publishers {
            entries.push(true);
            continue;
        }
        let name = (new.event.account, new.event.uuid);
        let same = match own.get(&name).or_else(|| earlier.get(&name)) {
            Some(known) => Some(same_content(new, &known.event)),
            None => stored(name.0, name.1)?.map(|known| same_content(new, &known)),
        };
        if same == Some(false) {
            return Ok(Verdict::Refuse(AcceptError::UuidTaken { index }));
        }
        if same.is_none() {
            own.insert(name, new);
        }
        entries.push(same.is_none());
    }
    Ok(Verdict::Store(entries))
}

/// A time that the publisher did not name is ours, and differs each time.
fn same_content(new: &NewEvent, known: &Event) -> bool {
    let event = &new.event;
    event.name == known.name
        && event.body == known.body
        && event.recipients == known.recipients
        && (!new.timestamp_is_publishers || event.timestamp == known.timestamp)
}

/// The events that a batch stored, and what the requests are told.
#[derive(Debug, Default)]
pub(super) struct Accepted<'b> {
    pub(super) answers: Vec<Result<Vec<Acceptance>, AcceptError>>,
    pub(super) stored: Vec<&'b NewEvent>,
    pub(super) pending: Deltas,
}

/// Writes the events of the requests that are taken, numbered from `first` on.
pub(super) fn insert<'b>(
    connection: &Connection,
    requests: &'b [Arc<Vec<NewEvent>>],
    verdicts: Vec<Verdict>,
    first: EventSeq,
    now: WallTime,
) -> Result<Accepted<'b>, Fault> {
    let sql = "INSERT INTO event (seq, account, accepted_at, uuid, at, name, recipients, matched, body)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let mut statement = connection.prepare_cached(sql)?;
    let mut accepted = Accepted { answers: Vec::with_capacity(requests.len()), ..Accepted::default() };
    let (mut seq, mut packed) = (first, Vec::new());
    for (request, verdict) in requests.iter().zip(verdicts) {
        let mut answers = Vec::with_capacity(request.len());
        for (index, new) in request.iter().enumerate() {
            if !verdict.stores(index) {
                answers.push(Acceptance::Duplicate);
                continue;
            }
            packed.clear();
            pack::matched(&new.matched, &mut packed);
            let event = &new.event;
            statement.execute(params![
                seq.0,
                event.account.0.cast_signed(),
                event.accepted_at.0,
                &event.uuid.as_bytes()[..],
                event.timestamp.0,
                event.name,
                event.recipients.as_deref().map(pack::recipients),
                packed,
                &*event.body,
            ])?;
            wait(connection, seq, new, now, &mut accepted.pending)?;
            accepted.stored.push(new);
            answers.push(Acceptance::Stored(seq));
            seq.0 += 1;
        }
        accepted.answers.push(match verdict {
            Verdict::Refuse(refusal) => Err(refusal),
            Verdict::StoreAll | Verdict::Store(_) => Ok(answers),
        });
    }
    Ok(accepted)
}

/// Rows for the targets that have to wait, and a note if more targets are to come.
fn wait(
    connection: &Connection,
    seq: EventSeq,
    new: &NewEvent,
    now: WallTime,
    pending: &mut Deltas,
) -> Result<(), Fault> {
    if new.more_to_dispatch {
        let last = new.matched.last().map(|matched| matched.subscription).unwrap_or_default();
        leave_half_dispatched(connection, seq, last)?;
    }
    if new.parked.is_empty() {
        return Ok(());
    }
    let targets = new.parked.iter().filter_map(|index| new.matched.get(usize::from(*index)));
    let park = |target: &Matched| Park {
        key: DeliveryKey { event: seq, subscription: target.subscription, ordinal: 0 },
        matched: *target,
        due: now,
    };
    record::wait(connection, &targets.map(park).collect::<Vec<_>>(), pending)
}
