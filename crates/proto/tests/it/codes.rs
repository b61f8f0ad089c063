//! `spec/errors.md` and the table of codes are the same list.

use std::fs;
use std::path::Path;

use pageport_proto::Code;
use pageport_proto::code::APPLICATION;

#[test]
fn the_list_in_the_specification_is_the_list_in_the_program() {
    let listed: Vec<(u32, String)> = rows().into_iter().map(|row| (row.number, row.name)).collect();
    let known: Vec<(u32, String)> = Code::all().map(|code| (code.number(), code.to_string())).collect();
    println!("codes {}", known.len());
    assert_eq!(listed, known);
    assert!(known.len() > 50, "the table was not read whole");
}

#[test]
fn numbers_rise_and_stay_below_those_of_applications() {
    let numbers: Vec<u32> = Code::all().map(Code::number).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    assert!(numbers.iter().all(|number| *number < APPLICATION));
}

#[test]
fn every_code_is_found_by_number_and_by_name() {
    for code in Code::all() {
        let name = code.name().expect("a name");
        assert_eq!(Code::from_name(name), Some(code));
        assert_eq!(Code::from_number(code.number()).to_string(), name);
    }
    assert_eq!(Code::from_number(APPLICATION).name(), None);
    assert_eq!(Code::from_name("ERR_NEVER_HEARD_OF"), None);
}

#[test]
fn every_code_has_a_scope_a_meaning_and_advice() {
    for row in rows() {
        assert!(SCOPES.contains(&row.scope.as_str()), "{}: scope {:?}", row.name, row.scope);
        assert!(row.meaning.ends_with('.'), "{}: meaning {:?}", row.name, row.meaning);
        assert!(row.advice.ends_with('.'), "{}: advice {:?}", row.name, row.advice);
        let status = row.http.as_ref().map(|http| http.parse().unwrap_or(0));
        assert!(
            status.is_none_or(|status| (400..600).contains(&status)),
            "{}: HTTP {:?}",
            row.name,
            row.http
        );
        assert!(row.scope != "request" || status.is_some(), "{}: a request needs a status", row.name);
    }
}

const SCOPES: [&str; 7] = ["session", "carrier", "stream", "reply", "request", "page", "program"];

struct Row {
    number: u32,
    name: String,
    scope: String,
    http: Option<String>,
    meaning: String,
    advice: String,
}

fn rows() -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/errors.md");
    let text = fs::read_to_string(path).expect("the list is there");
    text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")).filter_map(row).collect()
}

/// `None` for the two lines at the table's head.
fn row(line: &str) -> Option<Row> {
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    let [number, name, scope, http, meaning, advice] = cells[..] else { panic!("not six cells: {line}") };
    let number = number.parse().ok()?;
    let http = (!http.is_empty()).then(|| http.to_owned());
    let [name, scope, meaning, advice] = [name, scope, meaning, advice].map(str::to_owned);
    Some(Row { number, name, scope, http, meaning, advice })
}
