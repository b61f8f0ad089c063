//! The head of a request to a proxy (RFC 9112 §3.2.2 and §3.2.3), and what is passed on of it.

const FIELDS: usize = 100;

/// Fields that are for the proxy, or that say what this one does not do.
const OWN: [&str; 5] = ["connection", "proxy-connection", "proxy-authorization", "keep-alive", "upgrade"];

#[derive(Debug)]
pub(super) struct Head {
    pub(super) method: String,
    pub(super) target: String,
    fields: Vec<(String, String)>,
}

impl Head {
    /// The head and its length; `None` while it is not complete, or not HTTP/1.1.
    pub(super) fn parse(bytes: &[u8]) -> Option<(Head, usize)> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        let httparse::Status::Complete(len) = request.parse(bytes).ok()? else { return None };
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let head = Head {
            method: request.method?.to_owned(),
            target: request.path?.to_owned(),
            fields: request.headers.iter().map(|field| (field.name.to_owned(), text(field.value))).collect(),
        };
        Some((head, len))
    }

    pub(super) fn is_connect(&self) -> bool {
        self.method == "CONNECT"
    }

    /// `host:port`
    pub(super) fn authority(&self) -> Option<String> {
        if self.is_connect() {
            return Some(self.target.clone());
        }
        let (authority, _) = self.absolute()?;
        let port = authority.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
        Some(if port.is_some() { authority.to_owned() } else { format!("{authority}:80") })
    }

    /// The same request as its target wants to see it, for a connection of its own.
    pub(super) fn forwarded(&self) -> String {
        let path = self.absolute().map_or("/", |(_, path)| path);
        let mut head = format!("{} {path} HTTP/1.1\r\n", self.method);
        for (name, value) in
            self.fields.iter().filter(|(name, _)| !OWN.iter().any(|own| name.eq_ignore_ascii_case(own)))
        {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("connection: close\r\nvia: 1.1 testkit\r\n\r\n");
        head
    }

    fn absolute(&self) -> Option<(&str, &str)> {
        let rest = self.target.strip_prefix("http://")?;
        let slash = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(slash);
        Some((authority, if path.is_empty() { "/" } else { path }))
    }
}
