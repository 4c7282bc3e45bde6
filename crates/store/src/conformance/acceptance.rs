//! Accepting: order, wholeness, uuids.

use bytes::Bytes;
use hookswitch_core::event::StoredEvent;
use hookswitch_core::id::{AccountId, EventSeq, ExtensionId};

use super::Subject;
use super::draft::{NOW, accept, after, batch, commit, event, published, requests, stored, uuid};
use crate::log::{AcceptError, Acceptance, Batch, Committed, EventLog, NewEvent, Scope};

pub async fn numbers_grow_in_the_order_of_requests_and_entries(subject: &mut dyn Subject) {
    let log = subject.open().await;
    let mut seen = Vec::new();
    for round in 0..3 {
        let request =
            |first: u64| (first..first + 4).map(|number| event(round * 100 + number, &[1])).collect();
        let committed = commit(&*log, requests(vec![request(0), request(10), request(20)])).await;
        seen.extend(committed.requests.into_iter().flat_map(Result::unwrap).map(stored));
    }
    assert_eq!(seen.len(), 36);
    assert!(seen.is_sorted_by(|one, next| one < next), "{seen:?}");
    let order = [(0, 0), (1, 1), (4, 10), (8, 20), (35, 223)];
    for (place, number) in order {
        let found = log.event(seen[place]).await.unwrap().unwrap();
        assert_eq!(found.event.uuid, uuid(number));
    }
    drop(log);
    let again = subject.open().await;
    let next = accept(&*again, vec![event(999, &[])]).await[0];
    assert!(next > seen[35], "no number is used twice");
}

pub async fn everything_about_an_event_is_kept(subject: &mut dyn Subject) {
    let mut plain = event(1, &[3]);
    plain.event.body = Bytes::from_static(b"{}");
    let mut full = published(2, &(1..=256).collect::<Vec<_>>());
    full.event.account = AccountId(u64::MAX);
    full.event.name = "/restapi/v1.0/account/~/\u{e4}".into();
    full.event.timestamp = after(-86_400);
    full.event.accepted_at = after(1);
    full.event.body = Bytes::from(vec![b'x'; 256 * 1024]);
    full.event.recipients = Some(vec![ExtensionId(5), ExtensionId(u64::MAX)]);
    let mut nobody = event(3, &[]);
    nobody.event.recipients = Some(Vec::new());

    let news = vec![plain, full, nobody];
    let mut log = subject.open().await;
    let seqs = accept(&*log, news.clone()).await;
    for reopened in [false, true] {
        if reopened {
            drop(log);
            log = subject.open().await;
        }
        for (seq, new) in seqs.iter().zip(&news) {
            let expected = StoredEvent { seq: *seq, event: new.event.clone() };
            assert_eq!(log.event(*seq).await.unwrap(), Some(expected.clone()));
            let found = log.event_by_uuid(Scope::Operator, new.event.uuid).await.unwrap();
            assert_eq!(found, vec![(expected, new.matched.clone())]);
        }
    }
    assert_eq!(log.event(EventSeq(seqs[2].0 + 1)).await.unwrap(), None);
}

/// The answers to the requests of one batch, in short.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Stored,
    Duplicate,
    Taken(usize),
}
use Answer::{Duplicate, Stored, Taken};

fn short(committed: Committed) -> Vec<Vec<Answer>> {
    let entry = |acceptance| match acceptance {
        Acceptance::Stored(_) => Stored,
        Acceptance::Duplicate => Duplicate,
    };
    let answer = |answer| match answer {
        Ok(entries) => Vec::into_iter(entries).map(entry).collect(),
        Err(AcceptError::UuidTaken { index }) => vec![Taken(index)],
        Err(AcceptError::Store(error)) => panic!("{error}"),
    };
    committed.requests.into_iter().map(answer).collect()
}

async fn answers(log: &dyn EventLog, asked: Vec<Vec<NewEvent>>) -> Vec<Vec<Answer>> {
    short(commit(log, requests(asked)).await)
}

/// How many events have this uuid.
async fn known(log: &dyn EventLog, number: u64) -> usize {
    log.event_by_uuid(Scope::Operator, uuid(number)).await.unwrap().len()
}

fn with_body(mut new: NewEvent, body: &'static str) -> NewEvent {
    new.event.body = Bytes::from_static(body.as_bytes());
    new
}

pub async fn a_request_is_taken_whole_or_not_at_all(subject: &mut dyn Subject) {
    let log = subject.open().await;
    accept(&*log, vec![published(1, &[1])]).await;
    let clash = with_body(published(1, &[1]), "other");
    let asked = vec![
        vec![published(10, &[1]), event(11, &[1])],
        vec![published(20, &[1]), event(21, &[1]), clash, published(22, &[1])],
        vec![published(30, &[1])],
    ];
    assert_eq!(answers(&*log, asked).await, [vec![Stored, Stored], vec![Taken(2)], vec![Stored]]);
    for (number, count) in [(10, 1), (11, 1), (20, 0), (21, 0), (22, 0), (30, 1), (1, 1)] {
        assert_eq!(known(&*log, number).await, count, "event {number}");
    }
}

pub async fn the_same_content_again_is_a_duplicate(subject: &mut dyn Subject) {
    let mut log = subject.open().await;
    let mut named = published(2, &[1]);
    named.timestamp_is_publishers = true;
    named.event.recipients = Some(vec![ExtensionId(9)]);
    accept(&*log, vec![published(1, &[1]), named.clone()]).await;
    for reopened in [false, true] {
        if reopened {
            drop(log);
            log = subject.open().await;
        }
        // Our time of the fact differs at each try; it is no part of the content.
        let mut later = published(1, &[1, 2]);
        later.event.timestamp = after(5);
        later.event.accepted_at = after(5);
        let asked = vec![vec![later, event(100 + u64::from(reopened), &[])], vec![named.clone()]];
        assert_eq!(answers(&*log, asked).await, [vec![Duplicate, Stored], vec![Duplicate]]);
    }
    assert_eq!((known(&*log, 1).await, known(&*log, 2).await), (1, 1));
}

