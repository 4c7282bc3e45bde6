//! What the writer and the readers of one log have in common.

use std::path::PathBuf;

use hookswitch_core::clock::Handles;
use hookswitch_core::id::EventSeq;

use super::options::LogOptions;
use super::readers::Readers;
use super::segment::Segments;
use super::stats::Counters;
use crate::StoreError;
use crate::sqlite::folder::Folder;

pub(super) struct Shared {
    pub(super) handles: Handles,
    pub(super) options: LogOptions,
    pub(super) segments: Segments,
    pub(super) readers: Readers,
    pub(super) counters: Counters,
    /// `segments/` in the folder.
    pub(super) directory: PathBuf,
    /// Held, not used: whoever can still write keeps the folder locked. The last field, so that all
    /// connections are closed before the lock is gone.
    _folder: Folder,
}

impl Shared {
    pub(super) fn new(folder: &Folder, handles: Handles, options: LogOptions) -> Result<Self, StoreError> {
        let directory = folder.path().join("segments");
        std::fs::create_dir_all(&directory)
            .map_err(|error| StoreError::Unavailable(format!("{}: {error}", directory.display())))?;
        let readers = Readers::new(handles.clock.clone());
        Ok(Self {
            handles,
            options,
            segments: Segments::default(),
            readers,
            counters: Counters::default(),
            directory,
            _folder: folder.clone(),
        })
    }

    pub(super) fn path_of(&self, first: EventSeq) -> PathBuf {
        self.directory.join(format!("{:016}.db", first.0))
    }

    /// Whether events may be taken, as far as the disk is concerned.
    pub(super) fn has_room(&self) -> bool {
        match (self.options.free_space)(&self.directory) {
            Ok(free) => free >= self.options.disk_reserve_bytes,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "free space is unknown; taking events all the same"
                );
                true
            }
        }
    }
}
