//! Why a command did not do what it was asked, in words for the person who asked.

use std::process::ExitCode;

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line, environment or configuration makes no sense.
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Failed(String),
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
    /// Standard output was closed by whoever read it, who has what he wanted: nothing is said about it.
    #[error("nobody reads standard output any more")]
    Unread,
    /// The server did not answer.
    #[error("no answer from {url}: {why}")]
    NoAnswer { url: String, why: String },
    /// The server answered with an error.
    #[error("the server says {status}: {message}")]
    Refused { status: u16, message: String },
}

impl Failure {
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        |source| Self::Io { what, source }
    }

    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Unread => ExitCode::SUCCESS,
            Self::Failed(_) | Self::Io { .. } | Self::NoAnswer { .. } | Self::Refused { .. } => {
                ExitCode::FAILURE
            }
        }
    }
}

/// An error with everything that led to it, in one line.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        words.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    words
}
