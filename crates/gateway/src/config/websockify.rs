//! `[websockify]`: targets that have a public name, as websockify's TokenFile has them, and a directory with the pages that use them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::{fs, io};

use pageport_proto::target::{Endpoint, Protocol, Target};
use serde::Deserialize;

use super::diagnostic::{ConfigError, Source};
use super::raw::{At, Located, Raw};
use super::secure::path;
use crate::egress::Rule;

/// What `/websockify` leads to, and what is served beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Websockify {
    /// Where the targets stand: a file, or a directory of such files.
    pub source: Option<PathBuf>,
    /// The files that they were read from.
    pub files: Vec<PathBuf>,
    /// The targets by their public names.
    pub targets: HashMap<Box<str>, Endpoint>,
    /// The directory whose files are the gateway's own site.
    pub web: Option<PathBuf>,
}

/// What the command line says of it, over everything else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebsockifyFlags {
    /// `--targets`
    pub targets: Option<PathBuf>,
    /// `--web`
    pub web: Option<PathBuf>,
}

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawWebsockify {
    pub(crate) targets: Option<Located<String>>,
    pub(crate) web: Option<Located<String>>,
}

impl WebsockifyFlags {
    /// Whoever names one of them wants it spoken.
    pub(crate) fn overlay(&self, raw: &mut Raw) {
        let flag = |name, path: &Option<PathBuf>| {
            let value = path.as_ref()?.to_string_lossy().into_owned();
            Some(Located { value, at: At::Flag(name) })
        };
        let given = [flag("--targets", &self.targets), flag("--web", &self.web)];
        if let Some(at) = given.iter().flatten().map(|entry| entry.at.clone()).next()
            && let Some(switch) = raw.dialects.place("websockify")
        {
            *switch = Some(Located { value: true, at });
        }
        let [targets, web] = given;
        raw.websockify.targets = targets.or(raw.websockify.targets.take());
        raw.websockify.web = web.or(raw.websockify.web.take());
    }
}

impl Websockify {
    /// What each name allows: exactly its target, to whoever comes by that name.
    pub(crate) fn rules(&self) -> impl Iterator<Item = Rule> {
        let mut names: Vec<_> = self.targets.iter().collect();
        names.sort_unstable_by_key(|(name, _)| *name);
        names.into_iter().map(|(name, to)| {
            let mut rule = Rule::exactly(Target { protocol: Protocol::Tcp, endpoint: to.clone() });
            rule.who.alias = Some(name.clone());
            rule
        })
    }
}

pub(crate) fn check(raw: &RawWebsockify, source: &Source) -> Result<Websockify, ConfigError> {
    let mut found = Websockify::default();
    if let Some(entry) = &raw.web {
        let directory = path(entry, source);
        if !directory.is_dir() {
            let hint = "a directory with the files to serve, such as \"/usr/share/novnc\"".to_owned();
            let message = format!("not a directory: {}", directory.display());
            return Err(source.error(&entry.at, message, Some(hint)));
        }
        found.web = Some(directory);
    }
    if let Some(entry) = &raw.targets {
        let place = path(entry, source);
        let hint = "a file with a line for each target, \"name: host:port\", or a directory of such files";
        let wrong = |message: String| source.error(&entry.at, message, Some(hint.to_owned()));
        let unreadable =
            |file: &Path, error: &io::Error| wrong(format!("cannot read {}: {error}", file.display()));
        found.files = files(&place).map_err(|error| unreadable(&place, &error))?;
        for file in &found.files {
            let text = fs::read_to_string(file).map_err(|error| unreadable(file, &error))?;
            read(&text, &mut found.targets)
                .map_err(|(line, what)| wrong(format!("{}:{line}: {what}", file.display())))?;
        }
        found.source = Some(place);
    }
    Ok(found)
}

/// The file itself, or those in the directory, in the order of their names.
fn files(place: &Path) -> io::Result<Vec<PathBuf>> {
    if !place.is_dir() {
        return Ok(vec![place.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(place)? {
        let file = entry?.path();
        if file.is_file() {
            files.push(file);
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Lines of `name: host:port`; empty ones and those that begin with `#` say nothing. The error has the number of the line.
fn read(text: &str, targets: &mut HashMap<Box<str>, Endpoint>) -> Result<(), (usize, String)> {
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |what: &str| Err((at + 1, format!("{what}: {line:?}")));
        let Some((name, to)) = line.split_once(": ").or_else(|| line.split_once(":\t")) else {
            return wrong("not a name and a target");
        };
        let Some(to) = endpoint(to.trim()) else { return wrong("not a target") };
        match targets.entry(name.into()) {
            Entry::Vacant(free) => free.insert(to),
            Entry::Occupied(_) => return wrong("a name that another target has"),
        };
    }
    Ok(())
}

/// As in rules, and an IPv6 address without brackets, as websockify has them.
fn endpoint(text: &str) -> Option<Endpoint> {
    Endpoint::parse(text).or_else(|| {
        let (address, port) = text.rsplit_once(':')?;
        let address: Ipv6Addr = address.parse().ok()?;
        Endpoint::parse(&format!("[{address}]:{port}"))
    })
}

/// The section with its reasons.
pub(crate) fn print(text: &mut String, websockify: &Websockify) {
    let value = |path: &Path| toml::Value::from(path.display().to_string());
    text.push_str("\n[websockify]\n# Targets with a public name, a line for each, \"name: host:port\": a file, or a directory of such files.\n");
    text.push_str(&match &websockify.source {
        Some(source) => format!("targets = {}\n", value(source)),
        None => "# targets = \"targets.cfg\"\n".to_owned(),
    });
    text.push_str("# A directory whose files are served at /, to pages that may then use /websockify.\n");
    text.push_str(&match &websockify.web {
        Some(web) => format!("web = {}\n", value(web)),
        None => "# web = \"/usr/share/novnc\"\n".to_owned(),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_stand_in_lines_as_websockify_has_them() {
        let text = "# comment\n\n  desk: 10.0.0.1:5900\t\nlab-2:\t[2001:db8::7]:5901\nv6: 2001:db8::7:5902\na:b: host.example:1\n";
        let mut targets = HashMap::new();
        assert_eq!(read(text, &mut targets), Ok(()));
        let mut found: Vec<_> = targets.iter().map(|(name, to)| format!("{name} {to}")).collect();
        found.sort_unstable();
        assert_eq!(
            found,
            ["a:b host.example:1", "desk 10.0.0.1:5900", "lab-2 [2001:db8::7]:5901", "v6 [2001:db8::7]:5902"]
        );
    }

    #[test]
    fn what_is_no_target_is_told_with_its_line() {
        for (text, line) in [
            ("desk 10.0.0.1:5900", 1),
            ("\ndesk:10.0.0.1:5900", 2),
            ("desk: 10.0.0.1", 1),
            ("desk: 127.1:80", 1),
            ("desk: unix_socket:/tmp/x", 1),
            ("desk: a.example:1\ndesk: b.example:1", 2),
        ] {
            let found = read(text, &mut HashMap::new()).map_err(|(line, _)| line);
            assert_eq!(found, Err(line), "{text}");
        }
    }
}
