//! What the programs of this crate have in common: one command per line on stdin, one JSON object per line on stdout.

use serde_json::Value;
use tokio::sync::mpsc;

use crate::{Cut, Direction};

/// The lines of stdin. By a thread of its own: a read of stdin cannot be called off, and must not keep the program from ending.
#[must_use]
pub fn lines() -> mpsc::UnboundedReceiver<String> {
    let (lines, received) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    received
}

/// One line of stdout.
pub fn say(value: &Value) {
    println!("{value}");
}

/// `up` or `down`.
#[must_use]
pub fn direction(word: &str) -> Option<Direction> {
    match word {
        "up" => Some(Direction::Up),
        "down" => Some(Direction::Down),
        _ => None,
    }
}

/// `reset`, which may be left out, or `fin`.
#[must_use]
pub fn cut(words: &[&str]) -> Option<Cut> {
    match words {
        [] | ["reset"] => Some(Cut::Reset),
        ["fin"] => Some(Cut::Fin),
        _ => None,
    }
}
