//! Private keys in files: PKCS #8 in PEM (RFC 8410 §7), as OpenSSL writes Ed25519 keys. Nothing else is read, and a file that others
//! may read is not used.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pageport_proto::claim::Seed;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
/// Version 0, id-Ed25519, and an octet string of 32 bytes in another one (DER).
const BEFORE: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
/// The longest file that is looked at.
const LONGEST: u64 = 4_096;

/// Writes a new file, readable by its owner alone.
///
/// # Errors
/// There is such a file already, or it cannot be written.
pub fn write(path: &Path, seed: &Seed) -> io::Result<()> {
    let mut der = BEFORE.to_vec();
    der.extend_from_slice(seed.as_bytes());
    let text = format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(der));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Reads such a file.
///
/// # Errors
/// There is none, others may read it, or there is something else in it.
pub fn read(path: &Path) -> io::Result<Seed> {
    let file = File::open(path)?;
    if file.metadata()?.mode() & 0o077 != 0 {
        return Err(io::Error::other("others may read it: chmod 600"));
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text)?;
    parse(&text).ok_or_else(|| io::Error::other("not an Ed25519 private key in PEM (PKCS #8)"))
}

fn parse(text: &str) -> Option<Seed> {
    let body = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
    let body: String = body.chars().filter(|char| !char.is_ascii_whitespace()).collect();
    let der = STANDARD.decode(body).ok()?;
    Some(Seed::new(der.strip_prefix(&BEFORE)?.try_into().ok()?))
}
