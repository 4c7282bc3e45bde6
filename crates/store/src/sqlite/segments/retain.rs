//! Retention: dropping whole segments, which costs an unlink whatever is in them.
//!
//! A segment goes only when everything in it is over: every target has its row, none of them waits, and
//! its uuids have left the window in which they are remembered. The file itself is unlinked a little after
//! nobody can find it any more, so that reads under way still end.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hookswitch_core::clock::MonoTime;

use super::segment::{Segment, Stretch};
use super::writer::Writer;
use super::{open, readers};
use crate::StoreError;
use crate::log::{Dropped, Retained, Retention};

/// No read lasts this long.
const READS_ARE_OVER: Duration = readers::AT_MOST.saturating_mul(2);

/// Segments that nobody finds any more, whose files are still there.
#[derive(Debug, Default)]
pub(super) struct Doomed(Vec<(MonoTime, PathBuf)>);

impl Doomed {
    fn add(&mut self, now: MonoTime, path: PathBuf) {
        self.0.push((now.plus(READS_ARE_OVER), path));
    }

    /// A file that cannot be unlinked now is tried again.
    fn unlink(&mut self, now: MonoTime) -> Result<(), StoreError> {
        while let Some((_, path)) = self.0.first().filter(|(at, _)| *at <= now) {
            open::remove(path)?;
            self.0.remove(0);
        }
        Ok(())
    }
}

impl Writer {
    /// Drops at most one segment.
    pub(super) fn drop_oldest(&mut self, retention: &Retention) -> Result<Retained, StoreError> {
        self.check()?;
        let now = self.shared().handles.monotonic();
        self.doomed().unlink(now)?;
        let stretches = self.shared().segments.stretches();
        let sizes: Vec<u64> = stretches.iter().map(|stretch| size(&stretch.segment)).collect();
        let is_too_much = sizes.iter().sum::<u64>() > retention.bytes_at_most;
        // The last one takes events.
        let sealed = stretches.len().saturating_sub(1);
        let chosen = stretches[..sealed].iter().zip(&sizes).find(|(stretch, _)| {
            let is_old = stretch.segment.accepted.to() < retention.accepted_before;
            (is_old || is_too_much) && self.is_over(stretch, retention)
        });
        let dropped = chosen.map(|(stretch, bytes)| {
            self.forget(&stretch.segment, now);
            Dropped { first: stretch.segment.first, last: stretch.last, bytes: *bytes }
        });
        let oldest = self.shared().segments.all().first().map(|segment| segment.accepted.from());
        Ok(Retained { dropped, oldest: oldest.filter(|at| at.0 != i64::MAX) })
    }

    fn is_over(&self, stretch: &Stretch, retention: &Retention) -> bool {
        let window = self.shared().options.idempotency_window;
        stretch.last < self.watermark()
            && !stretch.segment.has_pending()
            && stretch.segment.accepted.to() <= retention.now.minus(window)
    }

    fn forget(&mut self, segment: &Arc<Segment>, now: MonoTime) {
        self.shared().segments.remove(segment.first);
        self.close_older(segment.first);
        self.shared().readers.close(segment.first);
        self.doomed().add(now, segment.path.clone());
    }
}

/// On the disk, with what SQLite keeps beside it; 0 if that cannot be said.
fn size(segment: &Segment) -> u64 {
    let mut wal = segment.path.as_os_str().to_owned();
    wal.push("-wal");
    let of = |path: PathBuf| fs::metadata(path).map_or(0, |data| data.len());
    of(segment.path.clone()) + of(wal.into())
}
