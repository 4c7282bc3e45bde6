//! This test program once more, as a process that may die: `run` starts it so that it executes one test
//! only, which finds its folder in the environment and does nothing without it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const FOLDER: &str = "HOOKSWITCH_TEST_CHILD_FOLDER";

/// The folder in which this process is to write, if it is a child.
pub(super) fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// A child that executes the test `name` in `folder`. `limit` caps the size of the files that it can write,
/// in KiB: larger ones fail as on a broken disk.
pub(super) fn command(name: &str, folder: &Path, limit: Option<u64>) -> Command {
    let program = std::env::current_exe().unwrap();
    let mut command = match limit {
        None => Command::new(program),
        Some(kib) => {
            let mut shell = Command::new("sh");
            // 25 is SIGXFSZ: ignored, a write beyond the limit fails instead of killing the process.
            let script = format!("trap '' 25; ulimit -f {}; exec \"$0\" \"$@\"", kib * 2);
            shell.arg("-c").arg(script).arg(program);
            shell
        }
    };
    let path = format!("sqlite::segments::tests::{name}");
    command.args([&path, "--exact", "--nocapture", "--test-threads=1"]);
    command.env(FOLDER, folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}
