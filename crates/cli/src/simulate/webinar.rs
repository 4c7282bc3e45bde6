//! A webinar from its planning through its registrations to its end.

use serde_json::{Value, json};

use super::dice::Dice;
use super::script::{Cast, Person, Rules, Step, StoryTime, number, step_to, text};

const SESSIONS: &str = "/webinar/configuration/v1/company/sessions";
const RUNTIME: &str = "/webinar/runtime/v1/company/sessions/state";
const REGISTRATION: &str = "/webinar/registration/v1/company/sessions/state";
const REGISTRANTS: &str = "/webinar/registration/v1/company/sessions/registrants";

const PLANNED: &[(&str, &[&str])] =
    &[("", &["Scheduled"]), ("Scheduled", &["Active"]), ("Active", &["Finished"])];
const RUN: &[(&str, &[&str])] = &[
    ("", &["Practice", "GoingLive"]),
    ("Practice", &["GoingLive"]),
    ("GoingLive", &["Live"]),
    ("Live", &["Break", "Debrief"]),
    ("Break", &["Live"]),
    ("Debrief", &["Idle"]),
];
const ADMISSION: &[(&str, &[&str])] = &[("", &["Open"]), ("Open", &["Open", "Closed"])];

pub fn write(cast: &Cast, dice: &mut Dice) -> Vec<Step> {
    let mut webinar = Webinar::new(cast, dice);
    webinar.planned("Scheduled", "a webinar is planned");
    webinar.admission("Open", "registration opens");
    for _ in 0..dice.between(2, 6) {
        webinar.time.pass(dice, 3_600);
        webinar.registers(dice);
    }
    webinar.admission("Closed", "registration closes");
    webinar.time.pass(dice, 3_600);
    if dice.chance(50) {
        webinar.run("Practice", "the speakers rehearse");
        webinar.time.pass(dice, 600);
    }
    webinar.run("GoingLive", "the doors open");
    webinar.planned("Active", "the session is active");
    webinar.time.pass(dice, 60);
    webinar.run("Live", "the webinar is live");
    if dice.chance(50) {
        webinar.time.pass(dice, 1_800);
        webinar.run("Break", "a break");
        webinar.time.pass(dice, 300);
        webinar.run("Live", "the webinar goes on");
    }
    webinar.time.pass(dice, 1_800);
    webinar.run("Debrief", "the speakers stay a while");
    webinar.time.pass(dice, 300);
    webinar.run("Idle", "the stage is empty");
    webinar.planned("Finished", "the session is finished");
    webinar.steps
}

struct Webinar {
    cast: Cast,
    time: StoryTime,
    planned_at: String,
    /// No id is longer than 20 characters.
    session: String,
    id: String,
    registrants: u64,
    steps: Vec<Step>,
}

impl Webinar {
    fn new(cast: &Cast, dice: &mut Dice) -> Self {
        let time = StoryTime::new(cast.start);
        Self {
            planned_at: time.now(),
            time,
            session: format!("ses-{}", dice.hex(6)),
            id: format!("web-{}", dice.hex(6)),
            registrants: 0,
            cast: cast.clone(),
            steps: Vec::new(),
        }
    }

    fn push(&mut self, event: &str, says: &str, body: Value) {
        self.steps.push(Step { says: says.to_owned(), event: event.to_owned(), body });
    }

    fn of(&self) -> Value {
        let user = json!({ "userId": self.cast.extension, "accountId": self.cast.account, "domain": "pbx" });
        json!({ "id": self.id, "title": "How we build event systems", "host": { "linkedUser": user } })
    }

    fn planned(&mut self, status: &str, says: &str) {
        let body = json!({
            "id": self.session,
            "creationTime": self.planned_at,
            "lastModifiedTime": self.time.now(),
            "scheduledStartTime": self.planned_at,
            "scheduledDuration": 3_600,
            "timeZone": "America/Los_Angeles",
            "title": "How we build event systems",
            "status": status,
            "localeCode": "en-US",
            "webinar": self.of(),
        });
        self.push(SESSIONS, says, body);
    }

    fn run(&mut self, status: &str, says: &str) {
        let body = json!({ "id": self.session, "runtimeStatus": status, "webinar": self.of() });
        self.push(RUNTIME, says, body);
    }

