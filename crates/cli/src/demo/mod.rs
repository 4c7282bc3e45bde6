//! `hookswitch demo`: the main job, seen. A `--dev` server in this process, a receiver as a customer would
//! write it, subscriptions made through the public API, and a story of events that is played and watched.
//!
//! Nothing here uses a private door of the server, so what the demo shows is what anybody gets.

mod chat;
mod encore;
mod receiver;
mod stage;
mod story;
mod tally;

use std::time::Duration;

use hookswitch_core::clock::Handles;
use hookswitch_server::clock::system_handles;
use tokio::sync::mpsc;

use crate::arguments::Demo;
use crate::failure::Failure;
use crate::output;
use crate::running::Running;
use crate::serve;
use receiver::Arrival;
use stage::Stage;
use story::Scene;
use tally::Tally;

/// Between two scenes when somebody watches.
const PACE: Duration = Duration::from_millis(700);
/// Between two performances.
const PAUSE: Duration = Duration::from_secs(3);
/// For the last deliveries of `--once`.
const ARRIVE_WITHIN: Duration = Duration::from_secs(8);

pub async fn run(options: &Demo) -> Result<(), Failure> {
    let handles = system_handles();
    let temporary = tempfile::Builder::new().prefix("hookswitch-demo-").tempdir();
    let temporary = temporary.map_err(Failure::io("a temporary folder"))?;
    let data = options.data.clone().unwrap_or_else(|| temporary.path().join("data"));
    let listen = options.listen.unwrap_or_else(|| ([127, 0, 0, 1], 0).into());
    let server = Running::start(serve::demo_settings(&data, listen)?, handles.clone()).await?;
    output::line(&format!("hookswitch is ready on {}", server.url()))?;
    output::line(&format!("to play along: set -a; . {}; set +a", data.join("dev.env").display()))?;

    let (stage, arrivals) = Stage::set(&data, handles.clone()).await?;
    let mut show = Show { stage, arrivals, handles, tally: Tally::default() };
    let outcome = if options.once { show.once().await } else { show.until_interrupted().await };
    show.stage.clear().await?;
    server.stop().await;
    output::line(&show.tally.totals())?;
    outcome
}

struct Show {
    stage: Stage,
    arrivals: mpsc::Receiver<Arrival>,
    handles: Handles,
    tally: Tally,
}

impl Show {
    async fn once(&mut self) -> Result<(), Failure> {
        for scene in self.stage.scenes() {
            self.play(&scene).await?;
            self.watch_for(Duration::ZERO).await?;
        }
        let until = self.handles.monotonic().plus(ARRIVE_WITHIN);
        while !self.tally.all_arrived() && self.handles.monotonic() < until {
            self.watch_one(until.since(self.handles.monotonic())).await?;
        }
        if self.tally.is_good() {
            return Ok(());
        }
        for (key, name) in self.tally.missing() {
            output::line(&format!("missing: event {key} at {name}"))?;
        }
        for (key, name) in self.tally.unexpected() {
            output::line(&format!("not asked for: event {key} at {name}"))?;
        }
        Err(Failure::Failed("not everything arrived as it should".to_owned()))
    }

    async fn until_interrupted(&mut self) -> Result<(), Failure> {
        let mut signals = serve::EndSignals::listen()?;
        output::line("Ctrl-C ends it")?;
        loop {
            tokio::select! {
                () = signals.next() => return Ok(()),
                played = self.perform() => played?,
            }
        }
    }

    async fn perform(&mut self) -> Result<(), Failure> {
        for scene in self.stage.scenes() {
            self.play(&scene).await?;
            self.watch_for(PACE).await?;
        }
        self.watch_for(PAUSE).await
    }

    async fn play(&mut self, scene: &Scene) -> Result<(), Failure> {
        let key = self.stage.play(scene).await?;
        self.tally.published(&key, &scene.heard_by);
        output::line(&format!("{}  published  {}", self.stage.clock_time(), scene.says))
    }

    /// Shows what arrives for so long; with no time, what has arrived already.
    async fn watch_for(&mut self, span: Duration) -> Result<(), Failure> {
        let until = self.handles.monotonic().plus(span);
        loop {
            match self.arrivals.try_recv() {
                Ok(arrival) => self.note(&arrival)?,
                Err(_) if self.handles.monotonic() < until => {
                    self.watch_one(until.since(self.handles.monotonic())).await?;
                }
                Err(_) => return Ok(()),
            }
        }
    }

    async fn watch_one(&mut self, at_most: Duration) -> Result<(), Failure> {
        let waited = self.handles.sleep(at_most);
        let arrival = tokio::select! {
            arrival = self.arrivals.recv() => arrival,
            () = waited => None,
        };
        arrival.map_or(Ok(()), |arrival| self.note(&arrival))
    }

    fn note(&mut self, arrival: &Arrival) -> Result<(), Failure> {
        let after = self.stage.published_at(&arrival.key).map(|then| arrival.at.since(then));
        self.tally.arrived(&arrival.key, &arrival.name, after);
        let took =
            after.map(|after| format!("  after {:.1} ms", after.as_secs_f64() * 1000.0)).unwrap_or_default();
        output::line(&format!("{}    arrived  {:<10}{took}", self.stage.clock_time(), arrival.name))
    }
}
