//! Where request heads begin and end in what a connection sends: heads are looked at line by line, bodies are counted and let pass.
//!
//! It frames bodies exactly as hyper does (RFC 9112 §6), or else it refuses: whoever sees other requests than hyper is no guard.

/// What a byte is replaced by that must not be there: hyper answers it with 400, or breaks off the body, and closes.
const REFUSED: u8 = 0;
/// How much of a line is remembered: a length with some white space, or the size of a chunk.
const LINE: usize = 64;

/// A connection's place in what was read of it.
#[derive(Debug)]
pub(super) struct Scan {
    line: [u8; LINE],
    /// Of the line so far, its CR included.
    length: usize,
    after_cr: bool,
    place: Place,
    /// The request line has come.
    begun: bool,
    framing: Framing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Head,
    /// So many bytes of a body, or of a chunk and the line end behind it.
    Body {
        left: u64,
        chunked: bool,
    },
    ChunkSize,
    Trailers,
    /// Nothing more is looked at: another protocol, or the connection ends here.
    Done,
}

/// What the fields of a head say about its body.
#[derive(Debug, Default, Clone, Copy)]
struct Framing {
    body: Option<Length>,
    upgrade: bool,
}

/// How long a body is.
#[derive(Debug, Clone, Copy)]
enum Length {
    Bytes(u64),
    Chunked,
}

impl Default for Scan {
    fn default() -> Scan {
        Scan {
            line: [0; LINE],
            length: 0,
            after_cr: false,
            place: Place::Head,
            begun: false,
            framing: Framing::default(),
        }
    }
}

impl Scan {
    /// Looks at what was read, and makes unusable what must not be there.
    pub(super) fn bytes(&mut self, mut bytes: &mut [u8]) {
        while let Some(first) = bytes.first_mut() {
            match self.place {
                Place::Done => return,
                Place::Body { left, chunked } => {
                    let part = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    bytes = &mut bytes[part..];
                    self.pass(left - part as u64, chunked);
                }
                Place::Head | Place::ChunkSize | Place::Trailers => {
                    let bare = !self.after_cr;
                    if !self.byte(*first) {
                        // In a chunk's extension hyper lets everything pass but this very LF.
                        if !(bare && self.place == Place::ChunkSize) {
                            *first = REFUSED;
                        }
                        self.place = Place::Done;
                    }
                    bytes = &mut bytes[1..];
                }
            }
        }
    }

    fn pass(&mut self, left: u64, chunked: bool) {
        self.place = match (left, chunked) {
            (0, true) => Place::ChunkSize,
            (0, false) => Place::Head,
            _ => Place::Body { left, chunked },
        };
    }

    /// False for what must not be there.
    fn byte(&mut self, byte: u8) -> bool {
        if byte == b'\n' {
            let whole = std::mem::replace(&mut self.after_cr, false);
            return whole && self.line_end();
        }
        if let Some(place) = self.line.get_mut(self.length) {
            *place = byte.to_ascii_lowercase();
        }
        self.length += 1;
        self.after_cr = byte == b'\r';
        true
    }

    fn line_end(&mut self) -> bool {
        let length = std::mem::take(&mut self.length) - 1;
        // What does not fit is none of those that matter, or no number.
        let line = self.line;
        let line = line.get(..length).unwrap_or(&[]);
        match self.place {
            Place::Head if length == 0 => self.head_end(),
            Place::Head => return self.field(line, length > LINE),
            Place::Trailers if length == 0 => self.place = Place::Head,
            Place::ChunkSize => match chunk_size(line) {
                Some(0) => self.place = Place::Trailers,
                Some(size) => self.place = Place::Body { left: size.saturating_add(2), chunked: true },
                None => return false,
            },
            Place::Trailers | Place::Body { .. } | Place::Done => {}
        }
        true
    }

    /// Empty lines before a request line are allowed (RFC 9112 §2.2); the one behind the fields ends the head.
    fn head_end(&mut self) {
        if !std::mem::take(&mut self.begun) {
            return;
        }
        let Framing { body, upgrade } = std::mem::take(&mut self.framing);
        self.place = match body {
            // An upgrade is the last request of a connection.
            _ if upgrade => Place::Done,
            None | Some(Length::Bytes(0)) => Place::Head,
            Some(Length::Bytes(left)) => Place::Body { left, chunked: false },
            Some(Length::Chunked) => Place::ChunkSize,
        };
    }

    fn field(&mut self, line: &[u8], long: bool) -> bool {
        if !std::mem::replace(&mut self.begun, true) {
            return true;
        }
        let start = if long { &self.line[..] } else { line };
        if start.starts_with(b"upgrade:") {
            self.framing.upgrade = true;
            return true;
        }
        let length = if let Some(value) = start.strip_prefix(b"transfer-encoding:") {
            // No other coding is understood, and none twice.
            (!long && value.trim_ascii() == b"chunked").then_some(Length::Chunked)
        } else if let Some(value) = start.strip_prefix(b"content-length:") {
            number(value, 10).filter(|_| !long).map(Length::Bytes)
        } else {
            return true;
        };
        // One way to say how long the body is, once: two are what smuggling is made of (RFC 9112 §6.1, §6.3).
        let first = self.framing.body.is_none();
        self.framing.body = self.framing.body.or(length);
        first && length.is_some()
    }
}

