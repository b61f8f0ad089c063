//! What is wrong with a configuration, and where: file, line and column, or the variable or flag.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode, SourceSpan};
use pageport_proto::Code;

use super::raw::At;

/// A configuration that cannot be used: `ERR_CONFIG_INVALID`, or `ERR_TLS_INVALID` for what `[tls]` names. Nothing was changed by it.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error(transparent)]
#[diagnostic(transparent)]
pub struct ConfigError(Box<Inner>);

#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Inner {
    code: Code,
    message: String,
    hint: Option<String>,
    text: Option<NamedSource<Arc<str>>>,
    at: Option<SourceSpan>,
}

impl Diagnostic for Inner {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.text.as_ref().map(|text| text as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let at = self.at?;
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(None, at))))
    }
}

impl ConfigError {
    /// A file that cannot be read at all.
    pub(crate) fn unreadable(file: &str, error: &std::io::Error) -> ConfigError {
        let hint = "give another with --config".to_owned();
        ConfigError(Box::new(Inner {
            code: Code::ERR_CONFIG_INVALID,
            message: format!("cannot read {file}: {error}"),
            hint: Some(hint),
            text: None,
            at: None,
        }))
    }
}

/// The text that is being read, for pointing into it.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    name: String,
    text: Arc<str>,
}

impl Source {
    pub(crate) fn new(name: &str, text: &str) -> Source {
        Source { name: name.to_owned(), text: text.into() }
    }

    /// No file: only variables and flags can be wrong.
    pub(crate) fn none() -> Source {
        Source::new("", "")
    }

    pub(crate) fn error(&self, at: &At, message: impl Into<String>, hint: Option<String>) -> ConfigError {
        let message = message.into();
        let (message, text, at) = match at {
            At::File(span) => {
                let text = NamedSource::new(&self.name, Arc::clone(&self.text));
                (message, Some(text), Some(SourceSpan::from(span.clone())))
            }
            At::Environment(name) => (format!("{name}: {message}"), None, None),
            At::Flag(name) => (format!("{name}: {message}"), None, None),
        };
        ConfigError(Box::new(Inner { code: Code::ERR_CONFIG_INVALID, message, hint, text, at }))
    }

    /// The same for a certificate or key that cannot be used.
    pub(crate) fn tls_error(&self, at: &At, message: String, hint: String) -> ConfigError {
        let mut error = self.error(at, message, Some(hint));
        error.0.code = Code::ERR_TLS_INVALID;
        error
    }

    /// Where the file is.
    pub(crate) fn directory(&self) -> &Path {
        Path::new(&self.name).parent().unwrap_or(Path::new(""))
    }

    /// What serde and the TOML parser have to say, in the words of a configuration.
    pub(crate) fn parse_error(&self, error: &toml::de::Error) -> ConfigError {
        let message =
            error.message().replace("unknown field", "unknown key").replace("missing field", "missing key");
        let (message, hint) = match message.split_once(", expected ") {
            Some((message, expected)) if message.starts_with("unknown key") => {
                (message.to_owned(), Some(format!("known here: {}", expected.trim_start_matches("one of "))))
            }
            _ => (message, None),
        };
        self.error(&At::File(error.span().unwrap_or(0..0)), message, hint)
    }
}
