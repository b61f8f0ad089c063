//! The commands that the README gives to a newcomer.

use crate::failure::{Outcome, failed};

/// A reader should not have to scroll for the first command.
const FIRST_BY_LINE: usize = 12;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Commands {
    /// Starts a gateway to look at.
    pub(super) start: String,
    /// Runs every test.
    pub(super) test: String,
}

/// The first two commands inside shell fences, not counting the clone itself.
pub(super) fn commands(readme: &str) -> Outcome<Commands> {
    let mut found = fenced(readme).into_iter();
    let (Some((line, start)), Some((_, test))) = (found.next(), found.next()) else {
        return Err(failed("the README does not give two commands"));
    };
    if line > FIRST_BY_LINE {
        return Err(failed(format!(
            "the first command of the README is in line {line}, after line {FIRST_BY_LINE}"
        )));
    }
    if !start.split_whitespace().any(|word| word == "dev") {
        return Err(failed(format!("the first command of the README does not start a gateway: `{start}`")));
    }
    if !test.starts_with("cargo xtask test") {
        return Err(failed(format!("the second command of the README does not run the tests: `{test}`")));
    }
    Ok(Commands { start, test })
}

/// Line numbers and commands, without prompts and comments.
fn fenced(readme: &str) -> Vec<(usize, String)> {
    let mut inside = false;
    let mut commands = Vec::new();
    for (number, line) in readme.lines().enumerate() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            inside = !inside && matches!(language.trim(), "sh" | "bash" | "console" | "shell");
            continue;
        }
        let command = line.trim().trim_start_matches("$ ").split(" #").next().unwrap_or("").trim();
        let setting = command.is_empty()
            || command.starts_with('#')
            || command.starts_with("git clone")
            || command.starts_with("cd ");
        if inside && !setting {
            commands.push((number + 1, command.to_owned()));
        }
    }
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str = "# Pageport\n\n```sh\ngit clone x && cd x\n$ cargo run --release -- dev   # then open it\n```\n\
        text\n```js\nnot a command\n```\n```sh\ncargo xtask test\n```\n";

    #[test]
    fn both_commands_are_found() {
        // A line that clones and does more is still about cloning.
        let found = commands(README).unwrap();
        assert_eq!(
            found,
            Commands { start: "cargo run --release -- dev".into(), test: "cargo xtask test".into() }
        );
    }

    #[test]
    fn a_command_that_is_missing_late_or_something_else_is_refused() {
        let start = "$ cargo run --release -- dev   # then open it\n";
        assert!(commands(&README.replace(start, "")).is_err());
        assert!(commands(&README.replace("cargo xtask test", "")).is_err());
        assert!(commands(&README.replace("cargo xtask test", "make")).is_err());
        assert!(commands(&README.replace("dev ", "help ")).is_err());
        assert!(commands(&format!("{}{README}", "\n".repeat(12))).is_err());
    }
}
