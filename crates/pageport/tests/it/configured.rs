//! A gateway with a file, whose rest can be replaced while it runs, and a token.

use std::process::Command;

use pageport_link::{Connector, Session};
use rustix::process::Signal;

use crate::program::{Place, Running};

pub(crate) struct Configured<'a> {
    place: &'a Place,
    head: String,
    pub(crate) running: Running,
    pub(crate) url: String,
}

/// Of the token `test`.
const TOKEN: &str = "[[token]]\nname = \"t\"\nmay = [\"connect\"]\n\
                     sha256 = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"\n";

impl<'a> Configured<'a> {
    /// `head`: what stands above all sections. Its log is in JSON, one line for each event.
    pub(crate) fn new(place: &'a Place, head: &str, rest: &str) -> Configured<'a> {
        let head = format!("listen = [\"127.0.0.1:0\"]\nadmin = \"127.0.0.1:0\"\n{head}");
        place.write("p.toml", &format!("{head}{TOKEN}{rest}"));
        let mut running = place.start(&["gateway", "--config", "p.toml", "--json", "--log-format", "json"]);
        let url = running.ready()["url"].as_str().unwrap().to_owned();
        Configured { place, head, running, url }
    }

    /// Writes another rest.
    pub(crate) fn write(&self, rest: &str) {
        self.place.write("p.toml", &format!("{}{TOKEN}{rest}", self.head));
    }

    /// Writes it, and waits until it counts.
    pub(crate) fn reload(&mut self, rest: &str) {
        self.write(rest);
        self.running.signal(Signal::HUP);
        self.running.logged("configuration read again");
    }

    pub(crate) fn connect(&self, to: &str) -> Command {
        let mut command = self.place.command(&["connect", to, "--gateway", &self.url]);
        command.env("PAGEPORT_TOKEN", "test");
        command
    }

    pub(crate) async fn session(&self) -> Session {
        self.session_with("test").await
    }

    pub(crate) async fn session_with(&self, token: &str) -> Session {
        let connector = Connector::new(&self.url).unwrap().credential(token.to_owned());
        connector.connect().await.unwrap()
    }
}
