//! Playing: one event after the other, at a rate, each checked against the story's rules before it is
//! published, and durable before the next.

use std::time::Duration;

use bytes::Bytes;
use hookswitch_core::clock::{Handles, MonoTime};

use super::script::{Cast, Rules, Step};
use crate::commands::publish::send_patiently;
use crate::connection::Api;
use crate::failure::Failure;
use crate::output;

/// So many steps a second, counted from the first.
pub struct Pace {
    handles: Handles,
    gap: Duration,
    next: MonoTime,
}

impl Pace {
    pub fn new(handles: &Handles, per_second: f64) -> Self {
        Self {
            handles: handles.clone(),
            gap: Duration::from_secs_f64(per_second.recip()),
            next: handles.monotonic(),
        }
    }

    /// Returns when the next step is due. One that comes late does not make those behind it hurry.
    pub async fn next(&mut self) {
        self.handles.clock.sleep_until(self.next).await;
        self.next = self.next.max(self.handles.monotonic()).plus(self.gap);
    }
}

/// The first step that breaks the rules, or what is open at the end.
pub fn check(steps: &[Step], rules: &mut dyn Rules) -> Result<(), String> {
    for (index, step) in steps.iter().enumerate() {
        let at = |why: String| format!("event {} ({}): {why}", index + 1, step.event);
        rules.take(&step.event, &step.body).map_err(at)?;
    }
    rules.end()
}

pub async fn play(
    api: &Api,
    handles: &Handles,
    cast: &Cast,
    steps: &[Step],
    pace: &mut Pace,
) -> Result<(), Failure> {
    for step in steps {
        pace.next().await;
        let body = Bytes::from(step.publication(cast).to_string());
        let answer = send_patiently(api, handles, "application/json", &body).await?.success()?.json()?;
        if let Some(violation) = answer["violations"][0]["reason"].as_str() {
            return Err(Failure::Failed(format!("{}: the body breaks its schema: {violation}", step.event)));
        }
        let uuid = answer["events"][0]["uuid"].as_str().unwrap_or_default();
        output::unless_unread(output::line(&format!("{uuid}  {}", step.says)))?;
    }
    Ok(())
}
