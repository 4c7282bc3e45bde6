//! A conference from its start through invitations by telephone, joins, recording and livestream to its end,
//! and the recording that is ready afterwards.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::dice::Dice;
use super::script::{Cast, Person, Rules, Step, number, step_to, text};

const DIALLING: &[(&str, &[&str])] =
    &[("", &["new"]), ("new", &["dialed", "cancelled"]), ("dialed", &["answered", "rejected", "noanswer"])];

pub fn write(cast: &Cast, dice: &mut Dice) -> Vec<Step> {
    let mut conference = Conference::new(cast, dice);
    conference.tell("conference_start", "the conference starts", json!({}));
    conference.enters(1, "organizer");
    for _ in 0..dice.between(1, 3) {
        conference.is_dialled(dice);
    }
    for _ in 0..dice.between(1, 3) {
        let participant = conference.next_participant();
        conference.enters(participant, "participant");
    }
    conference.tell("start_recording", "it is recorded", json!({}));
    let of_somebody = conference.present.last().copied().unwrap_or(1);
    let role = json!({ "participant_id": of_somebody, "participant_role": "moderator" });
    conference.tell("participant_role_changed", "somebody becomes a moderator", role);
    conference.roles.insert(of_somebody, "moderator");
    conference.livestream(dice);
    conference.tell("stop_recording", "the recording stops", json!({}));
    while let Some(participant) = conference.present.pop() {
        conference.leaves(participant, dice);
    }
    conference.tell("conference_end", "the conference ends", json!({}));
    let recording = dice.between(10_000, 99_999);
    let link = format!("https://media.example.com/recordings/{recording}.mp4");
    let ready = json!({ "recording_id": recording, "download_link": link });
    conference.tell("recording_ready", "the recording is ready", ready);
    if dice.chance(50) {
        conference.tell("transcription_ready", "so is its transcription", json!({}));
    }
    conference.steps
}

struct Conference {
    company: Option<u64>,
    id: u64,
    host: u64,
    participants: u64,
    /// Who is in it, in the order of coming.
    present: Vec<u64>,
    roles: HashMap<u64, &'static str>,
    steps: Vec<Step>,
}

impl Conference {
    fn new(cast: &Cast, dice: &mut Dice) -> Self {
        Self {
            company: cast.company,
            id: dice.between(1_000_000, 9_999_999),
            host: dice.between(10_000, 99_999),
            participants: 1,
            present: Vec::new(),
            roles: HashMap::new(),
            steps: Vec::new(),
        }
    }

    /// An event of this conference with more members.
    fn tell(&mut self, event: &str, says: &str, more: Value) {
        let mut body = json!({ "host_id": self.host });
        // The one event that never names the company.
        if let Some(company) = self.company.filter(|_| event != "participant_role_changed") {
            body["company_id"] = company.into();
        }
        body["conference_id"] = self.id.into();
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        self.steps.push(Step { says: says.to_owned(), event: event.to_owned(), body });
    }

    fn next_participant(&mut self) -> u64 {
        self.participants += 1;
        self.participants
    }

    fn enters(&mut self, participant: u64, role: &'static str) {
        let more = json!({
            "participant_id": participant,
            "participant_role": role,
            "meeting_url": format!("https://meet.example.com/c/{}", self.id),
        });
        self.tell("enter_conference", &format!("participant {participant} enters"), more);
        self.present.push(participant);
        self.roles.insert(participant, role);
    }

    fn leaves(&mut self, participant: u64, dice: &mut Dice) {
        let more = json!({
            "participant_id": participant,
            "participant_role": self.roles.get(&participant),
            "reason_for_leaving": dice.one_of(&["user_exit", "user_exit", "user_dropped", "host_kicked"]),
        });
        self.tell("leave_conference", &format!("participant {participant} leaves"), more);
    }

    /// Is invited by telephone; who answers enters.
    fn is_dialled(&mut self, dice: &mut Dice) {
        let (participant, person) = (self.next_participant(), Person::any(dice));
        let last = dice.one_of(&["answered", "answered", "rejected", "noanswer"]);
        for status in ["new", "dialed", last] {
            let more =
                json!({ "participant_id": participant, "status": status, "phone_number": person.number });
            let says = format!("{} is invited by telephone: {status}", person.first_name);
            self.tell("dialout_status_change", &says, more);
        }
        if last == "answered" {
            self.enters(participant, "participant");
        }
    }

