//! Rules as they stand in a file.

use std::fmt::Write as _;

use super::bounds;
use crate::egress::{Egress, Spoken, Who};

/// Appends them, with what may be said of limits.
pub(crate) fn print(text: &mut String, egress: &Egress) {
    text.push_str(
        "\n# Where callers may be connected to: the first [[allow]] that matches, unless a [[deny]] does. Nothing else. With several of `origins`, `tokens`\n\
         # and `keys` whoever is in one of them, without any everybody. Limits that a rule may have, and has not unless it says so:\n",
    );
    for bound in &bounds::TABLE {
        let _ = writeln!(text, "# {}: {} {}.", bound.name, bound.reason, bound.format_range());
    }
    // Names of targets stand in a file of their own.
    for rule in egress.allow.iter().filter(|rule| rule.who.alias.is_none()) {
        let _ = write!(text, "\n[[allow]]\nto = \"{}\"\n", rule.to);
        protocol(text, &rule.spoken);
        who(text, &rule.who);
        if rule.starttls {
            text.push_str("starttls = true\n");
        }
        for bound in &bounds::TABLE {
            if let Some(value) = bound.format(&rule.bounds) {
                let quote = if value.bytes().all(|byte| byte.is_ascii_digit()) { "" } else { "\"" };
                let _ = writeln!(text, "{} = {quote}{value}{quote}", bound.name);
            }
        }
        if let Some(file) = &rule.authority.file {
            let _ = writeln!(text, "ca = {}", toml::Value::from(file.display().to_string()));
        }
    }
    for deny in &egress.deny {
        let _ = write!(text, "\n[[deny]]\nto = \"{}\"\n", deny.to);
        protocol(text, &deny.spoken);
        who(text, &deny.who);
    }
}

/// Each in a line of words, in the order in which they count.
pub(crate) fn summary(egress: &Egress) -> Vec<String> {
    let denied = egress.deny.iter().enumerate();
    let denied = denied.map(|(at, deny)| format!("[[deny]] {}: {deny}, for {}", at + 1, deny.who));
    let allowed = egress.allow.iter().enumerate().map(|(at, rule)| {
        let mut line = format!("[[allow]] {}: {rule}, for {}", at + 1, rule.who);
        for bound in &bounds::TABLE {
            if let Some(value) = bound.format(&rule.bounds) {
                let _ = write!(line, "; {} {value}", bound.name);
            }
        }
        line
    });
    denied.chain(allowed).collect()
}

fn protocol(text: &mut String, spoken: &Spoken) {
    let words: Vec<_> = spoken.iter().map(|protocol| format!("\"{protocol}\"")).collect();
    let _ = match words.as_slice() {
        [one] => writeln!(text, "protocol = {one}"),
        several => writeln!(text, "protocol = [{}]", several.join(", ")),
    };
}

fn who(text: &mut String, who: &Who) {
    for (name, words) in who.lists() {
        let words: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
        let _ = writeln!(text, "{name} = [{}]", words.join(", "));
    }
}
