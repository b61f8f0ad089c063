//! INFO: what each side of Wisp v2 is and can, as a version and a list of extensions.
//!
//! Must never believe a length that a peer states.

use bytes::{Buf as _, BufMut as _, Bytes};

/// What the gateway speaks: 2.1 has the confirmation of streams that 2.0 has not.
const VERSION: [u8; 2] = [2, 1];
/// More extensions than there are kinds of.
const EXTENSIONS: usize = 32;

const UDP: u8 = 1;
const PASSWORD: u8 = 2;
const KEY: u8 = 3;
const MOTD: u8 = 4;
const CONFIRMATION: u8 = 5;
/// The only kind of signature that there is (a bit, since it stands in a set).
const ED25519: u8 = 1;

/// What the gateway says of itself.
#[derive(Debug, Default)]
pub struct Ours<'a> {
    /// Something must be shown by INFO: a password, or with a challenge a signature of it.
    pub login: Option<&'a [u8]>,
    /// What people are to read.
    pub motd: Option<&'a str>,
}

/// What a client says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Theirs {
    /// It wants to know when a stream is connected.
    pub confirmation: bool,
    /// Who it is.
    pub shown: Option<Shown>,
}

/// What a client shows of itself.
#[derive(Clone, PartialEq, Eq)]
pub enum Shown {
    /// A name and a password.
    Password {
        /// The name.
        name: Box<str>,
        /// The password.
        password: Box<str>,
    },
    /// A signature of the challenge.
    Signature {
        /// SHA-512, or SHA-256, of the public key.
        hash: Box<[u8]>,
        /// Ed25519.
        signature: Box<[u8; 64]>,
    },
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Shown::Password { .. } => "Password",
            Shown::Signature { .. } => "Signature",
        })
    }
}

impl Ours<'_> {
    /// The payload of INFO.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = VERSION.to_vec();
        extension(&mut out, UDP, &[]);
        if let Some(challenge) = self.login {
            extension(&mut out, PASSWORD, &[1]);
            extension(&mut out, KEY, &[&[1, ED25519], challenge].concat());
        }
        if let Some(motd) = self.motd {
            extension(&mut out, MOTD, motd.as_bytes());
        }
        extension(&mut out, CONFIRMATION, &[]);
        out
    }
}

fn extension(out: &mut Vec<u8>, id: u8, payload: &[u8]) {
    out.put_u8(id);
    out.put_u32_le(u32::try_from(payload.len()).unwrap_or(u32::MAX));
    out.put_slice(payload);
}

impl Theirs {
    /// Reads the payload of a client's INFO; what is not known in it does no harm. `None`: it is none, or of a version that does not fit.
    #[must_use]
    pub fn parse(mut payload: Bytes) -> Option<Theirs> {
        let (major, _minor) = (payload.try_get_u8().ok()?, payload.try_get_u8().ok()?);
        if major != VERSION[0] {
            return None;
        }
        let (mut theirs, mut count) = (Theirs::default(), 0);
        while !payload.is_empty() {
            let (id, length) = (payload.try_get_u8().ok()?, payload.try_get_u32_le().ok()?);
            let length = usize::try_from(length).ok().filter(|length| *length <= payload.len())?;
            let metadata = payload.split_to(length);
            count += 1;
            match id {
                _ if count > EXTENSIONS => return None,
                PASSWORD | KEY if theirs.shown.is_some() => return None,
                PASSWORD => theirs.shown = Some(password(metadata)?),
                KEY => theirs.shown = Some(signature(&metadata)?),
                CONFIRMATION => theirs.confirmation = true,
                _ => {}
            }
        }
        Some(theirs)
    }
}