    fn livestream(&mut self, dice: &mut Dice) {
        self.tell("start_streaming", "a livestream starts", json!({}));
        let video = format!("https://media.example.com/previews/{}.mp4", self.id);
        self.tell("stream_preview_updated", "it has a preview", json!({ "video_url": video }));
        let viewers: Vec<u64> = (0..dice.between(1, 3)).map(|_| self.next_participant()).collect();
        for viewer in &viewers {
            let more = json!({ "participant_id": viewer });
            self.tell("enter_livestream", &format!("viewer {viewer} comes"), more);
        }
        for viewer in &viewers {
            let more = json!({ "participant_id": viewer, "reason_for_leaving": "user_exit" });
            self.tell("leave_livestream", &format!("viewer {viewer} goes"), more);
        }
        self.tell("stop_streaming", "the livestream stops", json!({}));
    }
}

/// Nothing before the start; after the end only what is ready; nobody leaves who has not entered, nobody
/// enters who was called and did not answer; what stops was started; only what was recorded is ready.
#[derive(Default)]
pub struct ConferenceRules {
    started: bool,
    ended: bool,
    recording: bool,
    recorded: bool,
    streaming: bool,
    /// By participant: how far the invitation by telephone has come.
    dialled: HashMap<u64, String>,
    present: Vec<u64>,
    watching: Vec<u64>,
}

impl Rules for ConferenceRules {
    fn take(&mut self, event: &str, body: &Value) -> Result<(), String> {
        self.is_in_time(event)?;
        match event {
            "conference_start" => self.started = true,
            "conference_end" => self.ends()?,
            "start_recording" => change(&mut self.recording, true, event)?,
            "stop_recording" => {
                change(&mut self.recording, false, event)?;
                self.recorded = true;
            }
            "start_streaming" => change(&mut self.streaming, true, event)?,
            "stop_streaming" => change(&mut self.streaming, false, event)?,
            "recording_ready" | "transcription_ready" if !self.recorded => {
                return Err(format!("{event}, and nothing was recorded"));
            }
            "dialout_status_change" => {
                let before = self.dialled.entry(number(body, "/participant_id")?).or_default();
                let status = text(body, "/status")?;
                step_to(before, status, DIALLING)?;
                status.clone_into(before);
            }
            "enter_conference" => self.enters(number(body, "/participant_id")?)?,
            "leave_conference" => goes(&mut self.present, number(body, "/participant_id")?)?,
            "enter_livestream" if self.streaming => self.watching.push(number(body, "/participant_id")?),
            "enter_livestream" => return Err("somebody watches what is not streamed".to_owned()),
            "leave_livestream" => goes(&mut self.watching, number(body, "/participant_id")?)?,
            _ => {}
        }
        Ok(())
    }

    fn end(&self) -> Result<(), String> {
        if self.ended { Ok(()) } else { Err("the conference does not end".to_owned()) }
    }
}

impl ConferenceRules {
    fn is_in_time(&self, event: &str) -> Result<(), String> {
        let is_afterwards = matches!(event, "recording_ready" | "transcription_ready");
        if self.started == (event == "conference_start") {
            return Err(format!("{event} before the start, or a second start"));
        }
        if self.ended != is_afterwards {
            return Err(format!("{event} {} the end", if self.ended { "after" } else { "before" }));
        }
        Ok(())
    }

    fn enters(&mut self, participant: u64) -> Result<(), String> {
        if let Some(status) = self.dialled.get(&participant).filter(|status| *status != "answered") {
            return Err(format!("participant {participant} enters, and the telephone says {status}"));
        }
        if self.present.contains(&participant) {
            return Err(format!("participant {participant} enters twice"));
        }
        self.present.push(participant);
        Ok(())
    }

    fn ends(&mut self) -> Result<(), String> {
        if self.recording || self.streaming || !self.present.is_empty() || !self.watching.is_empty() {
            return Err("conference_end while something goes on".to_owned());
        }
        self.ended = true;
        Ok(())
    }
}

fn change(state: &mut bool, to: bool, event: &str) -> Result<(), String> {
    if *state == to {
        return Err(format!("{event} where it is so already"));
    }
    *state = to;
    Ok(())
}

fn goes(from: &mut Vec<u64>, participant: u64) -> Result<(), String> {
    let place = from.iter().position(|known| *known == participant);
    let place = place.ok_or_else(|| format!("participant {participant} leaves and was not there"))?;
    from.remove(place);
    Ok(())
}
