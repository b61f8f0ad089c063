//! Words that do not belong in a tracked file: paths of somebody's machine, work put off, tests left out.
//!
//! The words are put together from halves here, so that this file does not contain them.

use super::Problem;
use super::files::Source;

struct Rule {
    word: &'static str,
    applies: fn(&Source) -> bool,
    /// A word that is also the end of something harmless counts only where a new word starts.
    at_start: bool,
    what: &'static str,
}

const ANY: fn(&Source) -> bool = |_| true;
const RUST: fn(&Source) -> bool = Source::is_rust;
/// In the module itself these are ordinary methods.
const JS: fn(&Source) -> bool = |source| source.is_javascript() && !source.path.starts_with("js/pageport/");
const PATH: &str = "an absolute path of one machine";
const LATER: &str = "work put off: do it, or open an issue";
const LEFT_OUT: &str = "a test that is not run proves nothing";

#[rustfmt::skip]
const RULES: &[Rule] = &[
    Rule { word: concat!("/ro", "ot/"),    applies: ANY,  at_start: true,  what: PATH },
    Rule { word: concat!("/ho", "me/"),    applies: ANY,  at_start: true,  what: PATH },
    Rule { word: concat!("/Us", "ers/"),   applies: ANY,  at_start: true,  what: PATH },
    Rule { word: concat!("/wo", "rk/"),    applies: ANY,  at_start: true,  what: PATH },
    Rule { word: concat!("TO", "DO"),      applies: ANY,  at_start: true,  what: LATER },
    Rule { word: concat!("FIX", "ME"),     applies: ANY,  at_start: true,  what: LATER },
    Rule { word: concat!("#[ig", "nore"),  applies: RUST, at_start: false, what: LEFT_OUT },
    Rule { word: concat!(".sk", "ip("),    applies: JS,   at_start: false, what: LEFT_OUT },
    Rule { word: concat!(".on", "ly("),    applies: JS,   at_start: false, what: LEFT_OUT },
    Rule { word: concat!(".to", "do("),    applies: JS,   at_start: false, what: LEFT_OUT },
    Rule { word: concat!("sk", "ip: true"), applies: JS,  at_start: true,  what: LEFT_OUT },
];

pub(super) fn check(sources: &[Source]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for source in sources {
        for (number, line) in source.text.lines().enumerate() {
            for rule in RULES.iter().filter(|rule| (rule.applies)(source) && contains(line, rule)) {
                let at = format!("{}:{}", source.path, number + 1);
                problems.push(Problem::new(at, format!("`{}`: {}", rule.word, rule.what)));
            }
        }
    }
    problems
}

fn contains(line: &str, rule: &Rule) -> bool {
    line.match_indices(rule.word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !rule.at_start || before.is_none_or(|before| !before.is_alphanumeric() && !"._-/".contains(before))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, line: &str) -> bool {
        !check(&[Source { path: path.to_owned(), text: format!("first\n{line}\n") }]).is_empty()
    }

    #[test]
    fn every_word_is_found_where_it_applies() {
        for rule in RULES {
            let path = ["x.md", "x.rs", "x.js"]
                .into_iter()
                .find(|path| (rule.applies)(&Source { path: (*path).to_owned(), text: String::new() }));
            assert!(found(path.unwrap(), &format!("see {} here", rule.word)), "{}", rule.word);
        }
    }

    #[test]
    fn what_only_looks_alike_is_left_alone() {
        assert!(!found("x.rs", "iter.skip(1)"));
        assert!(!found("x.md", concat!("http://a.example/ho", "me/")));
        assert!(!found("x.md", concat!("MASTO", "DON")));
        assert!(!found("x.js", "skipped()"));
    }

    #[test]
    fn the_line_is_named() {
        let text = concat!("fine\nFIX", "ME\n").to_owned();
        assert_eq!(check(&[Source { path: "x.md".into(), text }])[0].at, "x.md:2");
    }
}