fn password(mut metadata: Bytes) -> Option<Shown> {
    let (name, password) = (metadata.try_get_u8().ok()?, metadata.try_get_u16_le().ok()?);
    let (name, password) = (usize::from(name), usize::from(password));
    if metadata.len() != name + password {
        return None;
    }
    let text = |bytes: Bytes| std::str::from_utf8(&bytes).ok().map(Box::from);
    Some(Shown::Password { name: text(metadata.split_to(name))?, password: text(metadata)? })
}

/// The hash was one of SHA-512 when this extension was drafted, and there are clients with SHA-256: the length tells.
fn signature(metadata: &[u8]) -> Option<Shown> {
    let (algorithm, rest) = metadata.split_first()?;
    let (hash, signature) = rest.split_last_chunk::<64>()?;
    let fits = *algorithm == ED25519 && matches!(hash.len(), 32 | 64);
    fits.then(|| Shown::Signature { hash: hash.into(), signature: Box::new(*signature) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(bytes: &[u8]) -> Option<Theirs> {
        Theirs::parse(Bytes::copy_from_slice(bytes))
    }

    #[test]
    fn what_the_gateway_says_is_what_the_protocol_says() {
        assert_eq!(Ours::default().encode(), *b"\x02\x01\x01\0\0\0\0\x05\0\0\0\0");
        let login = Ours { login: Some(b"abc"), motd: Some("hi") }.encode();
        assert_eq!(
            login,
            *b"\x02\x01\x01\0\0\0\0\x02\x01\0\0\0\x01\x03\x05\0\0\0\x01\x01abc\x04\x02\0\0\0hi\x05\0\0\0\0"
        );
    }

    #[test]
    fn a_client_shows_a_password_or_a_signature() {
        let with = |metadata: &[u8], id| {
            let mut bytes = vec![2, 0, UDP, 0, 0, 0, 0];
            extension(&mut bytes, id, metadata);
            extension(&mut bytes, CONFIRMATION, &[]);
            parse(&bytes)
        };
        let shown = |theirs: Option<Theirs>| {
            assert!(theirs.as_ref().is_none_or(|theirs| theirs.confirmation));
            theirs.and_then(|theirs| theirs.shown)
        };
        let password = Shown::Password { name: "ann".into(), password: "pass".into() };
        assert_eq!(shown(with(b"\x03\x04\0annpass", PASSWORD)), Some(password));
        for bad in [&b"\x03\x05\0annpass"[..], b"\x03\x03\0annpass", b"\x03", b"\x01\0\0\xff"] {
            assert_eq!(with(bad, PASSWORD), None, "{bad:?}");
        }
        for hash in [32, 64] {
            let metadata = [&[1][..], &vec![7; hash], &[9; 64]].concat();
            let signature = Shown::Signature { hash: vec![7; hash].into(), signature: Box::new([9; 64]) };
            assert_eq!(shown(with(&metadata, KEY)), Some(signature));
            assert_eq!(with(&metadata[..metadata.len() - 1], KEY), None, "a length that is neither");
            assert_eq!(with(&[&[2][..], &metadata[1..]].concat(), KEY), None, "another algorithm");
        }
    }

    #[test]
    fn lengths_are_not_believed_and_versions_are() {
        assert_eq!(parse(b"\x02\0"), Some(Theirs::default()));
        assert_eq!(
            parse(b"\x02\0\x77\x01\0\0\0x"),
            Some(Theirs::default()),
            "an extension that nobody knows"
        );
        for bad in [
            &b""[..],
            b"\x02",
            b"\x01\0",
            b"\x03\0",
            b"\x02\0\x01",
            b"\x02\0\x01\x01\0\0\0",
            b"\x02\0\x01\xff\xff\xff\xff",
        ] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
        let many = [&[2, 0][..], &[9, 0, 0, 0, 0].repeat(EXTENSIONS + 1)].concat();
        assert_eq!(parse(&many), None);
    }

    proptest! {
        #[test]
        fn anything_is_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let versioned = [&[2, 0][..], &bytes].concat();
            let _ = (parse(&bytes), parse(&versioned));
        }
    }
}
