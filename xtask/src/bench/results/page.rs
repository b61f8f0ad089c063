//! The parts of the page about tunnels, crowds and a page in Chromium.

use super::Results;
use super::aims;
use super::tables::{compared, contestants, table};
use serde_json::Value;

pub(super) fn tunnels(results: &Results) -> String {
    let mut text = setting(results);
    text.push_str(
        "## Aims\n\nBulk, round trips and set-ups are ratios to the better raw relay of the same run.\n\n",
    );
    aims::all(results).iter().for_each(|aim| text.push_str(&format!("- {}\n", aim.line())));
    text.push_str(&missed(results));
    text.push_str("\n## Bulk, one connection\n\nFrom the service to the visitor:\n\n");
    text.push_str(&compared(results, "down.mb_s", "MB/s", 0));
    text.push_str("From the visitor to the service:\n\n");
    text.push_str(&compared(results, "up.mb_s", "MB/s", 0));
    text.push_str(
        "Processor seconds of the tunnel's own processes for a gigabyte (a ratio above 1 costs more):\n\n",
    );
    text.push_str(&compared(results, "down.cpu_s_gb", "to the visitor", 2));
    text.push_str(&compared(results, "up.cpu_s_gb", "to the service", 2));
    text.push_str("## Round trips of 64 bytes on 64 connections\n\n");
    text.push_str(&compared(results, "trips.per_s", "a second", 0));
    text.push_str(&latencies(results));
    text.push_str("## Set-ups: connect, one byte there and back, close\n\n");
    text.push_str(&compared(results, "setups.per_s", "a second", 0));
    text.push_str(&idle(results));
    text
}

fn setting(results: &Results) -> String {
    let machine = |key: &str| results.get(&format!("machine/{key}")).map(shown).unwrap_or_default();
    let versions: Vec<String> = results
        .get("contestants")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|one| format!("- **{}**: {}", shown(&one["name"]), shown(&one["version"])))
        .collect();
    let quick = if results.get("machine/quick") == Some(&Value::Bool(true)) {
        "**A quick run: it shows that everything works, its numbers mean little.**\n\n"
    } else {
        ""
    };
    let load = machine("load_at_start");
    let is_idle =
        load.split(' ').next().and_then(|first| first.parse().ok()).is_some_and(|first: f64| first < 0.5);
    format!(
        "{quick}\
         {date}, commit {commit}, {rustc}. {processors} processors ({model}), {memory} GiB, {kernel}. Load average {start} before and {end} \
         after{busy}: **only the ratios of one run mean something.** {rounds} rounds; in each \
         round every measurement visits every contestant, and each round begins with another one. Numbers are medians, with the least and the \
         most.\n\n\
         Everything is in a network namespace of its own, over loopback with `{congestion}`. Both sides of every tunnel and the native \
         service behind it are pinned to one processor, the visitors to another. All of Pageport's visitors share one link, and so do \
         those of `ssh -R`; bore and rathole take a connection for each visitor. ssh encrypts, the others do not. Raw relays are two hops in a row \
         that know nothing: one by splice(2), one by copying.\n\n{versions}\n\n",
        date = machine("date"),
        commit = machine("commit"),
        rustc = machine("rustc"),
        processors = machine("processors"),
        model = machine("model"),
        memory = machine("memory_gib"),
        kernel = machine("kernel"),
        start = load,
        busy = if is_idle { "" } else { ", so the machine was not idle" },
        end = results.text("load_at_end"),
        rounds = machine("rounds"),
        congestion = machine("congestion"),
        versions = versions.join("\n"),
    )
}

fn missed(results: &Results) -> String {
    let mut text = String::new();
    for (name, profile) in results.get("profiles").and_then(Value::as_object).into_iter().flatten() {
        text.push_str(&format!(
            "\nWhere the time goes in *{name}* (`perf`, both processes, `load {}`): {} % in the kernel. The three largest costs:\n\n",
            shown(&profile["load"]),
            shown(&profile["kernel_percent"]),
        ));
        for cost in profile["costs"].as_array().into_iter().flatten() {
            text.push_str(&format!("1. {} %: `{}`\n", shown(&cost["percent"]), shown(&cost["symbol"])));
        }
    }
    if !text.is_empty() {
        text.push_str(
            "\nIn the kernel `_copy_to_iter` is reading from a socket, `_copy_from_iter` writing to one: two of each are a gigabyte's way \
             through two processes. What splice(2) saves is just these, and only where nothing is framed: many visitors on one link, of which \
             each may be resumed, need every byte in memory until the other side has it.\n",
        );
    }
    text
}

