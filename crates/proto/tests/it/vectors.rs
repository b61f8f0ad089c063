//! Every vector of `spec/vectors` is read and written as it says.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::decoded::{decode, hex};

/// How many vectors there are at least, and how many of them are malformed at least: one in so many.
const LEAST: usize = 120;
const MALFORMED: usize = 3;

#[test]
fn every_vector_is_read_and_written_as_it_says() {
    let files = files();
    let (mut all, mut malformed, mut faults) = (0, 0, Vec::new());
    for file in &files {
        let bad = file.vectors.iter().filter(|vector| vector.error.is_some()).count();
        println!("{:16} {:4} vectors, {bad:4} malformed: {}", file.kind, file.vectors.len(), file.about);
        all += file.vectors.len();
        malformed += bad;
        faults.extend(file.vectors.iter().filter_map(|vector| fault(&file.kind, vector)));
    }
    println!("vectors {all} malformed {malformed} faults {}", faults.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(all >= LEAST, "only {all} vectors");
    assert!(malformed * MALFORMED >= all, "only {malformed} of {all} vectors are malformed");
}

#[test]
fn a_vector_that_says_something_else_is_noticed() {
    let mut spoiled = 0;
    for file in files() {
        for vector in file.vectors {
            for wrong in vector.spoiled() {
                spoiled += 1;
                assert!(fault(&file.kind, &wrong).is_some(), "nobody noticed: {wrong:?}");
            }
        }
    }
    println!("spoiled vectors noticed: {spoiled}");
    assert!(spoiled > LEAST);
}

#[test]
fn names_of_vectors_are_unique_and_each_says_why() {
    let mut names: Vec<String> =
        files().into_iter().flat_map(|file| file.vectors).map(|vector| vector.name).collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all);
    assert!(files().iter().flat_map(|file| &file.vectors).all(|vector| !vector.why.is_empty()));
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    kind: String,
    about: String,
    vectors: Vec<Vector>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    name: String,
    why: String,
    hex: Option<String>,
    json: Option<Value>,
    encodes_as: Option<String>,
    error: Option<String>,
    value: Option<Value>,
    frames: Option<Value>,
}

fn files() -> Vec<File> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors");
    let entries =
        fs::read_dir(dir).expect("the vectors are there").map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect();
    paths.sort();
    let read = |path| serde_json::from_slice(&fs::read(path).expect("readable")).expect("a file of vectors");
    paths.into_iter().map(read).collect()
}

/// How the codec and the vector differ, if they do.
fn fault(kind: &str, vector: &Vector) -> Option<String> {
    let (input, want) = (vector.input(), vector.want());
    let got = decode(kind, &input);
    let differs = match (&got, &want) {
        (Err(code), Err(name)) => code.name() != Some(name),
        (Ok(decoded), Ok(value)) if matches!(kind, "varint" | "message" | "up" | "down") => {
            decoded.value != *value || decoded.encoded != vector.encodes_as.as_deref().map_or(input, bytes)
        }
        (Ok(_), Ok(value)) if kind == "json" => *value != Value::Null,
        (Ok(decoded), Ok(value)) => {
            // What an empty message is written as is free: with the key or without.
            with_message(decoded.value.clone()) != *value
                || decode(kind, &decoded.encoded).map(|again| again.encoded).ok().as_ref()
                    != Some(&decoded.encoded)
        }
        _ => true,
    };
    differs.then(|| format!("{}: {}\n  wanted {want:?}\n  got    {got:?}", vector.name, vector.why))
}

impl Vector {
    fn input(&self) -> Vec<u8> {
        match (&self.hex, &self.json) {
            (Some(hex), None) => bytes(hex),
            (None, Some(Value::String(text))) => text.clone().into_bytes(),
            (None, Some(Value::Array(parts))) => parts
                .iter()
                .map(|part| plain(part).as_str().expect("a text").to_owned())
                .collect::<String>()
                .into_bytes(),
            _ => panic!("{}: neither hex nor json", self.name),
        }
    }

    fn want(&self) -> Result<Value, String> {
        match (&self.error, &self.value, &self.frames) {
            (Some(error), None, None) => Err(error.clone()),
            (None, Some(value), None) => Ok(plain(value)),
            (None, None, Some(frames)) => Ok(plain(frames)),
            (None, None, None) => Ok(Value::Null),
            _ => panic!("{}: more than one expectation", self.name),
        }
    }

    /// The same with another expectation, in every way that there is.
    fn spoiled(&self) -> Vec<Vector> {
        let other =
            |code: &str| Vector { error: Some(code.into()), value: None, frames: None, ..self.clone() };
        let mut all = vec![other("ERR_INTERNAL")];
        if self.error.is_some() {
            all.push(Vector { error: None, value: Some(json!({ "n": 0 })), ..self.clone() });
        }
        if let Some(Value::Array(frames)) = &self.frames {
            all.push(Vector { frames: Some(frames[1..].into()), ..self.clone() });
        }
        if let Some(as_written) =
            self.encodes_as.as_ref().or(self.hex.as_ref().filter(|_| self.frames.is_some()))
        {
            all.push(Vector { encodes_as: Some(format!("{as_written} 00")), ..self.clone() });
        }
        if let Some(Value::Object(fields)) = &self.value {
            all.extend(fields.keys().map(|key| {
                let mut fields = fields.clone();
                fields.insert(key.clone(), json!({ "something": "else" }));
                Vector { value: Some(fields.into()), ..self.clone() }
            }));
        }
        all
    }
}

/// `2e*1200 00` → bytes.
fn bytes(groups: &str) -> Vec<u8> {
    let mut all = Vec::new();
    for group in groups.split_whitespace() {
        let (digits, times) =
            group.split_once('*').map_or((group, 1), |(d, n)| (d, n.parse().expect("a number")));
        let pairs = (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16));
        let once: Vec<u8> = pairs.collect::<Result<_, _>>().expect("hex");
        all.extend(once.repeat(times));
    }
    all
}

/// Without the short notations: repeated texts, groups of bytes.
fn plain(value: &Value) -> Value {
    match value {
        Value::Array(list) => match &list[..] {
            [Value::String(text), Value::Number(times)] => {
                text.repeat(usize::try_from(times.as_u64().expect("a count")).expect("a count")).into()
            }
            _ => list.iter().map(plain).collect(),
        },
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| match (key.as_str(), value) {
                ("bytes" | "payload", Value::String(groups)) => (key.clone(), hex(&bytes(groups)).into()),
                _ => (key.clone(), plain(value)),
            })
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

fn with_message(mut value: Value) -> Value {
    if let Some(refusal) = value.as_object_mut().filter(|fields| fields.contains_key("error")) {
        refusal.entry("message").or_insert_with(|| "".into());
    }
    value
}
