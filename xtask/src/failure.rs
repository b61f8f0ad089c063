//! How a developer command ends when it does not succeed. Never a panic: the last words are for a person.

use std::fmt;
use std::io;
use std::process::ExitCode;

pub(crate) type Outcome<T = ()> = Result<T, Failure>;

#[derive(Debug)]
pub(crate) enum Failure {
    /// A check or a command did not pass: exit 1.
    Failed(String),
    /// Something has to be installed first, by one line that the text names: exit 2.
    Missing(String),
    /// The command line was wrong: exit 2.
    Usage(String),
}

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Failed(_) => ExitCode::from(1),
            Self::Missing(_) | Self::Usage(_) => ExitCode::from(2),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(text) | Self::Missing(text) | Self::Usage(text) => f.write_str(text),
        }
    }
}

/// Names the thing an I/O error happened to; without that the error helps nobody.
pub(crate) trait About<T> {
    fn about(self, what: impl fmt::Display) -> Outcome<T>;
}

impl<T> About<T> for io::Result<T> {
    fn about(self, what: impl fmt::Display) -> Outcome<T> {
        self.map_err(|error| Failure::Failed(format!("{what}: {error}")))
    }
}

/// `return Err(failed(…))` for a check that did not pass.
pub(crate) fn failed(text: impl Into<String>) -> Failure {
    Failure::Failed(text.into())
}
