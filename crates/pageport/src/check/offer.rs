//! What a gateway says of itself, as far as a check needs it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// A gateway with WebTransport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WebTransport {
    /// SHA-256 of its certificates, where these are of its own making.
    pub(super) hashes: Vec<[u8; 32]>,
}

impl WebTransport {
    /// Reads `/.well-known/pageport`; `None` when it offers none.
    pub(super) fn of(description: &[u8]) -> Option<WebTransport> {
        let described: Description = serde_json::from_slice(description).ok()?;
        let carrier = described.carriers.into_iter().find(|carrier| carrier.kind == "webtransport")?;
        let decode = |text: &String| URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok();
        Some(WebTransport { hashes: carrier.hashes.iter().filter_map(decode).collect() })
    }
}

#[derive(Deserialize)]
struct Description {
    #[serde(default)]
    carriers: Vec<Carrier>,
}

#[derive(Deserialize)]
struct Carrier {
    kind: String,
    #[serde(default)]
    hashes: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_read_and_what_is_none_is_left_out() {
        let hash = URL_SAFE_NO_PAD.encode([7; 32]);
        let with = |hashes: &str| {
            let text = format!(
                "{{\"carriers\": [{{\"kind\": \"bytes\"}}, {{\"kind\": \"webtransport\"{hashes}}}]}}"
            );
            WebTransport::of(text.as_bytes()).map(|offer| offer.hashes)
        };
        assert_eq!(with(&format!(", \"hashes\": [\"{hash}\", \"AAAA\"]")), Some(vec![[7; 32]]));
        assert_eq!(with(""), Some(Vec::new()));
        assert_eq!(WebTransport::of(b"{\"carriers\": [{\"kind\": \"bytes\"}]}"), None);
        assert_eq!(WebTransport::of(b"<html>"), None);
    }
}
