//! What a credential allows: kinds, names, how much, and from where. Says nothing of who has it.

use std::collections::HashSet;
use std::fmt;

use pageport_proto::head::Kind;
use pageport_proto::name::Name;
use serde::{Deserialize, Deserializer, Serialize};

use super::origin::Origin;

/// What a credential allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    /// Have names and be reached by visitors.
    pub listen: bool,
    /// Open connections through the gateway.
    pub connect: bool,
    /// What it may listen for.
    pub kinds: Kinds,
    /// Which chosen names it may have; `None`: any. Random ones need no permission, since they pretend nothing.
    pub names: Option<Vec<Pattern>>,
    /// How many listeners at once, over all sessions; `None`: no more than the gateway allows anyway.
    pub listeners: Option<u64>,
    /// How many visitors in a second, over all listeners; `None`: any number.
    pub rate: Option<u64>,
    /// Pages of these origins only; `None`: whatever else may attach.
    pub origins: Option<HashSet<Origin>>,
}

/// Kinds of listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as on the wire")]
pub struct Kinds {
    pub websocket: bool,
    pub http: bool,
    pub tcp: bool,
    pub page: bool,
}

/// A name, or the beginning of some: `app-*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    start: Box<str>,
    open: bool,
}

/// What a token that was issued for somebody asks for. What is absent is as much as its issuer may give.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "as in Grants")]
pub struct Asked {
    #[serde(default, deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    pub may: Option<Vec<String>>,
    #[serde(default, deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    pub kinds: Option<Vec<String>>,
    #[serde(default, deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
    #[serde(default, deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    pub listeners: Option<u64>,
    #[serde(default, deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    pub rate: Option<u64>,
    #[serde(default, deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    pub origins: Option<Vec<String>>,
}

/// What is said must be a value: `null` is neither that nor absent, and nobody should get everything for it.
///
/// # Errors
/// Those of the value.
pub(super) fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(source: D) -> Result<Option<T>, D::Error> {
    T::deserialize(source).map(Some)
}

impl Grants {
    /// Everything.
    #[must_use]
    pub fn all() -> Grants {
        let (names, listeners, rate, origins) = (None, None, None, None);
        Grants { listen: true, connect: true, kinds: Kinds::ALL, names, listeners, rate, origins }
    }

    /// Whether it allows listeners of a kind, and under this name.
    #[must_use]
    pub fn listen(&self, kind: Kind, name: Option<&Name>) -> bool {
        let named = |name: &Name| {
            let fits = |patterns: &Vec<Pattern>| patterns.iter().any(|pattern| pattern.fits(name.as_str()));
            name.is_random_form() || self.names.as_ref().is_none_or(fits)
        };
        self.listen && self.kinds.have(kind) && name.is_none_or(named)
    }

    /// What is asked for, when all of it is within these grants.
    #[must_use]
    pub fn within(&self, asked: &Asked) -> Option<Grants> {
        let may = asked.may.as_deref();
        let granted = |word, bound: bool| may.map_or(bound, |may| may.iter().any(|asked| asked == word));
        let (listen, connect) = (granted("listen", self.listen), granted("connect", self.connect));
        let known = may.is_none_or(|may| may.iter().all(|word| word == "listen" || word == "connect"));
        let kinds = match &asked.kinds {
            None => self.kinds,
            Some(words) => Kinds::parse(words.iter().map(String::as_str))?,
        };
        let names = match &asked.names {
            None => self.names.clone(),
            Some(names) => Some(names.iter().map(|text| Pattern::parse(text)).collect::<Option<Vec<_>>>()?),
        };
        let origins = match &asked.origins {
            None => self.origins.clone(),
            Some(list) => Some(list.iter().map(|text| Origin::parse(text)).collect::<Option<HashSet<_>>>()?),
        };
        let (listeners, rate) = (asked.listeners.or(self.listeners), asked.rate.or(self.rate));
        let asked = Grants { listen, connect, kinds, names, listeners, rate, origins };
        (known && asked.is_within(self)).then_some(asked)
    }

    fn is_within(&self, bound: &Grants) -> bool {
        let below = |asked: Option<u64>, bound: Option<u64>| {
            bound.is_none_or(|bound| asked.is_some_and(|asked| asked <= bound))
        };
        let named = bound.names.as_ref().is_none_or(|bounds| {
            let covered = |name: &Pattern| bounds.iter().any(|bound| bound.covers(name));
            self.names.as_ref().is_some_and(|names| names.iter().all(covered))
        });
        let from = bound
            .origins
            .as_ref()
            .is_none_or(|bounds| self.origins.as_ref().is_some_and(|origins| origins.is_subset(bounds)));
        self.listen <= bound.listen
            && self.connect <= bound.connect
            && self.kinds.websocket <= bound.kinds.websocket
            && self.kinds.http <= bound.kinds.http
            && self.kinds.tcp <= bound.kinds.tcp
            && self.kinds.page <= bound.kinds.page
            && below(self.listeners, bound.listeners)
            && below(self.rate, bound.rate)
            && named
            && from
    }
}

