//! What can go wrong inside a segment, before the file's name and the caller's terms are put to it.

use std::path::Path;

use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::StoreError;

#[derive(Debug)]
pub(super) enum Fault {
    Sql(rusqlite::Error),
    /// A row says what no row of ours can say.
    Damaged(&'static str),
}

/// What a failure means for the writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gravity {
    /// There is no room now; there may be later.
    Full,
    /// It is unknown what the disk holds: nothing may be promised on it any more.
    Fatal,
    Other,
}

impl Fault {
    pub(super) fn gravity(&self) -> Gravity {
        match self {
            Self::Sql(error) => gravity(error),
            Self::Damaged(_) => Gravity::Other,
        }
    }

    pub(super) fn in_file(self, path: &Path) -> StoreError {
        let file = path.display();
        let error = match self {
            Self::Damaged(what) => return StoreError::Corrupt(format!("{file}: {what}")),
            Self::Sql(error) => error,
        };
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                StoreError::Corrupt(format!("{file}: {error}"))
            }
            Some(ErrorCode::DiskFull) => StoreError::Unavailable(format!("{file}: the disk is full")),
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => {
                StoreError::Unavailable(format!("{file}: {error}"))
            }
            Some(ErrorCode::OperationInterrupted) => {
                StoreError::Unavailable(format!("{file}: the read took too long and was stopped"))
            }
            _ => StoreError::Failed(Box::new(error)),
        }
    }
}

pub(super) fn gravity(error: &rusqlite::Error) -> Gravity {
    let extended = error.sqlite_error().map(|error| error.extended_code);
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Gravity::Full,
        // The file of shared memory could not grow: that, too, is a full disk.
        Some(ErrorCode::SystemIoFailure) if extended == Some(ffi::SQLITE_IOERR_SHMSIZE) => Gravity::Full,
        Some(ErrorCode::SystemIoFailure) => Gravity::Fatal,
        _ => Gravity::Other,
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}
