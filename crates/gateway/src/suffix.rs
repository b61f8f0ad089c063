//! The Public Suffix List: browsers keep sites apart by it. Listeners under a base that is not in it are one site, so that one may set
//! cookies for all of them.

/// Whether browsers keep the listeners of this base domain apart.
#[must_use]
pub fn separates(base: &str) -> bool {
    // No cookie can be set for `localhost` from below it.
    if base == "localhost" || base.ends_with(".localhost") {
        return true;
    }
    let below = format!("name.{base}");
    // Of a domain that no rule names, the last label counts as the suffix.
    psl::suffix(below.as_bytes())
        .is_some_and(|suffix| suffix.is_known() && suffix.as_bytes() == base.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::separates;

    #[test]
    fn only_bases_of_the_list_separate_their_listeners() {
        for base in ["localhost", "dev.localhost", "github.io", "ngrok.io", "co.uk", "ts.net"] {
            assert!(separates(base), "{base}");
        }
        for base in ["gw.example", "example.com", "example.co.uk", "gw.github.io", "lan"] {
            assert!(!separates(base), "{base}");
        }
    }
}
