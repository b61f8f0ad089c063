//! bench/RESULTS.md: written for people who want to know what was measured, how, and what it means. Its parts stand one behind the other; one that
//! was not measured in this run stays as it is on the page that is there, whichever machine that came from.

use super::super::options::Part;
use super::{Results, carriers, dialects, page};

const TITLE: &str = "# Side by side\n\nWritten by `cargo xtask bench`; do not edit.\n\n";

/// `measured`: the parts of this run; `former`: the page so far, empty where there is none.
pub(super) fn text(results: &Results, measured: &[Part], former: &str) -> String {
    let mut text = TITLE.to_owned();
    for part in Part::ALL {
        if measured.contains(&part) {
            text.push_str(&match part {
                Part::Tunnels => page::tunnels(results),
                Part::Crowd => dated(page::crowd(results), results, measured),
                Part::Page => dated(page::page(results), results, measured),
                Part::Carriers => carriers::text_of(results),
                Part::Dialects => dialects::text_of(results),
            });
        } else {
            text.push_str(kept(former, part));
        }
    }
    text
}

/// What the tunnels say of the machine is of their run.
fn dated(part: String, results: &Results, measured: &[Part]) -> String {
    if measured.contains(&Part::Tunnels) {
        return part;
    }
    let machine = |key: &str| results.get(&format!("machine/{key}")).map(page::shown).unwrap_or_default();
    let setting = ["date", "commit", "model", "kernel"].map(machine).join(", ");
    part.replacen("\n\n", &format!("\n\nMeasured by itself: {setting}.\n\n"), 1)
}

/// A part of the page that is there, from its heading to the next part's.
fn kept(former: &str, part: Part) -> &str {
    let former = former.strip_prefix(TITLE).unwrap_or_default();
    let begin_of = |part: Part| match heading(part) {
        None => Some(0),
        Some(heading) if former.starts_with(heading) => Some(0),
        Some(heading) => former.find(&format!("\n{heading}\n")).map(|at| at + 1),
    };
    let Some(begin) = begin_of(part) else { return "" };
    let end = Part::ALL.into_iter().filter(|other| *other > part).find_map(begin_of);
    &former[begin..end.unwrap_or(former.len())]
}

/// The first line of a part; the tunnels have none, they begin the page.
fn heading(part: Part) -> Option<&'static str> {
    match part {
        Part::Tunnels => None,
        Part::Crowd => Some("## A crowd"),
        Part::Page => Some("## A page in Chromium"),
        Part::Carriers => Some("## Carriers"),
        Part::Dialects => Some("## Dialects"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page of parts that are told apart by their text alone.
    fn page_of(parts: &[Part]) -> String {
        let part = |part: &Part| {
            let heading = heading(*part).map_or_else(String::new, |line| format!("{line}\n\n"));
            format!("{heading}## Aims\n\nWhat {} took.\n\n", part.name())
        };
        TITLE.to_owned() + &parts.iter().map(part).collect::<String>()
    }

    #[test]
    fn parts_that_were_not_measured_stay_as_they_are() {
        let whole = page_of(&Part::ALL);
        assert_eq!(TITLE.to_owned() + &Part::ALL.map(|part| kept(&whole, part)).concat(), whole);
        for part in Part::ALL {
            assert!(kept(&whole, part).ends_with(&format!("What {} took.\n\n", part.name())));
        }
        let some = page_of(&[Part::Tunnels, Part::Page, Part::Dialects]);
        assert_eq!(kept(&some, Part::Crowd), "");
        assert!(kept(&some, Part::Page).ends_with("What page took.\n\n"));
        let last = page_of(&[Part::Dialects]);
        assert_eq!(TITLE.to_owned() + kept(&last, Part::Dialects), last);
        assert_eq!((kept(&last, Part::Tunnels), kept("", Part::Tunnels)), ("", ""));
    }
}
