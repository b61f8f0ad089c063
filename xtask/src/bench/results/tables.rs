//! Tables of a Markdown page.

use super::Results;
use super::aims::ratio;
use serde_json::Value;

/// The contestants in the order in which they started.
pub(super) fn contestants(results: &Results) -> Vec<String> {
    let list = results.get("contestants").and_then(Value::as_array).cloned().unwrap_or_default();
    list.iter().filter_map(|one| Some(one["name"].as_str()?.to_owned())).collect()
}

/// One number of the rounds, for all contestants: median, range, and the ratio to the better raw relay.
pub(super) fn compared(results: &Results, number: &str, unit: &str, digits: usize) -> String {
    let rows = contestants(results).into_iter().map(|name| {
        let value = |which: &str| {
            let value = results.number(&format!("rounds/{number}/{name}/{which}"));
            value.map_or("–".to_owned(), |value| format!("{value:.digits$}"))
        };
        let ratio = ratio(results, number, &name).map_or("–".to_owned(), |ratio| format!("{ratio:.2}"));
        let (median, range) = (value("median"), format!("{} – {}", value("least"), value("most")));
        vec![name, median, range, ratio]
    });
    table(&["", unit, "range", "to the better raw relay"], rows)
}

pub(super) fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = line(head.iter().map(|&cell| cell.to_owned()).collect());
    text.push_str(&format!("|---{}\n", "|---:".repeat(head.len() - 1) + "|"));
    rows.into_iter().for_each(|row| text.push_str(&line(row)));
    text.push('\n');
    text
}
