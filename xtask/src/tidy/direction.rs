//! Dependencies point only downwards: proto ← link ← gateway ← pageport. The test kit is for tests, the wire knows no
//! I/O, the JavaScript module knows nothing but itself.

use super::Problem;
use super::files::Source;
use crate::child;
use crate::failure::{Outcome, failed};
use serde_json::Value;

/// Lowest first; a crate depends only on crates before it.
const LAYERS: &[&str] = &["pageport-proto", "pageport-link", "pageport-gateway", "pageport"];
const TESTKIT: &str = "pageport-testkit";
const TOOLS: &str = "xtask";
/// Both ends of a tunnel under measurement, and raw relays.
const BENCH: &str = "pageport-bench";
/// Measures a running gateway from outside, for proofs; nothing may depend on it.
const PROBE: &str = "pageport-probe";

/// What would bring sockets, clocks or randomness into the wire.
const NOT_IN_PROTO: &[&str] =
    &["tokio", "tokio-util", "mio", "socket2", "hyper", "getrandom", "rand", "tokio-websockets"];
const NOT_IN_PROTO_SOURCE: &[&str] =
    &["std::net", "std::fs", "std::thread", "std::env", "Instant::now", "SystemTime::now", "getrandom::"];

#[derive(Debug)]
pub(super) struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug)]
struct Dependency {
    name: String,
    for_tests: bool,
}

pub(super) fn packages() -> Outcome<Vec<Package>> {
    let text =
        child::capture(child::command("cargo").args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Value =
        serde_json::from_str(&text).map_err(|error| failed(format!("cargo metadata: {error}")))?;
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let string = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages: Vec<Package> = list(&metadata, "packages")
        .iter()
        .map(|package| Package {
            name: string(&package["name"]),
            dependencies: list(package, "dependencies")
                .iter()
                .map(|dependency| Dependency {
                    name: string(&dependency["name"]),
                    for_tests: dependency["kind"] == "dev",
                })
                .collect(),
        })
        .collect();
    if packages.is_empty() { Err(failed("cargo metadata names no package")) } else { Ok(packages) }
}

pub(super) fn check_packages(packages: &[Package]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for layer in LAYERS {
        if !packages.iter().any(|package| package.name == *layer) {
            problems.push(Problem::new(
                *layer,
                "is not in the workspace any more: the layers have to be written anew",
            ));
        }
    }
    for package in packages {
        for dependency in &package.dependencies {
            if let Some(why) = wrong(&package.name, dependency) {
                problems.push(Problem::new(format!("{} → {}", package.name, dependency.name), why));
            }
        }
    }
    problems
}

/// Imports of the module, and what the wire calls.
pub(super) fn check_modules(sources: &[Source]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for source in sources {
        if source.path.starts_with("js/pageport/") && source.is_javascript() {
            for specifier in imports(&source.text) {
                let outside = source.path.matches('/').count() - 2 < specifier.matches("../").count();
                if !specifier.starts_with('.') || outside {
                    problems.push(Problem::new(
                        &source.path,
                        format!("imports `{specifier}` from outside the module"),
                    ));
                }
            }
        }
        if source.path.starts_with("crates/proto/src/") && source.is_rust_production() {
            let code = source.text.lines().filter(|line| !line.trim_start().starts_with("//"));
            for word in
                NOT_IN_PROTO_SOURCE.iter().filter(|word| code.clone().any(|line| line.contains(**word)))
            {
                problems.push(Problem::new(
                    &source.path,
                    format!("`{word}`: the wire does no I/O and has no clock"),
                ));
            }
        }
        if source.path == "js/package.json" && source.text.contains("\"dependencies\"") {
            problems.push(Problem::new(&source.path, "the module has no dependencies at run time"));
        }
    }
    problems
}

fn wrong(package: &str, dependency: &Dependency) -> Option<&'static str> {
    let rank = |name: &str| LAYERS.iter().position(|layer| *layer == name);
    let name = dependency.name.as_str();
    if matches!(package, TOOLS | BENCH) && (rank(name).is_some() || name == TESTKIT) {
        return Some("a check must not share code with what it checks");
    }
    if matches!(name, PROBE | BENCH) {
        return Some("it is a program, not a library");
    }
    if dependency.for_tests {
        return None;
    }
    if name == TESTKIT && package != PROBE {
        return Some("the test kit is for tests");
    }
    if package == LAYERS[0] && NOT_IN_PROTO.contains(&name) {
        return Some("the wire does no I/O, has no clock and draws no random numbers");
    }
    match (rank(package), rank(name)) {
        (Some(from), Some(to)) if to >= from => Some("dependencies point only downwards"),
        _ => None,
    }
}

/// The specifiers of `import … from "…"`, `export … from "…"`, `import "…"` and `import("…")`.
fn imports(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let code = text.lines().filter(|line| !matches!(line.trim_start().get(..2), Some("//" | "/*" | "* ")));
    for line in code {
        for start in ["from \"", "from '", "import \"", "import '", "import(\"", "import('"] {
            for (at, _) in line.match_indices(start) {
                let rest = &line[at + start.len()..];
                found.extend(rest.split(['"', '\'']).next());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(package: &str, name: &str, for_tests: bool) -> bool {
        wrong(package, &Dependency { name: name.to_owned(), for_tests }).is_none()
    }

    #[test]
    fn upward_dependencies_are_found() {
        assert!(verdict("pageport-gateway", "pageport-proto", false));
        assert!(!verdict("pageport-proto", "pageport-link", false));
        assert!(!verdict("pageport-link", "pageport", false));
        assert!(!verdict("pageport-link", TESTKIT, false));
        assert!(verdict("pageport-link", TESTKIT, true));
        assert!(!verdict("pageport-proto", "tokio", false));
        assert!(verdict("pageport-link", "tokio", false));
        assert!(!verdict(TOOLS, "pageport-proto", true));
        assert!(!verdict(BENCH, "pageport-link", false));
        assert!(!verdict("pageport", BENCH, true));
    }

    #[test]
    fn a_layer_that_is_gone_is_found() {
        assert_eq!(check_packages(&[]).len(), LAYERS.len());
    }

    fn problems(path: &str, text: &str) -> usize {
        check_modules(&[Source { path: path.to_owned(), text: text.to_owned() }]).len()
    }

    #[test]
    fn the_module_imports_only_itself() {
        assert_eq!(problems("js/pageport/x.js", "import { a } from \"./y.js\";\nexport * from './z.js';"), 0);
        assert_eq!(problems("js/pageport/a/x.js", "import { a } from \"../y.js\";"), 0);
        assert_eq!(problems("js/pageport/x.js", "import { a } from \"../y.js\";"), 1);
        assert_eq!(problems("js/pageport/x.js", "import ws from \"ws\";"), 1);
        assert_eq!(problems("js/pageport/x.js", "const fs = await import('node:fs');"), 1);
        assert_eq!(problems("js/package.json", "{ \"dependencies\": {} }"), 1);
        assert_eq!(problems("js/package.json", "{ \"devDependencies\": {} }"), 0);
    }

    #[test]
    fn the_wire_has_no_clock() {
        assert_eq!(problems("crates/proto/src/x.rs", "//! Never calls Instant::now.\nlet now = at;"), 0);
        assert_eq!(problems("crates/proto/src/x.rs", "let now = Instant::now();"), 1);
        assert_eq!(problems("crates/link/src/x.rs", "let now = Instant::now();"), 0);
    }
}
