//! Files stay small enough to be read in one sitting: one concept each.

use super::Problem;
use super::files::Source;

const RUST_LINES: usize = 600;
const JAVASCRIPT_LINES: usize = 400;
/// Tests longer than this go in a file of their own, next to what they test.
const INLINE_TEST_LINES: usize = 150;
/// The typical file; a limit alone would let every file grow up to it.
const MEDIAN_LINES: usize = 150;
/// The program's entry point only dispatches.
const MAIN_LINES: (&str, usize) = ("crates/pageport/src/main.rs", 60);

struct Exception {
    path: &'static str,
    lines: usize,
    #[expect(dead_code, reason = "read by people")]
    reason: &'static str,
}

const EXCEPTIONS: &[Exception] = &[];

pub(super) fn check(sources: &[Source]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for source in sources {
        let Some(limit) = limit(source) else { continue };
        let Lines { production, inline_tests } = count(source);
        let exception = EXCEPTIONS.iter().find(|exception| exception.path == source.path);
        match exception {
            Some(_) if production <= limit => {
                problems
                    .push(Problem::new(&source.path, "no longer needs its exception from the length limit"));
            }
            _ => {}
        }
        let limit = exception.map_or(limit, |exception| exception.lines);
        if production > limit {
            problems.push(Problem::new(&source.path, format!("{production} production lines, of {limit}")));
        }
        if inline_tests > INLINE_TEST_LINES {
            let what = format!(
                "{inline_tests} lines of tests inside: over {INLINE_TEST_LINES} they go in a sibling file"
            );
            problems.push(Problem::new(&source.path, what));
        }
    }
    for exception in EXCEPTIONS {
        if !sources.iter().any(|source| source.path == exception.path) {
            problems.push(Problem::new(
                exception.path,
                "has an exception from the length limit but does not exist",
            ));
        }
    }
    let median = median(sources);
    if median > MEDIAN_LINES {
        problems
            .push(Problem::new("the median file", format!("{median} production lines, of {MEDIAN_LINES}")));
    }
    problems
}

pub(super) fn summary(sources: &[Source]) -> String {
    format!("the median source file has {} production lines", median(sources))
}

/// `None` for what is not limited: tests, and anything that is not code.
fn limit(source: &Source) -> Option<usize> {
    if source.path == MAIN_LINES.0 {
        Some(MAIN_LINES.1)
    } else if source.is_test() {
        None
    } else if source.is_rust() {
        Some(RUST_LINES)
    } else if source.is_javascript() {
        Some(JAVASCRIPT_LINES)
    } else {
        None
    }
}

struct Lines {
    production: usize,
    inline_tests: usize,
}

/// Production ends at an inline `#[cfg(test)] mod … {`; a `#[cfg(test)] mod tests;` is one line like any other.
fn count(source: &Source) -> Lines {
    let lines: Vec<&str> = source.text.lines().collect();
    let opens_tests = |at: usize| {
        let item = lines[at + 1..].iter().find(|line| !line.trim_start().starts_with("#["));
        lines[at].trim_start().starts_with("#[cfg(test)]")
            && item.is_some_and(|item| item.contains("mod ") && item.trim_end().ends_with('{'))
    };
    let production = (0..lines.len()).find(|&at| opens_tests(at)).unwrap_or(lines.len());
    Lines { production, inline_tests: lines.len() - production }
}

fn median(sources: &[Source]) -> usize {
    let limited = sources.iter().filter(|source| limit(source).is_some());
    let mut lengths: Vec<usize> = limited.map(|source| count(source).production).collect();
    lengths.sort_unstable();
    lengths.get(lengths.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, production: usize, tests: usize) -> Source {
        let mut text = "#[cfg(test)]\nmod tests;\n".to_owned() + &"code\n".repeat(production - 2);
        if tests > 0 {
            text += "#[cfg(test)]\n#[allow(unused)]\nmod inline {\n";
            text += &"test\n".repeat(tests - 3);
        }
        Source { path: path.to_owned(), text }
    }

    fn problems(path: &str, production: usize, tests: usize) -> usize {
        // The small neighbours keep the median out of the picture.
        check(&[source(path, production, tests), source("a.rs", 9, 0), source("b.rs", 9, 0)]).len()
    }

    #[test]
    fn production_lines_end_where_inline_tests_begin() {
        assert_eq!(problems("crates/x/src/y.rs", 600, 150), 0);
        assert_eq!(problems("crates/x/src/y.rs", 601, 0), 1);
        assert_eq!(problems("crates/x/src/y.rs", 10, 151), 1);
        assert_eq!(problems("js/pageport/y.js", 400, 0), 0);
        assert_eq!(problems("js/pageport/y.js", 401, 0), 1);
        assert_eq!(problems("crates/pageport/src/main.rs", 61, 0), 1);
    }

    #[test]
    fn test_files_and_documents_may_be_long() {
        assert_eq!(problems("crates/x/src/y/tests.rs", 5000, 0), 0);
        assert_eq!(problems("crates/x/tests/y.rs", 5000, 0), 0);
        assert_eq!(problems("js/test/y.test.js", 5000, 0), 0);
        assert_eq!(problems("spec/protocol.md", 5000, 0), 0);
    }

    #[test]
    fn the_typical_file_is_short() {
        let medium = || source("m.rs", 200, 0);
        assert_eq!(check(&[medium(), medium(), source("a.rs", 9, 0)]).len(), 1);
    }
}
