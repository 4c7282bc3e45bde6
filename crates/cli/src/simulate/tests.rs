//! Every seed's story keeps its rules and the catalogue's schemas; the rules notice what is out of order.

use hookswitch_core::catalogue::Catalogue;
use hookswitch_core::clock::WallTime;
use serde_json::{Value, json};

use super::script::{Cast, Step};
use super::*;

const SEEDS: u64 = 200;
const EVENTFUL: [StoryName; 3] = [StoryName::Call, StoryName::Webinar, StoryName::Conference];

fn cast() -> Cast {
    Cast {
        account: "400131".into(),
        extension: "400131001".into(),
        company: Some(10_014),
        start: WallTime(1_767_603_600_000),
    }
}

fn steps(name: StoryName, seed: u64) -> Vec<Step> {
    story(name, &cast(), seed).0
}

fn broken(name: StoryName, steps: &[Step]) -> Option<String> {
    let (_, mut rules) = story(name, &cast(), 1);
    play::check(steps, rules.as_mut()).err()
}

#[test]
fn the_story_of_every_seed_keeps_its_rules_and_the_schemas() {
    let catalogue = Catalogue::built_in();
    for name in EVENTFUL {
        for seed in 0..SEEDS {
            let steps = steps(name, seed);
            assert_eq!(broken(name, &steps), None, "{name:?} {seed}");
            for step in &steps {
                let resolved = catalogue.resolve(&step.event).expect("an event type");
                let entry = catalogue.entry(resolved.entry);
                assert_eq!(entry.schema.check(&step.body), Ok(()), "{name:?} {seed}: {}", step.event);
            }
        }
    }
}

#[test]
fn a_seed_tells_the_same_story_again_and_seeds_differ() {
    for name in EVENTFUL {
        assert_eq!(steps(name, 7), steps(name, 7));
        assert_ne!(steps(name, 7), steps(name, 8));
    }
    let posts = |seed| chat::write(&mut Dice::new(seed));
    assert_eq!(posts(7), posts(7));
    assert_ne!(posts(7), posts(8));
}

#[test]
fn together_the_stories_tell_what_they_are_there_for() {
    let told = |name, words: &str| {
        (0..SEEDS).any(|seed| {
            steps(name, seed).iter().any(|step| step.publication(&cast()).to_string().contains(words))
        })
    };
    for words in
        ["\"Hold\"", "\"VoiceMail\"", "\"missedCall\":true", "\"Outbound\"", "\"OnHold\"", "\"NoCall\""]
    {
        assert!(told(StoryName::Call, words), "{words}");
    }
    for words in ["\"Practice\"", "\"Break\"", "\"Debrief\"", "\"Finished\"", "/registrants", "\"Closed\""] {
        assert!(told(StoryName::Webinar, words), "{words}");
    }
    for words in [
        "dialout_status_change",
        "\"noanswer\"",
        "enter_livestream",
        "recording_ready",
        "transcription_ready",
    ] {
        assert!(told(StoryName::Conference, words), "{words}");
    }
}

/// A story without any one of its events, or with two neighbours the wrong way round, is mostly not one any
/// more. What stays a story is told below.
#[test]
fn the_rules_notice_events_that_are_missing() {
    for (name, may_miss) in [
        (StoryName::Call, &[][..]),
        (StoryName::Webinar, &["Practice"]),
        (
            StoryName::Conference,
            &["participant_role_changed", "stream_preview_updated", "recording_ready", "transcription_ready"],
        ),
    ] {
        for seed in 0..20 {
            let whole = steps(name, seed);
            for missing in 0..whole.len() {
                let mut rest = whole.clone();
                let taken = rest.remove(missing).publication(&cast()).to_string();
                let is_allowed =
                    may_miss.iter().any(|words| taken.contains(words)) || is_optional(name, &taken);
                assert!(broken(name, &rest).is_some() || is_allowed, "{name:?} {seed}: without {taken}");
            }
        }
    }
}

/// Presence says nothing that a call needs, except that its own numbers must not have holes; the last
/// presence is noticed at the end. An invitation that nobody answered can stay undecided.
fn is_optional(name: StoryName, event: &str) -> bool {
    match name {
        StoryName::Call => event.contains("/presence") && event.contains("Ringing"),
        StoryName::Conference => event.contains("rejected") || event.contains("noanswer"),
        _ => false,
    }
}

#[test]
fn the_rules_name_what_is_wrong() {
    let call = steps(StoryName::Call, 1);
    let change = |index: usize, pointer: &str, value: Value| {
        let mut changed = call.clone();
        *changed[index].body.pointer_mut(pointer).expect("there") = value;
        broken(StoryName::Call, &changed).expect("noticed")
    };
    let answers_first = change(1, "/parties/0/status/code", json!("Answered"));
    assert!(answers_first.contains("Answered after Setup"), "{answers_first}");
    assert!(change(1, "/sequence", json!(3)).contains("sequence 3 after 1"));
    assert!(change(2, "/telephonyStatus", json!("OnHold")).contains("OnHold while call"));
    assert!(change(2, "/totalActiveCalls", json!(2)).contains("Ringing with 1 calls"));

    let conference = steps(StoryName::Conference, 1);
    let mut backwards = conference.clone();
    backwards.swap(0, 1);
    let words = broken(StoryName::Conference, &backwards).expect("noticed");
    assert!(words.contains("event 1 (enter_conference): enter_conference before the start"), "{words}");
    let mut twice = conference;
    twice.insert(1, twice[1].clone());
    assert!(broken(StoryName::Conference, &twice).expect("noticed").contains("enters twice"));

    let webinar = steps(StoryName::Webinar, 1);
    let late = webinar.iter().position(|step| step.event.ends_with("/registrants")).expect("somebody");
    let mut too_early = webinar;
    too_early.swap(1, late);
    assert!(
        broken(StoryName::Webinar, &too_early).expect("noticed").contains("registers while registration is")
    );
}

#[test]
fn a_chat_is_as_it_should_be_only_with_every_post_once_and_in_order() {
    let post = |title: &str, at: &str| json!({ "title": title, "creationTime": at });
    let (one, two) = (post("1", "2026-01-01T00:00:01.000Z"), post("2", "2026-01-01T00:00:02.000Z"));
    assert_eq!(chat::check(&["1", "2"], &[one.clone(), two.clone()]), Ok(()));
    for found in [&[one.clone()][..], &[two.clone(), one.clone()], &[one.clone(), two.clone(), two.clone()]] {
        assert!(chat::check(&["1", "2"], found).is_err());
    }
    let earlier = post("2", "2026-01-01T00:00:00.000Z");
    assert!(chat::check(&["1", "2"], &[one, earlier]).expect_err("noticed").contains("earlier"));
}
