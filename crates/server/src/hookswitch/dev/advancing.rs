//! `/hookswitch/v1/dev/clock`: moving development mode's clock.
//!
//! Time goes on from one moment at which the engine has something to do to the next, and at each it is
//! given a breath to do it: so reminders, retries and ends come in their order, each at its time, however
//! far the clock moves. Whoever else waits finds that it is late.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use hookswitch_core::clock::{Clock, WallTime};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Controller;
use crate::body::RequiredJson;
use crate::config::Value as _;
use crate::dev::{MoveError, MovingClock};
use crate::problem::ApiError;
use crate::state::App;

/// Moments at which time stops on its way; what is left then is one jump.
const STOPS: usize = 100_000;
/// The same in real time.
const STOPS_WITHIN: Duration = Duration::from_secs(30);
/// Polls of ready tasks without anything to do, after which the engine is taken to be done.
const QUIET_POLLS: usize = 64;
/// How long a stop may take: a receiver that hangs does not hold the clock.
const STOP_WITHIN: Duration = Duration::from_millis(1_500);
/// The same where real time stands still, too.
const POLLS: usize = 200_000;

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClockInfo {
    /// The time here.
    now: String,
    /// How many seconds that is ahead of the machine's clock.
    ahead_seconds: f64,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AdvanceRequest {
    /// By how much: seconds, or a text such as `"90s"`, `"36h"`, `"7d"`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    advance: Option<Value>,
    /// Instead of it the time to go to, ISO 8601.
    #[serde(default)]
    to: Option<String>,
}

/// What time it is here.
#[utoipa::path(get, path = "/hookswitch/v1/dev/clock", tag = "development", operation_id = "readClock",
    responses((status = 200, body = ClockInfo), (status = 404, description = "Not in development mode")))]
pub(super) async fn read(State(app): State<Arc<App>>, _controller: Controller) -> Json<ClockInfo> {
    Json(info(&app))
}

/// Lets time pass. It answers when what came due has been set off; it does not go back.
#[utoipa::path(post, path = "/hookswitch/v1/dev/clock", tag = "development", operation_id = "advanceClock",
    request_body = AdvanceRequest,
    responses((status = 200, body = ClockInfo), (status = 400, description = "A member is wrong; the clock stays"),
        (status = 404, description = "Not in development mode")))]
pub(super) async fn advance(
    State(app): State<Arc<App>>,
    _controller: Controller,
    RequiredJson(request): RequiredJson<AdvanceRequest>,
) -> Result<Json<ClockInfo>, ApiError> {
    // To the end, also if the client hangs up: the folder knows already how far.
    let moved = tokio::spawn(async move {
        let clock = app.clock.as_ref().ok_or_else(|| ApiError::unavailable("There is no clock to move"))?;
        let _turn = app.advancing.lock().await;
        let span = span_of(&request, app.handles.now())?;
        let name = if request.to.is_some() { "to" } else { "advance" };
        clock.check(span).map_err(|error| bad(name, &error))?;
        let promised = tokio::task::spawn_blocking({
            let clock = clock.clone();
            move || clock.promise(span)
        });
        promised.await.map_err(|error| failed(&error))?.map_err(|error: MoveError| failed(&error))?;
        pass(&app, clock, span).await;
        Ok(Json(info(&app)))
    });
    moved.await.map_err(|error| failed(&error))?
}

fn info(app: &App) -> ClockInfo {
    let ahead = app.clock.as_ref().map(MovingClock::ahead).unwrap_or_default();
    ClockInfo { now: app.handles.now().iso8601(), ahead_seconds: ahead.as_secs_f64() }
}

fn span_of(request: &AdvanceRequest, now: WallTime) -> Result<Duration, ApiError> {
    match (&request.advance, &request.to) {
        (Some(Value::Number(seconds)), None) => {
            let seconds = seconds.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            seconds.ok_or_else(|| bad("advance", &"it is not a number of seconds from 0 on"))
        }
        (Some(Value::String(text)), None) => {
            Duration::from_text(text).map_err(|why| bad("advance", &format!("it {why}")))
        }
        (Some(_), None) => {
            Err(bad("advance", &"it is neither a number of seconds nor a text such as \"7d\""))
        }
        (None, Some(text)) => match WallTime::parse_iso8601(text) {
            None => Err(bad("to", &"it is not a time in ISO 8601")),
            Some(to) if to < now => Err(bad("to", &"it is past; the clock does not go back")),
            Some(to) => Ok(to.since(now)),
        },
        (None, None) => Err(bad("advance", &"it is missing")),
        (Some(_), Some(_)) => Err(bad("to", &"it comes beside advance")),
    }
}

async fn pass(app: &App, clock: &MovingClock, span: Duration) {
    let end = clock.ahead() + span;
    let began = clock.real().monotonic();
    settle(app, clock).await;
    for _ in 0..STOPS {
        let now = clock.now();
        let Some(next) = app.engine.next_moment() else { break };
        let step = next.since(now).max(Duration::from_millis(1));
        if clock.ahead() + step >= end || clock.real().monotonic().since(began) > STOPS_WITHIN {
            break;
        }
        clock.advance(step);
        settle(app, clock).await;
    }
    clock.advance(end.saturating_sub(clock.ahead()));
    settle(app, clock).await;
}

/// Lets the engine do what it can do without time passing.
async fn settle(app: &App, clock: &MovingClock) {
    let began = clock.real().monotonic();
    let mut quiet = 0;
    for _ in 0..POLLS {
        tokio::task::yield_now().await;
        quiet = if app.engine.is_idle() { quiet + 1 } else { 0 };
        if quiet == QUIET_POLLS || clock.real().monotonic().since(began) > STOP_WITHIN {
            return;
        }
    }
}

fn bad(name: &str, why: &dyn std::fmt::Display) -> ApiError {
    ApiError::parameter(name, format!("Parameter [{name}] is invalid: {why}"))
}

fn failed(error: &(dyn std::error::Error + 'static)) -> ApiError {
    tracing::error!(error, "the clock could not be moved");
    ApiError::unavailable(format!("The clock could not be moved: {error}"))
}
