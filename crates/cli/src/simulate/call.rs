//! A call through its states: what telephony says of it, and how the presence of the one called follows.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::dice::Dice;
use super::script::{Cast, Person, Rules, Step, StoryTime, number, step_to, text};

/// Which state may follow which. A call never answers before it rings.
const STATES: &[(&str, &[&str])] = &[
    ("", &["Setup"]),
    ("Setup", &["Proceeding"]),
    ("Proceeding", &["Answered", "VoiceMail", "Disconnected"]),
    ("Answered", &["Hold", "Disconnected"]),
    ("Hold", &["Answered", "Disconnected"]),
    ("VoiceMail", &["Disconnected"]),
];

/// The presence of somebody whose only call is in this state; `None` where it says nothing new.
fn presence_in(state: &str) -> Option<&'static str> {
    match state {
        "Proceeding" => Some("Ringing"),
        "Answered" => Some("CallConnected"),
        "Hold" => Some("OnHold"),
        "Disconnected" => Some("NoCall"),
        _ => None,
    }
}

pub fn write(cast: &Cast, dice: &mut Dice) -> Vec<Step> {
    let mut call = Call::new(cast, dice);
    call.turn("Setup", "the call is set up");
    let ringing = format!("{} calls", call.other.first_name);
    call.turn("Proceeding", &ringing);
    if dice.chance(75) {
        call.pass(dice, 10);
        call.turn("Answered", "the call is answered");
        for _ in 0..dice.between(0, 2) {
            call.pass(dice, 60);
            call.turn("Hold", "the caller waits");
            call.pass(dice, 30);
            call.turn("Answered", "the two talk on");
        }
        call.pass(dice, 120);
        call.turn("Disconnected", "the call is over");
    } else {
        call.missed = true;
        call.pass(dice, 20);
        if dice.chance(50) {
            call.turn("VoiceMail", "the caller speaks after the tone");
            call.pass(dice, 30);
        }
        call.turn("Disconnected", "nobody answered");
    }
    call.steps
}

struct Call {
    cast: Cast,
    time: StoryTime,
    other: Person,
    inbound: bool,
    missed: bool,
    id: String,
    session: String,
    started: String,
    sequence: u64,
    presence_sequence: u64,
    steps: Vec<Step>,
}

impl Call {
    fn new(cast: &Cast, dice: &mut Dice) -> Self {
        let time = StoryTime::new(cast.start);
        Self {
            started: time.now(),
            time,
            other: Person::any(dice),
            inbound: dice.chance(80),
            missed: false,
            id: dice.hex(16),
            session: dice.between(100_000_000_000, 999_999_999_999).to_string(),
            sequence: 0,
            presence_sequence: dice.between(1_000, 9_000),
            cast: cast.clone(),
            steps: Vec::new(),
        }
    }

    fn pass(&mut self, dice: &mut Dice, seconds: u64) {
        self.time.pass(dice, seconds);
    }

    /// A new state, told by telephony and, where it shows there, by presence.
    fn turn(&mut self, state: &str, says: &str) {
        self.sequence += 1;
        let session = self.session_body(state);
        self.push("telephony/sessions", says, session);
        if let Some(status) = presence_in(state) {
            self.presence_sequence += 1;
            let presence = self.presence_body(status);
            self.push("presence", &format!("presence says {status}"), presence);
        }
    }

    fn push(&mut self, tail: &str, says: &str, body: Value) {
        let (account, extension) = (&self.cast.account, &self.cast.extension);
        let event = format!("/restapi/v1.0/account/{account}/extension/{extension}/{tail}");
        self.steps.push(Step { says: says.to_owned(), event, body });
    }

