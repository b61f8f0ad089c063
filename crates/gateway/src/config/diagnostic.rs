//! What is wrong with a configuration, and where: file, line and column, or the variable or flag.

use std::sync::Arc;

use miette::{Diagnostic, NamedSource, SourceSpan};

use super::raw::At;

/// A configuration that cannot be used: `ERR_CONFIG_INVALID`. Nothing was changed by it.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error(transparent)]
#[diagnostic(transparent)]
pub struct ConfigError(Box<Inner>);

#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
#[diagnostic(code(ERR_CONFIG_INVALID))]
struct Inner {
    message: String,
    #[help]
    hint: Option<String>,
    #[source_code]
    text: Option<NamedSource<Arc<str>>>,
    #[label]
    at: Option<SourceSpan>,
}

impl ConfigError {
    /// A file that cannot be read at all.
    pub(crate) fn unreadable(file: &str, error: &std::io::Error) -> ConfigError {
        let hint = "give another with --config".to_owned();
        ConfigError(Box::new(Inner {
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
        ConfigError(Box::new(Inner { message, hint, text, at }))
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
