//! What the program does, one file for each command.

pub(crate) mod config;
pub(crate) mod dev;
pub(crate) mod gateway;

/// The environment, without variables that are not text: none of ours can be such.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}
