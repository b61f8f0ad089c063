//! What ends the program, as its user sees it: `error:` with a code, the place, and `hint:`.

mod native;

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use miette::{Diagnostic, LabeledSpan};
use pageport_gateway::config::ConfigError;
use pageport_gateway::{BindError, DataError, GatewayError};
use pageport_proto::Code;

use crate::commands::lan::LanFailure;
pub(crate) use native::NativeFailure;

/// Why the program did not do what it was asked to.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub(crate) enum Failure {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Config(#[from] ConfigError),
    #[error("{0}")]
    #[diagnostic(
        code(ERR_ADDRESS_IN_USE),
        help("choose another with {} in a configuration, or stop what uses this one", place_of(.0))
    )]
    AddressInUse(BindError),
    #[error("{0}")]
    #[diagnostic(code(ERR_ADDRESS_INVALID), help("choose another with {} in a configuration", place_of(.0)))]
    AddressInvalid(BindError),
    #[error("{0}")]
    #[diagnostic(code(ERR_DATA_INVALID), help("{}", advice(.0)))]
    Data(DataError),
    #[error("{0}")]
    #[diagnostic(code(ERR_INTERNAL))]
    Gateway(GatewayError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Lan(#[from] LanFailure),
    #[error("cannot write the token to {}: {error}", path.display())]
    #[diagnostic(code(ERR_INTERNAL), help("set XDG_RUNTIME_DIR to a directory that is yours alone"))]
    Token { path: PathBuf, error: io::Error },
    #[error("cannot use the key in {}: {error}", path.display())]
    #[diagnostic(help(
        "names belong to this key; `--key` takes another file, and makes it when there is none"
    ))]
    Identity { path: PathBuf, error: io::Error },
    #[error(transparent)]
    #[diagnostic(transparent)]
    Native(#[from] NativeFailure),
    #[error("the connection broke: {0}")]
    Broken(io::Error),
    #[error("there is no command {0:?}")]
    #[diagnostic(help("`pageport help` names them"))]
    NoSuchCommand(String),
    #[error("cannot use {}: {error}", path.display())]
    #[diagnostic(help("`pageport token key --out FILE` makes a key"))]
    Key { path: PathBuf, error: io::Error },
    #[error("cannot read {}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("{what}: {value:?}")]
    #[diagnostic(code(ERR_INVALID_ARGUMENT), help("see `pageport token mint --help`"))]
    Argument { what: &'static str, value: String },
    #[error("{what}: {value:?}")]
    #[diagnostic(code(ERR_INVALID_ARGUMENT), help("see `pageport config explain --help`"))]
    Question { what: &'static str, value: String },
    /// Everything has been said on stdout.
    #[error("")]
    Forbidden,
    /// Everything has been said, or whoever asked to stop knows.
    #[error("")]
    Silent,
    #[error("cannot listen on {address}: {error}")]
    #[diagnostic(help("is the port taken? choose another with --socks"))]
    Listening { address: SocketAddr, error: io::Error },
    #[error("{0} is not loopback: whoever reaches it could go wherever you may")]
    #[diagnostic(
        code(ERR_INVALID_ARGUMENT),
        help("set PAGEPORT_SOCKS_AUTH=USER:PASSWORD, or --socks-auth; or listen on 127.0.0.1")
    )]
    OpenToOthers(SocketAddr),
    #[error("stopped before open streams had finished")]
    #[diagnostic(help("`limits.drain` says how long they may take"))]
    CutShort,
    #[error("cannot write: {0}")]
    Output(io::Error),
    #[error("cannot start: {0}")]
    #[diagnostic(code(ERR_INTERNAL))]
    Runtime(io::Error),
}

impl From<GatewayError> for Failure {
    fn from(error: GatewayError) -> Self {
        match error {
            GatewayError::Bind(error) if error.code() == Code::ERR_ADDRESS_IN_USE => {
                Failure::AddressInUse(error)
            }
            GatewayError::Bind(error) => Failure::AddressInvalid(error),
            GatewayError::Data(error) => Failure::Data(error),
            GatewayError::Random(_) | GatewayError::Certificate(_) | GatewayError::Quic(_) => {
                Failure::Gateway(error)
            }
        }
    }
}

impl Failure {
    /// 78 is EX_CONFIG of sysexits.h.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Config(_) => ExitCode::from(78),
            Failure::Argument { .. } | Failure::Question { .. } => ExitCode::from(2),
            Failure::NoSuchCommand(_) | Failure::OpenToOthers(_) => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }

    /// Says it on stderr.
    pub(crate) fn print(&self) {
        if matches!(self, Failure::Forbidden | Failure::Silent) {
            return;
        }
        // Nobody is left to tell when stderr is closed.
        let _ = io::stderr().write_all(render(self).as_bytes());
    }
}

/// What says where to listen.
fn place_of(error: &BindError) -> &'static str {
    if error.admin { "--admin, or `admin`" } else { "--listen, or `listen`" }
}

/// What to do about a directory that cannot be used.
fn advice(error: &DataError) -> &'static str {
    match error {
        DataError::Io { .. } => "`data` names a directory that this user may write to; its parent must exist",
        DataError::InUse { .. } => "give each gateway a directory of its own in `data`",
        DataError::Damaged { .. } => {
            "restore the file from a copy, or delete that line: its name is then free for everybody"
        }
    }
}

/// The lines for any diagnostic.
pub(crate) fn render(diagnostic: &dyn Diagnostic) -> String {
    let mut out = format!("error: {diagnostic}");
    if let Some(code) = diagnostic.code() {
        let _ = write!(out, " ({code})");
    }
    out.push('\n');
    for label in diagnostic.labels().into_iter().flatten() {
        out.push_str(&place(diagnostic, &label).unwrap_or_default());
    }
    if let Some(hint) = diagnostic.help() {
        let _ = writeln!(out, "hint: {hint}");
    }
    harmless(&out)
}

/// What others have said, and what files are called, must not steer the terminal: control characters other than line ends and tabs are
/// written as escapes.
fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_control() && !matches!(char, '\n' | '\t') {
            out.extend(char.escape_unicode());
        } else {
            out.push(char);
        }
    }
    out
}

/// File, line, column, and the line with what is meant underlined.
fn place(diagnostic: &dyn Diagnostic, label: &LabeledSpan) -> Option<String> {
    let source = diagnostic.source_code()?;
    let found = source.read_span(label.inner(), 0, 0).ok()?;
    let (line, column) = (found.line(), found.column());
    let around = source.read_span(label.inner(), 1, 1).ok()?;
    let around = String::from_utf8_lossy(around.data()).into_owned();
    let text = around.lines().nth(line.min(1)).unwrap_or_default();
    let width = label.len().clamp(1, text.chars().count().saturating_sub(column).max(1));
    let (number, name) = (line + 1, found.name().unwrap_or("configuration"));
    let margin = " ".repeat(number.to_string().len());
    let marks = format!("{}{}", " ".repeat(column), "^".repeat(width));
    Some(format!(
        "{margin}--> {name}:{number}:{}\n{margin} |\n{number} | {text}\n{margin} | {marks}\n",
        column + 1
    ))
}
