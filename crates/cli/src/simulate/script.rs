//! What a story consists of: steps, each an event with its body, and the rules that they must keep.

use std::time::Duration;

use hookswitch_core::clock::WallTime;
use serde_json::{Value, json};

use super::dice::Dice;

/// Whom a story is about.
#[derive(Clone, Debug)]
pub struct Cast {
    pub account: String,
    pub extension: String,
    /// Of conference events; where it is not known they go without.
    pub company: Option<u64>,
    /// When it begins.
    pub start: WallTime,
}

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What happens, for whoever watches.
    pub says: String,
    pub event: String,
    pub body: Value,
}

impl Step {
    /// As it is published.
    pub fn publication(&self, cast: &Cast) -> Value {
        json!({ "event": self.event, "accountId": cast.account, "body": self.body })
    }
}

/// What must be true of a story's events in their order. Knows nothing of how they were made.
pub trait Rules {
    fn take(&mut self, event: &str, body: &Value) -> Result<(), String>;
    /// What is still open when no more events come.
    fn end(&self) -> Result<(), String>;
}

/// A clock of the story's own: every look at it finds it a little later.
pub struct StoryTime(WallTime);

impl StoryTime {
    pub fn new(start: WallTime) -> Self {
        Self(start)
    }

    pub fn now(&self) -> String {
        self.0.iso8601()
    }

    /// Lets so many seconds pass at most, and half of them at least.
    pub fn pass(&mut self, dice: &mut Dice, seconds: u64) {
        self.0 = self.0.plus(Duration::from_millis(dice.between(seconds * 500, seconds * 1000)));
    }
}

/// Somebody who calls, registers or joins.
#[derive(Clone, Debug)]
pub struct Person {
    pub first_name: &'static str,
    pub number: String,
}

impl Person {
    pub fn any(dice: &mut Dice) -> Self {
        const NAMES: [&str; 8] =
            ["Ada", "Grace", "Edsger", "Barbara", "Alan", "Katherine", "Niklaus", "Hedy"];
        Self { first_name: dice.one_of(&NAMES), number: format!("+1650555{:04}", dice.between(0, 9999)) }
    }

    pub fn name(&self) -> String {
        format!("{} Example", self.first_name)
    }
}

/// A member that must be a string.
pub fn text<'b>(body: &'b Value, pointer: &str) -> Result<&'b str, String> {
    body.pointer(pointer).and_then(Value::as_str).ok_or_else(|| format!("{pointer} is no text"))
}

/// A member that must be a whole number.
pub fn number(body: &Value, pointer: &str) -> Result<u64, String> {
    body.pointer(pointer).and_then(Value::as_u64).ok_or_else(|| format!("{pointer} is no number"))
}

/// A change of state that must be one of the legal ones.
pub fn step_to(from: &str, to: &str, legal: &[(&str, &[&str])]) -> Result<(), String> {
    let next = legal.iter().find(|(state, _)| *state == from).map_or(&[][..], |(_, next)| next);
    if next.contains(&to) { Ok(()) } else { Err(format!("{to} after {from}")) }
}
