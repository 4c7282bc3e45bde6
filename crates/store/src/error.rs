//! What can go wrong in a store, in the terms of its callers.

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot take more now (disk full, closing down): nothing of the call was kept.
    #[error("the store cannot take more: {0}")]
    Unavailable(String),
    /// What was expected to be there, or to be unchanged, is not.
    #[error("{0} has changed meanwhile")]
    Conflict(&'static str),
    /// The files contradict themselves; a person has to look.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// Anything else the engine underneath said.
    #[error("the store failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, DiskFull, NotADatabase, SystemIoFailure};
        match error.sqlite_error_code() {
            Some(DiskFull) => Self::Unavailable("the disk is full".into()),
            Some(DatabaseCorrupt | NotADatabase) => Self::Corrupt(error.to_string()),
            Some(SystemIoFailure) => Self::Unavailable(error.to_string()),
            _ => Self::Failed(Box::new(error)),
        }
    }
}