    fn admission(&mut self, status: &str, says: &str) {
        let body = json!({
            "id": self.session,
            "registrationStatus": status,
            "registrantCount": self.registrants,
            "hasRealRegistrants": self.registrants > 0,
            "webinar": self.of(),
        });
        self.push(REGISTRATION, says, body);
    }

    fn registers(&mut self, dice: &mut Dice) {
        let person = Person::any(dice);
        let id = format!("reg-{}", dice.hex(6));
        let now = self.time.now();
        let body = json!({
            "id": id,
            "creationTime": now,
            "lastModifiedTime": now,
            "firstName": person.first_name,
            "lastName": "Example",
            "email": format!("{}.{id}@example.com", person.first_name.to_lowercase()),
            "joinUri": format!("https://webinar.example.com/j/{id}"),
            "cancellationUri": format!("https://webinar.example.com/c/{id}"),
            "registrationTime": now,
            "webinarId": self.id,
            "hostUserId": self.cast.extension,
        });
        self.push(REGISTRANTS, &format!("{} registers", person.first_name), body);
        self.registrants += 1;
        self.admission("Open", "one more is counted");
    }
}

/// States follow each other as they may; nobody registers before registration opens or after it closes; the
/// count grows by one for each who does.
#[derive(Default)]
pub struct WebinarRules {
    planned: String,
    run: String,
    admission: String,
    registrants: Vec<String>,
    counted: usize,
}

impl Rules for WebinarRules {
    fn take(&mut self, event: &str, body: &Value) -> Result<(), String> {
        if self.planned.is_empty() && event != SESSIONS {
            return Err(format!("{event} before the webinar is planned"));
        }
        match event {
            SESSIONS => self.is_planned(body),
            RUNTIME => self.runs(body),
            REGISTRATION => self.admits(body),
            _ => self.registers(body),
        }
    }

    fn end(&self) -> Result<(), String> {
        if self.planned == "Finished" && self.run == "Idle" && self.admission == "Closed" {
            return Ok(());
        }
        Err(format!(
            "the webinar ends as {:?}, {:?}, registration {:?}",
            self.planned, self.run, self.admission
        ))
    }
}

impl WebinarRules {
    fn is_planned(&mut self, body: &Value) -> Result<(), String> {
        let status = text(body, "/status")?;
        step_to(&self.planned, status, PLANNED)?;
        match status {
            "Active" if self.run != "GoingLive" => return Err(format!("Active while {:?}", self.run)),
            "Finished" if self.run != "Idle" => return Err(format!("Finished while {:?}", self.run)),
            _ => {}
        }
        self.planned = status.to_owned();
        Ok(())
    }

    fn runs(&mut self, body: &Value) -> Result<(), String> {
        let status = text(body, "/runtimeStatus")?;
        step_to(&self.run, status, RUN)?;
        if status == "Live" && self.planned != "Active" {
            return Err(format!("Live while {}", self.planned));
        }
        self.run = status.to_owned();
        Ok(())
    }

    fn admits(&mut self, body: &Value) -> Result<(), String> {
        let (status, count) = (text(body, "/registrationStatus")?, number(body, "/registrantCount")?);
        step_to(&self.admission, status, ADMISSION)?;
        let registered = self.registrants.len();
        let more = if self.admission == "Open" && status == "Open" { 1 } else { 0 };
        if count != registered as u64 || registered != self.counted + more {
            return Err(format!(
                "{count} registrants are told after {}, {registered} registered",
                self.counted
            ));
        }
        self.counted = self.registrants.len();
        self.admission = status.to_owned();
        Ok(())
    }

    fn registers(&mut self, body: &Value) -> Result<(), String> {
        let id = text(body, "/id")?;
        if self.admission != "Open" {
            return Err(format!("{id} registers while registration is {:?}", self.admission));
        }
        if self.counted != self.registrants.len() {
            return Err(format!("{id} registers before the one ahead is counted"));
        }
        if self.registrants.iter().any(|known| known == id) {
            return Err(format!("{id} registers twice"));
        }
        self.registrants.push(id.to_owned());
        Ok(())
    }
}
