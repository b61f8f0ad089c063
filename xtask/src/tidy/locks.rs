//! Lock files name versions and hashes. They must not name the host that somebody's machine happens to fetch from.

use super::Problem;
use super::files::Source;

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) fn check(sources: &[Source]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for source in sources {
        let name = source.path.rsplit('/').next().unwrap_or("");
        for (number, line) in source.text.lines().enumerate() {
            let line = line.trim();
            let what = match name {
                "package-lock.json" if line.starts_with("\"resolved\"") => {
                    "names the host it was fetched from"
                }
                "Cargo.lock" if foreign_crate(line) => "is not from crates.io",
                ".npmrc" if line.contains("registry=") => "names a registry host",
                "requirements.txt" | "requirements-autobahn.txt" if line.starts_with("--") => {
                    "names an index"
                }
                "config.toml" if source.path.contains(".cargo/") && line.starts_with("replace-with") => {
                    "replaces crates.io"
                }
                _ => continue,
            };
            problems.push(Problem::new(format!("{}:{}", source.path, number + 1), what));
        }
    }
    for needed in ["Cargo.lock", "fuzz/Cargo.lock", "js/package-lock.json"] {
        if !sources.iter().any(|source| source.path == needed) {
            problems.push(Problem::new(needed, "is missing: lock files are committed"));
        }
    }
    problems
}

fn foreign_crate(line: &str) -> bool {
    line.strip_prefix("source = ").is_some_and(|source| source.trim_matches('"') != CRATES_IO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, line: &str) -> usize {
        let clean = ["Cargo.lock", "fuzz/Cargo.lock", "js/package-lock.json"];
        let mut sources: Vec<Source> =
            clean.iter().map(|path| Source { path: (*path).to_owned(), text: String::new() }).collect();
        sources.retain(|source| source.path != path);
        sources.push(Source { path: path.to_owned(), text: format!("{line}\n") });
        check(&sources).len()
    }

    #[test]
    fn a_host_in_a_lock_file_is_found() {
        assert_eq!(problems("js/package-lock.json", "  \"resolved\": \"https://npm.example/x.tgz\","), 1);
        assert_eq!(problems("js/package-lock.json", "  \"integrity\": \"sha512-x\","), 0);
        assert_eq!(problems("Cargo.lock", "source = \"registry+https://crates.example/index\""), 1);
        assert_eq!(problems("Cargo.lock", "source = \"git+https://git.example/x#1\""), 1);
        assert_eq!(problems("Cargo.lock", &format!("source = \"{CRATES_IO}\"")), 0);
        assert_eq!(problems("js/.npmrc", "registry=https://npm.example/"), 1);
        assert_eq!(problems(".cargo/config.toml", "replace-with = \"mirror\""), 1);
        assert_eq!(problems("xtask/python/requirements.txt", "--index-url https://pypi.example/"), 1);
    }

    #[test]
    fn a_lock_file_that_is_not_there_is_found() {
        assert_eq!(check(&[]).len(), 3);
    }
}
