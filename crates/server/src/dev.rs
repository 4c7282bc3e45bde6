//! Development mode: the demo account and the file that tells clients about it (interface.md, "--dev"), and
//! what makes the server a test double: a clock that can be moved (`moving_clock`), faults on demand
//! (`faults`, `faulty_transport`), fixtures from a file, ids from a seed. The controls over HTTP are in
//! `hookswitch::dev`.
//!
//! Everything random is drawn once for a data folder and kept there, sealed, in the same step that makes
//! the account; `dev.env` is written from that. So a crash at any moment leaves either nothing or all of
//! it, and a file that is gone comes back with the same values.

mod allowance;
mod environment;
pub mod faults;
mod faulty_transport;
mod fixtures;
mod founding;
mod moving_clock;
mod seed;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hookswitch_core::clock::{Entropy, Handles};
use hookswitch_store::StoreError;
use hookswitch_store::directory::Directory;

use crate::oauth::jwt_bearer::SigningError;
use crate::private_file;
use crate::state::Front;

pub use allowance::Allowance;
pub use environment::Urls;
pub use faulty_transport::FaultyTransport;
pub use fixtures::FixtureError;
pub(crate) use fixtures::apply as apply_fixtures;
pub use founding::Demo;
pub use moving_clock::{MoveError, MovingClock};
pub use seed::SeededIds;

const FILE: &str = "dev.env";
const NOTE: &str = "demo";

#[derive(Debug, thiserror::Error)]
pub enum DevError {
    #[error("the demo account cannot be stored")]
    Store(#[from] StoreError),
    #[error("the demo account's notes cannot be read")]
    Notes(#[from] serde_json::Error),
    #[error(transparent)]
    Signing(#[from] SigningError),
    #[error("making the demo account was interrupted: {0}")]
    Interrupted(String),
    #[error("{path} cannot be written")]
    File { path: PathBuf, source: io::Error },
}

/// Makes the demo account if there is none yet, and brings `dev.env` up to date.
pub async fn prepare(front: &Front) -> Result<Demo, DevError> {
    let demo = match kept(front.directory.as_ref()).await? {
        Some(demo) => demo,
        None => found(front).await?,
    };
    if let Some(app) = front.directory.app_by_client_id(&demo.client_id).await? {
        front.demo_app.get_or_init(|| app.no);
    }
    let path = front.settings.data.join(FILE);
    let urls = Urls::of(&front.base_url);
    off_thread(move || {
        bring_up_to_date(&path, &demo, &urls).map_err(|source| DevError::File { path, source })?;
        Ok(demo)
    })
    .await
}

fn bring_up_to_date(path: &Path, demo: &Demo, urls: &Urls) -> io::Result<()> {
    let present = private_file::read(path)?;
    private_file::write(path, &environment::text(demo, urls, present.as_deref()))
}

async fn kept(directory: &dyn Directory) -> Result<Option<Demo>, DevError> {
    let note = directory.note(NOTE).await?;
    Ok(note.map(|note| serde_json::from_str(&note)).transpose()?)
}

async fn found(front: &Front) -> Result<Demo, DevError> {
    let (entropy, now) = match front.settings.dev_seed {
        Some(seed) => (Arc::new(seed::SeededEntropy::new(seed)) as Arc<dyn Entropy>, seed::FOUNDED),
        None => (Arc::clone(&front.handles.entropy), front.handles.now()),
    };
    let handles = Handles { clock: Arc::clone(&front.handles.clock), entropy };
    let (demo, mut foundation) = off_thread(move || Ok(founding::draw(&handles, now)?)).await?;
    foundation.notes.push((NOTE.to_owned(), serde_json::to_string(&demo)?));
    front.directory.establish(foundation).await?;
    Ok(demo)
}

/// Hashing a password and waiting for a disk are nothing for an async thread.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DevError> + Send + 'static,
) -> Result<T, DevError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| DevError::Interrupted(error.to_string()))?
}
