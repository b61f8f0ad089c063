//! Every module starts by saying what it is for.

use super::Problem;
use super::files::Source;

pub(super) fn check(sources: &[Source]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for source in sources {
        let first = source.text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
        let missing = if source.is_rust_production() {
            !first.starts_with("//!")
        } else if source.is_javascript()
            && !source.is_test()
            && (source.path.starts_with("js/") || source.path.starts_with("demos/"))
        {
            !(first.starts_with("//") || first.starts_with("/*") || first.starts_with("#!"))
        } else {
            false
        };
        if missing {
            problems.push(Problem::new(&source.path, "does not start by saying what it is for"));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> usize {
        check(&[Source { path: path.to_owned(), text: text.to_owned() }]).len()
    }

    #[test]
    fn a_module_without_a_first_comment_is_found() {
        assert_eq!(problems("crates/x/src/y.rs", "use std::io;\n"), 1);
        assert_eq!(problems("crates/x/src/y.rs", "//! What it is.\nuse std::io;\n"), 0);
        assert_eq!(problems("js/pageport/y.js", "import x from './x.js';\n"), 1);
        assert_eq!(problems("js/pageport/y.js", "\n// What it is.\n"), 0);
        assert_eq!(problems("crates/x/src/y/tests.rs", "use super::*;\n"), 0);
        assert_eq!(problems("js/test/y.test.js", "import x from './x.js';\n"), 0);
    }
}