pub async fn other_content_under_a_known_uuid_is_refused(subject: &mut dyn Subject) {
    let log = subject.open().await;
    let mut first = published(1, &[1]);
    first.timestamp_is_publishers = true;
    // A uuid of ours is known to whom we told it, and as unique as any other.
    accept(&*log, vec![first.clone(), event(2, &[1])]).await;
    let changed = |change: &dyn Fn(&mut NewEvent)| {
        let mut new = first.clone();
        change(&mut new);
        vec![new]
    };
    let asked = vec![
        changed(&|new| new.event.body = Bytes::from_static(b"{}")),
        changed(&|new| new.event.name.push('/')),
        changed(&|new| new.event.timestamp = after(1)),
        changed(&|new| new.event.recipients = Some(Vec::new())),
        vec![with_body(published(2, &[1]), "other")],
    ];
    let refused: Vec<_> = (0..asked.len()).map(|_| vec![Taken(0)]).collect();
    assert_eq!(answers(&*log, asked).await, refused);
}

pub async fn repeats_within_a_request_and_a_batch_are_seen(subject: &mut dyn Subject) {
    let log = subject.open().await;
    let other = || with_body(published(1, &[1]), "other");
    let asked = vec![
        vec![published(1, &[1]), event(5, &[]), published(1, &[1])],
        vec![published(1, &[1])],
        vec![published(6, &[]), other()],
        vec![published(2, &[]), published(3, &[]), with_body(published(2, &[]), "other")],
    ];
    let expected = [vec![Stored, Stored, Duplicate], vec![Duplicate], vec![Taken(1)], vec![Taken(2)]];
    assert_eq!(answers(&*log, asked).await, expected);
    for (number, count) in [(1, 1), (2, 0), (3, 0), (5, 1), (6, 0)] {
        assert_eq!(known(&*log, number).await, count, "event {number}");
    }
}

pub async fn a_refused_request_claims_no_uuid(subject: &mut dyn Subject) {
    let log = subject.open().await;
    accept(&*log, vec![published(1, &[])]).await;
    let asked = vec![
        vec![published(2, &[]), with_body(published(1, &[]), "other")],
        vec![with_body(published(2, &[]), "other")],
    ];
    assert_eq!(answers(&*log, asked).await, [vec![Taken(1)], vec![Stored]]);
}

pub async fn a_uuid_is_unique_within_its_account_only(subject: &mut dyn Subject) {
    let log = subject.open().await;
    let mut foreign = with_body(published(1, &[1]), "other");
    foreign.event.account = AccountId(2);
    assert_eq!(
        answers(&*log, vec![vec![published(1, &[1])], vec![foreign.clone()]]).await,
        [[Stored], [Stored]]
    );
    assert_eq!(
        answers(&*log, vec![vec![published(1, &[1])], vec![foreign]]).await,
        [[Duplicate], [Duplicate]]
    );
    assert_eq!(known(&*log, 1).await, 2);
}

pub async fn a_uuid_is_free_again_after_the_window(subject: &mut dyn Subject) {
    let log = subject.open().await;
    accept(&*log, vec![published(1, &[])]).await;
    let at = |seconds| {
        let mut new = with_body(published(1, &[]), "other");
        new.event.accepted_at = after(seconds);
        Batch { now: after(seconds), ..requests(vec![vec![new]]) }
    };
    let day = 24 * 3600;
    assert_eq!(short(commit(&*log, at(day - 1)).await), [[Taken(0)]]);
    assert_eq!(short(commit(&*log, at(day + 1)).await), [[Stored]]);
    // From now on it is the later one that counts, and a search finds both, the later one last.
    assert_eq!(short(commit(&*log, at(day + 2)).await), [[Duplicate]]);
    let found = log.event_by_uuid(Scope::Operator, uuid(1)).await.unwrap();
    let times: Vec<_> = found.iter().map(|(stored, _)| stored.event.accepted_at).collect();
    assert_eq!(times, [NOW, after(day + 1)]);
}

pub async fn many_uuids_are_remembered_and_others_are_new(subject: &mut dyn Subject) {
    let mut log = subject.open().await;
    // A product of odd numbers is spread over all bits: publishers choose random uuids.
    let spread = |number: u64| published(number.wrapping_mul(0x9e37_79b9_7f4a_7c15), &[]);
    for round in 0..30 {
        let news = (round * 100..round * 100 + 100).map(spread).collect();
        assert_eq!(answers(&*log, vec![news]).await[0].len(), 100);
    }
    for reopened in [false, true] {
        if reopened {
            drop(log);
            log = subject.open().await;
        }
        let asked = (0..3000).step_by(7).map(|number| vec![spread(number)]).collect();
        assert!(answers(&*log, asked).await.iter().all(|answer| *answer == [Duplicate]));
        let clash = |number| vec![with_body(spread(number), "other")];
        assert!(
            answers(&*log, (0..3000).step_by(11).map(clash).collect())
                .await
                .iter()
                .all(|answer| *answer == [Taken(0)])
        );
        let first = if reopened { 100_000 } else { 50_000 };
        let fresh = (first..first + 300).map(|number| vec![spread(number)]).collect();
        assert!(answers(&*log, fresh).await.iter().all(|answer| *answer == [Stored]));
    }
    assert_eq!(commit(&*log, batch()).await.requests.len(), 0);
}
