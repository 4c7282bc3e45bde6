//! A folder of the test's own, gone when the test ends.

use std::path::{Path, PathBuf};

pub struct TempFolder {
    held: tempfile::TempDir,
}

impl Default for TempFolder {
    fn default() -> Self {
        Self::new()
    }
}

impl TempFolder {
    pub fn new() -> Self {
        let held = tempfile::Builder::new().prefix("hookswitch-test-").tempdir();
        Self { held: held.expect("the machine's folder for temporary files is writable") }
    }

    pub fn path(&self) -> &Path {
        self.held.path()
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.held.path().join(name)
    }
}
