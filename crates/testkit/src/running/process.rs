//! One process: its lines, its signals, its end. It is killed when the handle is dropped.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::{Notify, watch};

use crate::patience;

/// A command line that can be started, more than once. The environment is that of the test, less every
/// variable that the program itself would read.
#[derive(Clone)]
pub struct Program {
    binary: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    folder: Option<PathBuf>,
    input: Vec<u8>,
}

impl Program {
    pub fn new(binary: impl AsRef<Path>) -> Self {
        let binary = binary.as_ref().to_owned();
        Self { binary, args: Vec::new(), env: Vec::new(), folder: None, input: Vec::new() }
    }

    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// The folder to start in.
    #[must_use]
    pub fn folder(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = Some(folder.as_ref().to_owned());
        self
    }

    /// What it reads from standard input; nothing if not said.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    pub fn start(&self) -> RunningProgram {
        let mut command = Command::new(&self.binary);
        let ours = |name: &OsStr| {
            let name = name.to_string_lossy();
            name.starts_with("HOOKSWITCH_") || name.starts_with("RC_") || name == "RUST_LOG"
        };
        std::env::vars_os().filter(|(name, _)| ours(name)).for_each(|(name, _)| {
            command.env_remove(name);
        });
        command.args(&self.args).envs(self.env.iter().cloned());
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", self.binary.display()));
        RunningProgram::watching(child, self.input.clone())
    }

    /// Starts it and waits for its end.
    pub async fn run(&self) -> Finished {
        let mut running = self.start();
        let status = running.exited().await;
        Finished { status, stdout: running.output.lines(true), stderr: running.output.lines(false) }
    }
}

/// How a program ended and what it said, line by line.
#[derive(Clone, Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: Vec<String>,
    pub stderr: Vec<String>,
}

impl Finished {
    /// The exit code; fails the test if a signal ended it.
    #[track_caller]
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("ended by a signal: {self:?}"))
    }
}

pub struct RunningProgram {
    pid: Pid,
    output: Arc<Output>,
    ended: watch::Receiver<Option<ExitStatus>>,
}

#[derive(Default)]
struct Output {
    /// Standard output (`true`) and standard error, in the order the lines were read.
    lines: Mutex<Vec<(bool, String)>>,
    changed: Notify,
}

impl Output {
    fn lines(&self, stdout: bool) -> Vec<String> {
        let lines = self.lines.lock();
        lines.iter().filter(|(from, _)| *from == stdout).map(|(_, line)| line.clone()).collect()
    }

    fn read_from(
        self: Arc<Self>,
        stdout: bool,
        pipe: impl Read + Send + 'static,
    ) -> std::thread::JoinHandle<()> {
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                self.lines.lock().push((stdout, line));
                self.changed.notify_waiters();
            }
        })
    }
}

impl RunningProgram {
    fn watching(mut child: Child, input: Vec<u8>) -> Self {
        let pid = Pid::from_child(&child);
        let output = Arc::new(Output::default());
        let stdout = output.clone().read_from(true, child.stdout.take().expect("piped"));
        let stderr = output.clone().read_from(false, child.stderr.take().expect("piped"));
        let mut stdin = child.stdin.take().expect("piped");
        let (end, ended) = watch::channel(None);
        let waiting = output.clone();
        std::thread::spawn(move || {
            // A program that ends without reading all of it breaks the pipe: its business.
            stdin.write_all(&input).ok();
            drop(stdin);
            let status = child.wait().expect("a child of ours that nobody else waits for");
            stdout.join().ok();
            stderr.join().ok();
            end.send_replace(Some(status));
            waiting.changed.notify_waiters();
        });
        Self { pid, output, ended }
    }

    pub fn id(&self) -> u32 {
        u32::try_from(self.pid.as_raw_nonzero().get()).unwrap_or_default()
    }

    /// Waits for the first line of standard output that holds `part`; fails if the program ends before.
    pub async fn line_with(&self, part: &str) -> String {
        self.line_of(true, part).await
    }

    /// The same for standard error.
    pub async fn stderr_with(&self, part: &str) -> String {
        self.line_of(false, part).await
    }

    async fn line_of(&self, stdout: bool, part: &str) -> String {
        let wait = async {
            loop {
                let changed = self.output.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                let ended = *self.ended.borrow();
                if let Some(line) = self.output.lines(stdout).into_iter().find(|line| line.contains(part)) {
                    return line;
                }
                if let Some(status) = ended {
                    panic!("ended with {status} before saying {part:?}; it said {}", self.said());
                }
                changed.await;
            }
        };
        patience::within(&format!("a line with {part:?}"), wait, || format!("it said {}", self.said())).await
    }

    /// Everything it said so far, for messages of failed tests.
    pub fn said(&self) -> String {
        let lines = self.output.lines.lock();
        let last: Vec<_> = lines.iter().rev().take(40).map(|(_, line)| line.as_str()).collect();
        format!("(last lines)\n{}", last.into_iter().rev().collect::<Vec<_>>().join("\n"))
    }

    pub fn stdout(&self) -> Vec<String> {
        self.output.lines(true)
    }

    pub fn stderr(&self) -> Vec<String> {
        self.output.lines(false)
    }

    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// `kill -9`, and waits until the process is gone.
    pub async fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.exited().await;
    }

    pub fn has_exited(&self) -> bool {
        self.ended.borrow().is_some()
    }

    pub async fn exited(&mut self) -> ExitStatus {
        let said = format!("it said {}", self.said());
        let end = self.ended.wait_for(Option::is_some);
        let ended = patience::within("the end of the program", end, || said).await;
        ended.expect("the waiting thread sends before it ends").expect("waited for Some")
    }

    fn signal(&self, signal: Signal) {
        // Not after its end: the number may belong to another process by then.
        if !self.has_exited() {
            kill_process(self.pid, signal).ok();
        }
    }
}

impl Drop for RunningProgram {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_is_fed_read_and_its_code_kept() {
        let script = "cat; echo second >&2; exit 3";
        let finished = Program::new("/bin/sh").args(["-c", script]).input("first\n").run().await;
        assert_eq!(finished.code(), 3);
        assert_eq!(finished.stdout, ["first"]);
        assert_eq!(finished.stderr, ["second"]);
    }

    #[tokio::test]
    async fn a_program_is_ended_by_a_signal() {
        let script = "trap 'exit 7' TERM; echo ready; while true; do sleep 0.01; done";
        let mut running = Program::new("/bin/sh").args(["-c", script]).start();
        running.line_with("ready").await;
        running.terminate();
        assert_eq!(running.exited().await.code(), Some(7));

        let mut running = Program::new("/bin/sh").args(["-c", "echo ready; exec sleep 600"]).start();
        running.line_with("ready").await;
        running.kill().await;
        assert!(running.has_exited());
    }
}
