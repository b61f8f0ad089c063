//! The text files of the repository: what git tracks, and what it would track.

use crate::failure::Outcome;
use crate::{child, paths};

pub(super) struct Source {
    /// Relative to the checkout, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

impl Source {
    /// Rust of the product or of these tools, not of a test.
    pub(super) fn is_rust_production(&self) -> bool {
        self.is_rust() && self.path.contains("src/") && !self.is_test()
    }

    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub(super) fn is_javascript(&self) -> bool {
        self.path.ends_with(".js") || self.path.ends_with(".mjs")
    }

    /// A file that only tests are in.
    pub(super) fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or("");
        self.path.split('/').any(|dir| matches!(dir, "test" | "tests" | "benches"))
            || matches!(name, "tests.rs" | "test.js")
            || name.ends_with("_tests.rs")
            || name.ends_with(".test.js")
    }
}

/// What others have written is in the repository as they wrote it.
const THIRD_PARTY: &str = "demos/vendor/";

/// Files that were deleted but are still in the index, files that are not UTF-8, and those of others are left out.
pub(super) fn tracked() -> Outcome<Vec<Source>> {
    let list = ["ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "-z"];
    let listed = child::capture(child::command("git").args(list))?;
    let ours = listed.split_terminator('\0').filter(|path| !path.starts_with(THIRD_PARTY));
    let sources = ours.filter_map(|path| {
        let text = std::fs::read_to_string(paths::root().join(path)).ok()?;
        Some(Source { path: path.to_owned(), text })
    });
    Ok(sources.collect())
}