impl Kinds {
    /// Every kind.
    pub const ALL: Kinds = Kinds { websocket: true, http: true, tcp: true, page: true };

    /// Reads the words of the wire; `None` when one is not known.
    #[must_use]
    pub fn parse<'a>(words: impl Iterator<Item = &'a str>) -> Option<Kinds> {
        let mut kinds = Kinds { websocket: false, http: false, tcp: false, page: false };
        for word in words {
            *match word {
                "websocket" => &mut kinds.websocket,
                "http" => &mut kinds.http,
                "tcp" => &mut kinds.tcp,
                "page" => &mut kinds.page,
                _ => return None,
            } = true;
        }
        Some(kinds)
    }

    /// The words of the wire.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        let web = [("websocket", self.websocket), ("http", self.http)];
        let all = web.into_iter().chain([("tcp", self.tcp), ("page", self.page)]);
        all.filter(|kind| kind.1).map(|kind| kind.0)
    }

    fn have(self, kind: Kind) -> bool {
        match kind {
            Kind::WebSocket => self.websocket,
            Kind::Http => self.http,
            Kind::Tcp => self.tcp,
            Kind::Page => self.page,
        }
    }
}

impl Pattern {
    /// Reads a pattern: characters of names, in lower case, and perhaps one `*` at the end.
    #[must_use]
    pub fn parse(text: &str) -> Option<Pattern> {
        let (start, open) = text.strip_suffix('*').map_or((text, false), |start| (start, true));
        let of_names = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let fits = if open { start.len() <= 40 && start.bytes().all(of_names) } else { is_name(start) };
        fits.then(|| Pattern { start: start.into(), open })
    }

    fn fits(&self, name: &str) -> bool {
        if self.open { name.starts_with(&*self.start) } else { name == &*self.start }
    }

    /// Whether every name that fits the other one fits this one.
    fn covers(&self, other: &Pattern) -> bool {
        if self.open { other.start.starts_with(&*self.start) } else { self == other }
    }
}

fn is_name(text: &str) -> bool {
    Name::parse(text).is_some_and(|name| name.as_str() == text)
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.start, if self.open { "*" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(json: &str) -> Asked {
        serde_json::from_str(json).expect(json)
    }

    #[test]
    fn what_is_asked_must_be_within_what_may_be_given() {
        let bound = Grants {
            connect: false,
            kinds: Kinds { tcp: false, ..Kinds::ALL },
            names: Pattern::parse("app-*").map(|pattern| vec![pattern]),
            listeners: Some(2),
            rate: Some(10),
            origins: Some(HashSet::from([Origin::parse("https://a.example").expect("an origin")])),
            ..Grants::all()
        };
        assert_eq!(bound.within(&asked("{}")), Some(bound.clone()));
        for within in [
            r#"{"may": ["listen"], "kinds": ["http"], "names": ["app-1", "app-x*"], "listeners": 2, "rate": 1}"#,
            r#"{"may": [], "kinds": [], "names": [], "origins": []}"#,
            r#"{"origins": ["https://a.example"]}"#,
        ] {
            assert!(bound.within(&asked(within)).is_some(), "{within}");
        }
        for beyond in [
            r#"{"may": ["connect"]}"#,
            r#"{"may": ["fly"]}"#,
            r#"{"kinds": ["tcp"]}"#,
            r#"{"kinds": ["gopher"]}"#,
            r#"{"names": ["app"]}"#,
            r#"{"names": ["ap*"]}"#,
            r#"{"names": ["*"]}"#,
            r#"{"names": ["a*b"]}"#,
            r#"{"listeners": 3}"#,
            r#"{"rate": 11}"#,
            r#"{"origins": ["https://b.example"]}"#,
            r#"{"origins": ["null"]}"#,
        ] {
            assert_eq!(bound.within(&asked(beyond)), None, "{beyond}");
        }
    }

    #[test]
    fn patterns_are_for_chosen_names() {
        let names =
            Some(vec![Pattern::parse("app-*").expect("a pattern"), Pattern::parse("shop").expect("one")]);
        let grants = Grants { names, ..Grants::all() };
        let may = |text| grants.listen(Kind::Http, Some(&Name::parse(text).expect(text)));
        assert!(may("shop") && may("app-1") && may("k3vqz7m2xwp4a") && grants.listen(Kind::Http, None));
        assert!(!may("shop2") && !may("app") && !may("other"));
        for wrong in ["", "App", "a_b", "*a", "a**", "ab", "-a"] {
            assert_eq!(Pattern::parse(wrong), None, "{wrong}");
        }
    }
}