/// The size of a chunk; extensions play no part.
fn chunk_size(line: &[u8]) -> Option<u64> {
    number(line.split(|byte| *byte == b';').next()?, 16)
}

/// Digits between optional white space, nothing else.
fn number(text: &[u8], radix: u32) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?.trim_matches([' ', '\t']);
    let digits = !text.is_empty() && text.chars().all(|char| char.is_digit(radix));
    digits.then(|| u64::from_str_radix(text, radix).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEXT: &str = "GET /2 HTTP/1.1\nhost: a\r\n\r\n";

    /// Feeds a text in pieces of every size: the result must not depend on how the network cuts it.
    fn check(input: &str, expected: &str) {
        for piece in 1..=input.len() {
            let mut scan = Scan::default();
            let mut bytes = input.as_bytes().to_vec();
            bytes.chunks_mut(piece).for_each(|chunk| scan.bytes(chunk));
            assert_eq!(String::from_utf8_lossy(&bytes), expected, "in pieces of {piece}");
        }
    }

    /// Whatever this is, the request behind it is looked at again.
    fn looked_at_behind(request: &str) {
        check(&format!("{request}{NEXT}"), &format!("{request}{}", NEXT.replace("1.1\n", "1.1\0")));
    }

    fn refused_at(input: &str, start: usize) {
        let mut expected = input.as_bytes().to_vec();
        expected[start] = REFUSED;
        check(input, std::str::from_utf8(&expected).expect("text"));
    }

    #[test]
    fn whole_heads_pass_also_in_a_row() {
        let heads = "\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\nGET /2 HTTP/1.1\r\nhost: a\r\n\r\n";
        check(heads, heads);
    }

    #[test]
    fn a_bare_lf_is_refused_wherever_it_stands() {
        check("GET / HTTP/1.1\nhost: a\r\n\r\n", "GET / HTTP/1.1\0host: a\r\n\r\n");
        check("GET / HTTP/1.1\r\nhost: a\n\r\n", "GET / HTTP/1.1\r\nhost: a\0\r\n");
        check("GET / HTTP/1.1\r\nhost: a\r\n\n", "GET / HTTP/1.1\r\nhost: a\r\n\0");
        check("\nGET / HTTP/1.1\r\n\r\n", "\0GET / HTTP/1.1\r\n\r\n");
        looked_at_behind("GET / HTTP/1.1\r\na: b\r\n\r\n");
    }

    #[test]
    fn nothing_behind_an_upgrade_is_touched() {
        let text = "GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n\n\nanything\n";
        check(text, text);
    }

    #[test]
    fn a_body_may_be_anything_and_the_request_behind_it_is_looked_at() {
        looked_at_behind("POST / HTTP/1.1\r\nContent-Length: 6\r\n\r\n\n\n\r\n\0\n");
        looked_at_behind("POST / HTTP/1.1\r\ncontent-length:\t 6 \r\n\r\n\n\n\n\n\n\n");
        looked_at_behind("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
        let chunks = "3\r\n\n\n\n\r\nA;a=b\r\n0123\n56789\r\n00\r\nx-trailer: 1\r\n\r\n";
        looked_at_behind(&format!("POST / HTTP/1.1\r\nTRANSFER-ENCODING:\t CHUNKED \r\n\r\n{chunks}"));
    }

    #[test]
    fn what_frames_a_body_in_no_clear_way_is_refused() {
        for field in [
            "content-length: +5",
            "content-length:",
            "content-length: 5, 5",
            "content-length: 18446744073709551616",
            "transfer-encoding: gzip",
            "transfer-encoding: gzip, chunked",
            "transfer-encoding: chunked, chunked",
        ] {
            let head = format!("POST / HTTP/1.1\r\n{field}\r\n\r\n");
            refused_at(&head, 17 + field.len() + 1);
        }
        let far = format!("POST / HTTP/1.1\r\ncontent-length: {}5\r\n\r\n", " ".repeat(80));
        refused_at(&far, far.len() - 3);
        let [length, chunks] = ["content-length: 5", "transfer-encoding: chunked"];
        for [one, other] in [[length, length], [length, chunks], [chunks, length], [chunks, chunks]] {
            let two = format!("POST / HTTP/1.1\r\n{one}\r\n{other}\r\n\r\n");
            refused_at(&two, two.len() - 3);
        }
        let chunked = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
        for size in ["x", "", "-1", "0x3", "1 1", "10000000000000000"] {
            let text = format!("{chunked}{size}\r\n");
            refused_at(&text, text.len() - 1);
        }
        // Here hyper refuses the LF itself.
        for bare in ["3\nabc", "3;a\nb\r\nabc"] {
            let text = format!("{chunked}{bare}\r\n{NEXT}");
            check(&text, &text);
        }
        refused_at(&format!("{chunked}0\r\n\n"), chunked.len() + 3);
    }
}
