//! Where and when it was measured.

use super::isolate;
use super::options::Options;
use crate::child;
use crate::failure::{About, Outcome};
use serde_json::{Value, json};
use std::fs;

pub(super) fn facts(options: &Options) -> Outcome<Value> {
    let cpu = fs::read_to_string("/proc/cpuinfo").about("/proc/cpuinfo")?;
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").about("/proc/meminfo")?;
    let kib: u64 = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse().ok())
        .unwrap_or_default();
    Ok(json!({
        "date": child::first_line("date", &["-u", "+%Y-%m-%d %H:%M UTC"])?,
        "processors": cpu.lines().filter(|line| line.starts_with("processor")).count(),
        "model": model.trim_start_matches([' ', '\t', ':']),
        "memory_gib": kib >> 20,
        "kernel": child::first_line("uname", &["-sr"])?,
        "rustc": child::first_line("rustc", &["--version"])?,
        "commit": child::first_line("git", &["describe", "--always", "--dirty", "--exclude=*"])?,
        "load_at_start": load_average()?,
        "rounds": options.rounds,
        "quick": options.quick,
        "congestion": isolate::congestion()?,
    }))
}

/// Over one, five and fifteen minutes.
pub(super) fn load_average() -> Outcome<String> {
    let text = fs::read_to_string("/proc/loadavg").about("/proc/loadavg")?;
    Ok(text.split_whitespace().take(3).collect::<Vec<_>>().join(" "))
}
