//! How long a test waits, in real time, for something that must come. Long enough for a busy machine,
//! and never reached by a test that passes, so it costs nothing.

use std::future::Future;
use std::time::Duration;

pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for `future`; fails the test naming `what` and what `seen` tells if it does not come.
pub async fn within<T>(what: &str, future: impl Future<Output = T>, seen: impl FnOnce() -> String) -> T {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one real deadline of tests; it only ever fails a test"
    )]
    let waited = tokio::time::timeout(PATIENCE, future).await;
    match waited {
        Ok(value) => value,
        Err(_) => panic!("waited {PATIENCE:?} in vain for {what}; {}", seen()),
    }
}
