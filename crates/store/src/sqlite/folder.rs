//! The folder of a server: who holds it. One process at a time, and the operating system keeps the lock,
//! so a process that dies, however it dies, gives it back.

use std::fs::{File, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::StoreError;

/// The right to use a folder. Everything that keeps files in it holds a clone; the lock is released with
/// the last one.
#[derive(Clone, Debug)]
pub struct Folder {
    held: Arc<Held>,
}

#[derive(Debug)]
struct Held {
    path: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

impl Folder {
    /// Creates the folder if need be and takes its lock.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |error: std::io::Error| {
            StoreError::Unavailable(format!("the folder {} cannot be used: {error}", path.display()))
        };
        std::fs::create_dir_all(path).map_err(failed)?;
        let mut lock = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join("lock"))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(path, &mut lock)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // Only for the message that a second opener gets.
        let note = lock.set_len(0).and_then(|()| lock.write_all(std::process::id().to_string().as_bytes()));
        note.map_err(failed)?;
        Ok(Self { held: Arc::new(Held { path: path.to_owned(), _lock: lock }) })
    }

    pub fn path(&self) -> &Path {
        &self.held.path
    }
}

fn in_use(path: &Path, lock: &mut File) -> StoreError {
    let mut holder = String::new();
    let known = lock.read_to_string(&mut holder).is_ok() && !holder.is_empty();
    let by = if known { format!("process {holder}") } else { "another process".to_owned() };
    StoreError::Unavailable(format!("the folder {} is in use by {by}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_holder_and_a_second_learns_who_it_is() {
        let place = hookswitch_testkit::TempFolder::new();
        let path = place.join("data");
        let first = Folder::open(&path).unwrap();
        let also = first.clone();
        drop(first);
        let refused = Folder::open(&path).unwrap_err().to_string();
        let holder = format!("is in use by process {}", std::process::id());
        assert!(refused.contains(&holder), "{refused}");
        drop(also);
        Folder::open(&path).unwrap();
    }
}
