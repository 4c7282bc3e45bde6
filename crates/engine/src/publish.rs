//! From a published event to a request for the committer: match, filter by recipients, promise room.
//!
//! Runs on the caller's task and touches no storage. The promise of room is kept or given back by the
//! committer, whatever becomes of the caller.

use std::sync::Arc;

use hookswitch_core::catalogue::Resolved;
use hookswitch_core::clock::WallTime;
use hookswitch_core::event::Event;
use hookswitch_core::id::{FilterNo, SubscriptionNo};
use hookswitch_core::limits::FAN_OUT_AT_ACCEPT;
use hookswitch_core::matching::Match;
use hookswitch_store::StoreError;
use hookswitch_store::log::{AcceptError, Acceptance, Matched, NewEvent};
use tokio::sync::oneshot;

use crate::intake::{Refused, Request, Room};
use crate::lane::Lane;
use crate::shared::Shared;

/// One event as a publisher sent it, checked and resolved.
pub struct Publication {
    pub event: Event,
    pub resolved: Resolved,
    pub uuid_is_publishers: bool,
    pub timestamp_is_publishers: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    #[error("too many publish requests wait for the store")]
    Overloaded,
    #[error("entry {index} has the uuid of another event")]
    UuidTaken { index: usize },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<AcceptError> for PublishError {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::UuidTaken { index } => Self::UuidTaken { index },
            AcceptError::Store(error) => Self::Store(error),
        }
    }
}

pub(crate) async fn publish(
    shared: &Arc<Shared>,
    publications: Vec<Publication>,
) -> Result<Vec<Acceptance>, PublishError> {
    let (reply, answer) = oneshot::channel();
    let mut request = Request {
        bytes: publications.iter().map(|publication| publication.event.body.len()).sum(),
        events: Vec::with_capacity(publications.len()),
        rooms: Vec::with_capacity(publications.len()),
        rest: Vec::new(),
        reply,
    };
    let now = shared.deps.handles.now();
    let mut matches = Vec::new();
    for publication in publications {
        add(shared, &mut request, publication, &mut matches, now);
    }
    match shared.intake.request(request) {
        Ok(()) => {}
        Err((Refused::Full, request)) => {
            request.refuse(StoreError::Unavailable("too many requests wait".into()));
            return Err(PublishError::Overloaded);
        }
        Err((Refused::Closed, request)) => {
            request.refuse(closing());
            return Err(PublishError::Store(closing()));
        }
    }
    Ok(answer.await.map_err(|_| closing())??)
}

/// Hands an event of our own making, for one subscription alone, to the committer. Its uuid names it for
/// good: made twice, it is accepted once.
pub(crate) fn to_one(
    shared: &Shared,
    event: Event,
    lane: &Arc<Lane>,
    filter: FilterNo,
) -> Result<oneshot::Receiver<Result<Vec<Acceptance>, AcceptError>>, StoreError> {
    let reserved = lane.reserve(event.accepted_at);
    let (reply, answer) = oneshot::channel();
    let request = Request {
        bytes: event.body.len(),
        rooms: vec![vec![Room { lane: Arc::clone(lane), reserved }]],
        rest: Vec::new(),
        events: vec![NewEvent {
            event,
            matched: vec![Matched { subscription: lane.no, filter, shape: 0 }],
            more_to_dispatch: false,
            parked: if reserved { Vec::new() } else { vec![0] },
            uuid_is_publishers: true,
            timestamp_is_publishers: false,
        }],
        reply,
    };
    match shared.intake.request(request) {
        Ok(()) => Ok(answer),
        Err((refused, request)) => {
            let error = match refused {
                Refused::Full => StoreError::Unavailable("too many requests wait".into()),
                Refused::Closed => closing(),
            };
            request.release();
            Err(error)
        }
    }
}

fn closing() -> StoreError {
    StoreError::Unavailable("the server is closing down".into())
}

fn add(
    shared: &Shared,
    request: &mut Request,
    publication: Publication,
    matches: &mut Vec<Match>,
    now: WallTime,
) {
    let Publication { event, resolved, uuid_is_publishers, timestamp_is_publishers } = publication;
    matches.clear();
    shared.index.read().matches(&shared.deps.catalogue, &resolved, &event, matches);
    let mut rooms = Vec::with_capacity(matches.len().min(FAN_OUT_AT_ACCEPT));
    let mut matched = Vec::with_capacity(matches.len().min(FAN_OUT_AT_ACCEPT));
    let mut parked = Vec::new();
    let mut rest = Vec::new();
    {
        let all = shared.lanes.read();
        for found in matches.iter() {
            let Some(lane) = all.get(&found.subscription).filter(|lane| wants(lane, &event, now)) else {
                continue;
            };
            let target =
                Matched { subscription: found.subscription, filter: found.filter, shape: found.shape };
            if matched.len() == FAN_OUT_AT_ACCEPT {
                rest.push(target);
                continue;
            }
            let reserved = lane.reserve(now);
            if !reserved {
                parked.push(u16::try_from(matched.len()).unwrap_or(u16::MAX));
            }
            matched.push(target);
            rooms.push(Room { lane: Arc::clone(lane), reserved });
        }
    }
    let more_to_dispatch = !rest.is_empty();
    if more_to_dispatch {
        request.rest.push((request.events.len(), rest));
    }
    request.rooms.push(rooms);
    request.events.push(NewEvent {
        event,
        matched,
        more_to_dispatch,
        parked,
        uuid_is_publishers,
        timestamp_is_publishers,
    });
}

/// Whether the subscription still wants events and is among the recipients, if there are any (D24).
fn wants(lane: &Lane, event: &Event, now: WallTime) -> bool {
    let live = lane.live();
    let subscription = &live.subscription;
    let recipients = event.recipients.as_ref();
    lane.ended().is_none()
        && !subscription.is_expired(now)
        && recipients.is_none_or(|recipients| recipients.contains(&subscription.owner))
}

/// The targets of a large fan-out beyond `last`, for a dispatch that was cut short. Subscriptions made
/// after the event was accepted are not among them.
pub(crate) fn rematch(shared: &Shared, event: &Event, last: SubscriptionNo) -> Vec<Matched> {
    let Ok(resolved) = shared.deps.catalogue.resolve(&event.name) else { return Vec::new() };
    let mut matches = Vec::new();
    shared.index.read().matches(&shared.deps.catalogue, &resolved, event, &mut matches);
    let all = shared.lanes.read();
    let is_target = |found: &&Match| {
        found.subscription > last
            && all.get(&found.subscription).is_some_and(|lane| {
                lane.live().subscription.created_at <= event.accepted_at
                    && wants(lane, event, event.accepted_at)
            })
    };
    let target = |found: &Match| Matched {
        subscription: found.subscription,
        filter: found.filter,
        shape: found.shape,
    };
    matches.iter().filter(is_target).map(target).collect()
}