fn latencies(results: &Results) -> String {
    let rows = contestants(results).into_iter().map(|name| {
        let value = |number: &str| {
            let value = results.number(&format!("rounds/trips.{number}/{name}/median"));
            value.map_or("–".to_owned(), |value| format!("{:.2}", value / 1e3))
        };
        let (p50, p99) = (value("p50_us"), value("p99_us"));
        vec![name, p50, p99]
    });
    table(&["", "p50, ms", "p99, ms"], rows)
}

fn idle(results: &Results) -> String {
    let count = results.number("idle/Pageport/connections").unwrap_or(0.0);
    let rows = contestants(results).into_iter().map(|name| {
        let value = |key: &str| {
            let value = results.number(&format!("idle/{name}/{key}"));
            value.map_or("–".to_owned(), |value| format!("{:.1}", value / 1024.0))
        };
        let base = |key: &str| {
            let value = results.number(&format!("idle/{name}/{key}"));
            value.map_or("–".to_owned(), |value| format!("{:.1}", value / f64::from(1 << 20)))
        };
        let cells =
            (value("near_bytes"), value("far_bytes"), base("near_base_bytes"), base("far_base_bytes"));
        vec![name, cells.0, cells.1, cells.2, cells.3]
    });
    format!(
        "## Memory of an idle connection\n\n{count:.0} connections that were used once; proportional memory of the processes, without the \
         kernel's.\n\n{}",
        table(
            &[
                "",
                "public side, KiB",
                "service's side, KiB",
                "processes before: public, MiB",
                "service's, MiB"
            ],
            rows
        )
    )
}

pub(super) fn crowd(results: &Results) -> String {
    let number = |key: &str| results.number(&format!("crowd/{key}")).unwrap_or(f64::NAN);
    format!(
        "## A crowd\n\n\
         {:.0} idle visitors of one gateway behind {:.0} listeners, connected in {:.1} s, none lost. The gateway then had {:.0} descriptors and \
         {:.1} MiB: {:.1} KiB for each visitor; the two listening programs took {:.1} KiB for each. One more visitor was served within \
         {:.0} ms (its process's start included).\n\n\
         {:.0} set-ups by 32 workers: {:.0} a second, no error.\n\n",
        number("idle/visitors"),
        number("idle/listeners"),
        number("idle/seconds"),
        number("idle/gateway_descriptors"),
        number("idle/gateway_bytes") / f64::from(1 << 20),
        number("idle/gateway_bytes_each") / 1024.0,
        number("idle/hosts_bytes_each") / 1024.0,
        number("idle/one_more_ms"),
        number("setups/done"),
        number("setups/per_s"),
    )
}

pub(super) fn page(results: &Results) -> String {
    let rows = |list: &str| -> Vec<Vec<String>> {
        let list = results.get(list).and_then(Value::as_array).cloned().unwrap_or_default();
        list.iter()
            .map(|row| {
                let numbers = row["numbers"].as_array().cloned().unwrap_or_default();
                std::iter::once(shown(&row["name"])).chain(numbers.iter().map(shown)).collect()
            })
            .collect()
    };
    format!(
        "## A page in Chromium\n\n{}. Medians of interleaved rounds, nothing pinned, client in Node {}.\n\n\
         GET of a small answer, by one client after the other, and by 50 at once:\n\n{}\
         Bulk in WebSocket messages of 64 KiB, one connection (the raw one has no gateway in between: page and Node talk directly):\n\n{}",
        results.text("page/browser"),
        results.text("page/node"),
        table(&["", "p50, ms", "p99, ms", "requests a second, 50 at once"], rows("page/requests")),
        table(&["", "page to visitor, MB/s", "visitor to page, MB/s"], rows("page/bulk")),
    )
}

/// Texts without quotes, numbers as they are.
pub(super) fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
