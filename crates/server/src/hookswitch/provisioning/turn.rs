//! Writers of the directory come one after another, so that what one has checked still holds when it
//! writes; and each is carried through, also when its client hangs up.

use axum::http::StatusCode;
use hookswitch_core::clock::Handles;
use tokio::sync::{Mutex, MutexGuard};

use crate::problem::ApiError;

/// The right to write, handed from one to the next.
#[derive(Default)]
pub struct Turns {
    last_id: Mutex<u64>,
}

pub(crate) struct Turn<'a> {
    last_id: MutexGuard<'a, u64>,
}

impl Turns {
    pub(crate) async fn mine(&self) -> Turn<'_> {
        Turn { last_id: self.last_id.lock().await }
    }
}

impl Turn<'_> {
    /// An id that was never given: the time in milliseconds, or one more than the last. Ids that grow keep
    /// indexes small, and what is deleted never lends its id to another.
    pub(super) fn next_id(&mut self, handles: &Handles) -> u64 {
        let now = u64::try_from(handles.now().0).unwrap_or(1).max(1);
        *self.last_id = now.max(*self.last_id + 1);
        *self.last_id
    }
}

/// Runs `work` to its end whatever becomes of the caller.
pub(crate) async fn carried_through<T: Send + 'static>(
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    let internal = |_| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "CMN-203", "Internal server error");
    tokio::spawn(work).await.map_err(internal)?
}

#[cfg(test)]
mod tests {
    use hookswitch_testkit::steered_handles;

    use super::*;

    #[tokio::test]
    async fn ids_grow_even_where_time_stands_still() {
        let (handles, _clock) = steered_handles(1);
        let turns = Turns::default();
        let first = turns.mine().await.next_id(&handles);
        let mut turn = turns.mine().await;
        assert_eq!([turn.next_id(&handles), turn.next_id(&handles)], [first + 1, first + 2]);
    }
}