    fn direction(&self) -> &'static str {
        if self.inbound { "Inbound" } else { "Outbound" }
    }

    fn session_body(&self, state: &str) -> Value {
        let own = json!({ "name": "Front Desk", "phoneNumber": "+16505550101", "extensionId": self.cast.extension });
        let other = json!({ "name": self.other.name(), "phoneNumber": self.other.number });
        let (from, to) = if self.inbound { (other, own) } else { (own, other) };
        let mut status = json!({ "code": state, "rcc": false });
        if state == "Disconnected" {
            status["reason"] = if self.missed { "NoAnswer" } else { "CallFinished" }.into();
        }
        json!({
            "sequence": self.sequence,
            "sessionId": self.session,
            "telephonySessionId": format!("s-{}", self.id),
            "serverId": "10.13.120.5",
            "eventTime": self.time.now(),
            "origin": { "type": "Call" },
            "parties": [{
                "accountId": self.cast.account,
                "extensionId": self.cast.extension,
                "id": format!("p-{}-1", self.id),
                "direction": self.direction(),
                "from": from,
                "to": to,
                "status": status,
                "missedCall": self.missed && self.inbound && state == "Disconnected",
                "standAlone": false,
                "muted": false,
            }],
        })
    }

    fn presence_body(&self, status: &str) -> Value {
        let is_over = status == "NoCall";
        let presence = if is_over { "Available" } else { "Busy" };
        let (own, other) = ("+16505550101", self.other.number.as_str());
        let (from, to) = if self.inbound { (other, own) } else { (own, other) };
        let call = json!({
            "id": &self.id[..20],
            "direction": self.direction(),
            "from": from,
            "to": to,
            "startTime": self.started,
            "telephonyStatus": status,
            "sessionId": self.session,
            "telephonySessionId": format!("s-{}", self.id),
            "partyId": format!("p-{}-1", self.id),
        });
        let calls = if is_over { Vec::new() } else { vec![call] };
        json!({
            "extensionId": self.cast.extension,
            "telephonyStatus": status,
            "sequence": self.presence_sequence,
            "presenceStatus": presence,
            "userStatus": "Available",
            "meetingStatus": "Disconnected",
            "dndStatus": "TakeAllCalls",
            "allowSeeMyPresence": true,
            "ringOnMonitoredCall": false,
            "pickUpCallsOnHold": false,
            "totalActiveCalls": calls.len(),
            "activeCalls": calls,
        })
    }
}

/// Sequences grow by one, states follow each other as they may, presence says what the call does.
#[derive(Default)]
pub struct CallRules {
    /// By telephony session: the last sequence and state.
    sessions: HashMap<String, (u64, String)>,
    /// By extension: the last sequence and status.
    presence: HashMap<String, (u64, String)>,
}

impl Rules for CallRules {
    fn take(&mut self, event: &str, body: &Value) -> Result<(), String> {
        if event.ends_with("/telephony/sessions") { self.session(body) } else { self.presence(body) }
    }

    fn end(&self) -> Result<(), String> {
        for (session, (_, state)) in &self.sessions {
            if state != "Disconnected" {
                return Err(format!("call {session} ends as {state}"));
            }
        }
        match self.presence.iter().find(|(_, (_, status))| status != "NoCall") {
            Some((extension, (_, status))) => Err(format!("the presence of {extension} stays {status}")),
            None => Ok(()),
        }
    }
}

impl CallRules {
    fn session(&mut self, body: &Value) -> Result<(), String> {
        let id = text(body, "/telephonySessionId")?;
        let (sequence, state) = (number(body, "/sequence")?, text(body, "/parties/0/status/code")?);
        let (last, before) = self.sessions.get(id).map_or((0, ""), |(last, state)| (*last, state.as_str()));
        if sequence != last + 1 {
            return Err(format!("call {id}: sequence {sequence} after {last}"));
        }
        step_to(before, state, STATES).map_err(|why| format!("call {id}: {why}"))?;
        self.sessions.insert(id.to_owned(), (sequence, state.to_owned()));
        Ok(())
    }

    fn presence(&mut self, body: &Value) -> Result<(), String> {
        let extension = text(body, "/extensionId")?;
        let (sequence, status) = (number(body, "/sequence")?, text(body, "/telephonyStatus")?);
        if let Some((last, _)) = self.presence.get(extension)
            && sequence != last + 1
        {
            return Err(format!("presence of {extension}: sequence {sequence} after {last}"));
        }
        let calls = body["activeCalls"].as_array().map_or(&[][..], Vec::as_slice);
        if number(body, "/totalActiveCalls")? != calls.len() as u64
            || calls.is_empty() != (status == "NoCall")
        {
            return Err(format!("presence of {extension}: {status} with {} calls", calls.len()));
        }
        for call in calls {
            let id = text(call, "/telephonySessionId")?;
            let state = self.sessions.get(id).map_or("", |(_, state)| state);
            if presence_in(state) != Some(status) {
                return Err(format!("presence of {extension}: {status} while call {id} is {state:?}"));
            }
        }
        self.presence.insert(extension.to_owned(), (sequence, status.to_owned()));
        Ok(())
    }
}
