//! `[tls]`: either a certificate and its key, or one that the gateway makes itself. `[webtransport]`: what else it is for.

use std::path::PathBuf;

use super::diagnostic::{ConfigError, Source};
use super::raw::{At, Located, Raw, RawTls};
use crate::tls::{CertificateFiles, Tls};

pub(crate) fn tls(raw: &Raw, source: &Source) -> Result<Option<Tls>, ConfigError> {
    let Some(section) = &raw.tls else { return Ok(None) };
    let made = section.dev.as_ref().filter(|dev| dev.value);
    match (&section.cert, &section.key, made) {
        (Some(cert), Some(key), None) => files(cert, key, source).map(Some),
        (None, None, Some(_)) => Ok(Some(Tls::Made { names: Vec::new() })),
        (None, None, None) => Ok(None),
        (cert, key, _) => {
            let at = cert.as_ref().or(key.as_ref()).map_or_else(|| place(section), |entry| entry.at.clone());
            let hint = "`cert` and `key` name PEM files and belong together; `dev = true` stands alone";
            Err(source.error(&at, "half of a certificate, or two", Some(hint.to_owned())))
        }
    }
}

/// Where there is a certificate, unless it is switched off: QUIC has no form without one. `dev` makes one of its own.
pub(crate) fn webtransport(raw: &Raw, tls: bool, dev: bool, source: &Source) -> Result<bool, ConfigError> {
    match &raw.webtransport.enabled {
        Some(entry) if entry.value && !tls && !dev => {
            let hint = "add `[tls]`: what ends TLS in front of the gateway does not pass QUIC on";
            Err(source.error(&entry.at, "WebTransport without a certificate", Some(hint.to_owned())))
        }
        Some(entry) => Ok(entry.value),
        None => Ok(tls || dev),
    }
}

fn files(cert: &Located<String>, key: &Located<String>, source: &Source) -> Result<Tls, ConfigError> {
    let [cert_file, key_file] = [cert, key].map(|entry| path(entry, source));
    CertificateFiles::read(&cert_file, &key_file).map(Tls::Files).map_err(|error| {
        let at = if error.concerns(&key_file) { &key.at } else { &cert.at };
        let hint =
            "PEM files: the chain with the gateway's own certificate first, and its key without a password";
        source.tls_error(at, error.to_string(), hint.to_owned())
    })
}

/// Relative paths in a file start from where the file is, so that it does not matter where the program is started.
pub(crate) fn path(entry: &Located<String>, source: &Source) -> PathBuf {
    match entry.at {
        At::File(_) => source.directory().join(&entry.value),
        At::Environment(_) | At::Flag(_) => PathBuf::from(&entry.value),
    }
}

fn place(section: &RawTls) -> At {
    section.dev.as_ref().map_or(At::File(0..0), |dev| dev.at.clone())
}
