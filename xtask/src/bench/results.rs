//! What is kept of a run, as JSON under target/, and the page that is made of it. Parts that were not measured again stay as they were,
//! in either, each with the machine's state of its own run.

pub(super) mod aims;
mod carriers;
pub(super) mod dialects;
mod page;
mod parts;
mod tables;

use super::install;
use super::options::{Options, Part};
use crate::failure::{About, Outcome, failed};
use crate::paths;
use serde_json::{Map, Value};
use std::fs;
use std::path::PathBuf;

#[derive(Debug)]
pub(super) struct Results {
    values: Map<String, Value>,
    file: PathBuf,
}

impl Results {
    /// What was kept; nothing when everything is measured anew.
    pub(super) fn open(options: &Options) -> Outcome<Results> {
        let file = file(options);
        let all = options.parts.len() == Part::ALL.len();
        let values = match Results::kept(options) {
            Ok(Value::Object(values)) if !all => values,
            Err(error) if !all && file.exists() => return Err(error),
            _ => Map::new(),
        };
        Ok(Results { values, file })
    }

    pub(super) fn kept(options: &Options) -> Outcome<Value> {
        let file = file(options);
        let text = fs::read_to_string(&file).about(paths::shown(&file))?;
        serde_json::from_str(&text).map_err(|error| failed(format!("{}: {error}", paths::shown(&file))))
    }

    pub(super) fn set(&mut self, part: &str, value: Value) {
        self.values.insert(part.to_owned(), value);
    }

    pub(super) fn get(&self, pointer: &str) -> Option<&Value> {
        let (part, rest) = pointer.split_once('/').unwrap_or((pointer, ""));
        let value = self.values.get(part)?;
        rest.split('/').filter(|key| !key.is_empty()).try_fold(value, |value, key| value.get(key))
    }

    pub(super) fn number(&self, pointer: &str) -> Option<f64> {
        self.get(pointer)?.as_f64()
    }

    pub(super) fn text(&self, pointer: &str) -> &str {
        self.get(pointer).and_then(Value::as_str).unwrap_or("")
    }

    pub(super) fn write(&self, options: &Options) -> Outcome {
        let json = serde_json::to_string_pretty(&self.values).map_err(|error| failed(error.to_string()))?;
        fs::write(&self.file, json).about(paths::shown(&self.file))?;
        let former = if options.output.exists() {
            fs::read_to_string(&options.output).about(paths::shown(&options.output))?
        } else {
            String::new()
        };
        let page = parts::text(self, &options.parts, &former);
        fs::write(&options.output, page).about(paths::shown(&options.output))?;
        println!("bench: written to {}", paths::shown(&options.output));
        let aims = options.parts.iter().flat_map(|part| match part {
            Part::Tunnels => aims::all(self),
            Part::Carriers => carriers::aims(self),
            Part::Dialects => dialects::aims(self),
            Part::Crowd | Part::Page => Vec::new(),
        });
        for aim in aims {
            println!("bench: {}", aim.line());
        }
        Ok(())
    }
}

fn file(options: &Options) -> PathBuf {
    install::directory().join(if options.quick { "quick.json" } else { "results.json" })
}
