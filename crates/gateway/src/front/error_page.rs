//! A refusal as a page for people: what happened, what to do, and the code to tell others. One file, no script, nothing loaded.
//!
//! Nothing from outside may stand in it unescaped.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, StatusCode};

use super::credential::sha256;

/// Follows the reader's colours and text size; wide words break rather than scroll.
const STYLE: &str = ":root{color-scheme:light dark;font:100%/1.5 system-ui,sans-serif}\
body{margin:0;min-height:100vh;display:grid;place-items:center}\
main{box-sizing:border-box;width:100%;max-width:36rem;padding:1.5rem;overflow-wrap:anywhere}\
h1{font-size:1.5rem;line-height:1.25;margin:0 0 1rem}p{margin:0 0 .75rem}\
footer{margin-top:2rem;font-size:.875rem}code{font:1em ui-monospace,monospace}";

/// Only the one style of these pages is applied, and nothing is loaded, framed or sent.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(sha256(STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// What a page says.
pub(super) struct Words<'w> {
    pub(super) status: StatusCode,
    pub(super) code: &'w str,
    /// In the words of whoever refused, if there are any.
    pub(super) message: Option<&'w str>,
    pub(super) meaning: &'w str,
    pub(super) hint: &'w str,
    /// When to come again, in seconds.
    pub(super) retry_after: Option<u64>,
}

/// The `content-security-policy` of these pages.
pub(super) fn policy() -> HeaderValue {
    POLICY.clone()
}

/// The page.
pub(super) fn page(words: &Words<'_>) -> String {
    let paragraph = |text: &str| format!("<p>{}</p>\n", escape(text));
    let heading = escape(words.message.unwrap_or(words.meaning));
    let meaning = words.message.map(|_| paragraph(words.meaning)).unwrap_or_default();
    let retry = words.retry_after.map(|seconds| paragraph(&come_again(seconds))).unwrap_or_default();
    let (hint, code, status) = (paragraph(words.hint), words.code, words.status.as_str());
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{heading} ({status})</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{heading}</h1>\n\
         {meaning}{hint}{retry}<footer>Status {status}, code <code>{code}</code></footer>\n</main>\n</body>\n</html>\n"
    )
}

/// A delay as people say it.
fn come_again(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0 => return "You can try again now.".to_owned(),
        1..=90 => (seconds, "second"),
        91..=5_400 => (seconds.div_ceil(60), "minute"),
        5_401..=129_600 => (seconds.div_ceil(3_600), "hour"),
        _ => (seconds.div_ceil(86_400), "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("Try again in {count} {unit}{plural}.")
}

fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, char| {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_said_in_words() {
        for (seconds, words) in [
            (0, "You can try again now."),
            (1, "Try again in 1 second."),
            (90, "Try again in 90 seconds."),
            (91, "Try again in 2 minutes."),
            (5_400, "Try again in 90 minutes."),
            (5_401, "Try again in 2 hours."),
            (129_601, "Try again in 2 days."),
            (u64::MAX, "Try again in 213503982334602 days."),
        ] {
            assert_eq!(come_again(seconds), words);
        }
    }
}
