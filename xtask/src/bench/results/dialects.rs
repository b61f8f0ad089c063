//! The section on dialects: what each gateway can do for clients that exist, what was aimed at, and where the time goes otherwise.

use super::Results;
use super::aims::Aim;
use super::tables::table;
use serde_json::Value;

const HOPS: [&str; 2] = ["one hop, splice", "one hop, copy"];
const WEBSOCKET: &str = "Pageport, WebSocket";
const UPGRADE: &str = "Pageport, Upgrade: tcp";
const WISP: &str = "Pageport, Wisp";

/// A load generator that runs longer than this has measured itself.
const BUSY: f64 = 0.9;
/// Two medians of the same differ by as much.
const NOT_WORSE: f64 = 0.95;

pub(crate) fn aims(results: &Results) -> Vec<Aim> {
    if results.get("dialects").is_none() {
        return Vec::new();
    }
    let ratio = |name: &str, what: &str, number: &str, bound: f64| {
        Aim::at_least(format!("{name}: {what}"), bound, ratio(results, number, name))
    };
    let mut aims = Vec::new();
    for name in [WEBSOCKET, UPGRADE] {
        aims.push(ratio(name, "bulk to the client", "down.mb_s", 0.9).by(&["bulk", "down", "3221225472"]));
        aims.push(ratio(name, "bulk to the target", "up.mb_s", 0.9).by(&["bulk", "up", "3221225472"]));
        aims.push(ratio(name, "round trips", "trips.per_s", 0.95).by(&["trips", "64", "3"]));
        let cpu = median(results, "setups.cpu_us", name);
        aims.push(
            Aim::at_most(format!("{name}: processor time of a set-up"), 40.0, " µs", cpu)
                .by(&["setups", "16", "3"]),
        );
        let idle = results.number(&format!("dialects/idle/{name}/bytes")).map(|bytes| bytes / 1024.0);
        aims.push(Aim::at_most(format!("{name}: memory of an idle connection"), 8.0, " KiB", idle));
    }
    aims.push(ratio(WISP, "bulk to the client", "down.mb_s", 0.6).by(&["wisp", "down", "2147483648", "1"]));
    aims.push(ratio(WISP, "round trips", "trips.per_s", 0.85).by(&["wisp", "trips", "3", "64"]));
    let many = |way: &str| {
        let of = |number: &str| median(results, &format!("{number}.mb_s"), WISP);
        Some(of(&format!("{way}_many"))? / of(way)?)
    };
    for (way, what, load) in [
        ("down", "to the client", &["wisp", "down", "2147483648", "16"]),
        ("up", "to the target", &["wisp", "up", "2147483648", "16"]),
    ] {
        let name = format!("{WISP}: 16 streams beside one, bulk {what}");
        aims.push(Aim::at_least(name, NOT_WORSE, many(way)).by(load));
    }
    aims
}

pub(super) fn text_of(results: &Results) -> String {
    if results.get("dialects").is_none() {
        return String::new();
    }
    let machine = |key: &str| results.get(&format!("dialects/machine/{key}")).map(text).unwrap_or_default();
    let mut page = format!(
        "## Dialects\n\n\
         {}, commit {}, {}, {} processors ({}), {}; load average {} before and {} after; {} rounds, of which each visits everybody in another \
         order. A client, a gateway and the TCP service behind it; ratios are to the better of two relays that know nothing, one hop each. Gateway and \
         service share one processor, the load has the other. What goes through everybody was compared by hash before: 8 MiB of random bytes in pieces of 1 to \
         100,000, and a relay that changes one bit was noticed. haproxy and nginx pass bytes on and speak no WebSocket.\n\n",
        machine("date"),
        machine("commit"),
        machine("rustc"),
        machine("processors"),
        machine("model"),
        machine("kernel"),
        machine("load_at_start"),
        results.text("dialects/load_at_end"),
        machine("rounds"),
    );
    for rig in list(results.get("dialects/rigs")) {
        page.push_str(&format!("- **{}**: {}\n", text(&rig["name"]), text(&rig["version"])));
    }
    page.push('\n');
    aims(results).iter().for_each(|aim| page.push_str(&format!("- {}\n", aim.line())));
    page.push('\n');
    let connections = connections(results);
    let wisp: Vec<String> = HOPS
        .iter()
        .map(|&name| name.to_owned())
        .chain(names(results).into_iter().filter(|name| is_wisp(name)))
        .collect();
    page.push_str(&compared(
        results,
        &connections,
        "Bulk, one connection, from the target to the client",
        "down.mb_s",
        "MB/s",
    ));
    page.push_str(&compared(results, &connections, "From the client to the target", "up.mb_s", "MB/s"));
    page.push_str(&compared(
        results,
        &connections,
        "Round trips of 64 bytes on 64 connections",
        "trips.per_s",
        "a second",
    ));
    page.push_str(&compared(
        results,
        &connections,
        "Set-ups: connect, one byte there and back, close",
        "setups.per_s",
        "a second",
    ));
    page.push_str(&costs(results, &connections));
    page.push_str(&compared(
        results,
        &wisp,
        "Wisp, one stream, from the target to the client",
        "down.mb_s",
        "MB/s",
    ));
    page.push_str(&compared(results, &wisp, "From the client to the target", "up.mb_s", "MB/s"));
    page.push_str(&compared(
        results,
        &wisp,
        "Round trips of 64 bytes on 64 streams of one socket, beside 64 connections",
        "trips.per_s",
        "a second",
    ));
    page.push_str(&many(results));
    page.push_str(&busy(results));
    page.push_str(&missed(results));
    page
}

fn compared(results: &Results, names: &[String], title: &str, number: &str, unit: &str) -> String {
    let rows = names.iter().map(|name| {
        let of = |which: &str| number_of(results, number, name, which);
        let part = ratio(results, number, name).map_or("–".to_owned(), |ratio| format!("{ratio:.2}"));
        let range = format!("{} – {}", shown(of("least"), 0), shown(of("most"), 0));
        vec![name.clone(), shown(of("median"), 0), range, part]
    });
    format!("{title}:\n\n{}", table(&["", unit, "range", "to the better relay"], rows))
}

fn costs(results: &Results, names: &[String]) -> String {
    let rows = names.iter().map(|name| {
        let of = |number: &str, digits| shown(median(results, number, name), digits);
        let idle = |key: &str| results.number(&format!("dialects/idle/{name}/{key}"));
        vec![
            name.clone(),
            of("down.cpu_s_gb", 2),
            of("up.cpu_s_gb", 2),
            of("setups.cpu_us", 0),
            shown(idle("bytes").map(|bytes| bytes / 1024.0), 1),
            shown(idle("connections"), 0),
        ]
    });
    let head = [
        "",
        "s for a GB to the client",
        "s for a GB to the target",
        "µs for a set-up",
        "KiB for an idle connection",
        "of so many",
    ];
    format!(
        "Processor time and proportional memory of the gateway's own processes:\n\n{}",
        table(&head, rows)
    )
}

fn many(results: &Results) -> String {
    let rows = names(results).into_iter().filter(|name| is_wisp(name)).map(|name| {
        let of = |number: &str| median(results, number, &name);
        let cells = [("down", "down_many"), ("up", "up_many")].map(|(one, many)| {
            let (one, many) = (of(&format!("{one}.mb_s")), of(&format!("{many}.mb_s")));
            let part = one.zip(many).map(|(one, many)| many / one);
            [shown(one, 0), shown(many, 0), shown(part, 2)]
        });
        [vec![name], cells.concat()].concat()
    });
    let head = [
        "",
        "one, to the client, MB/s",
        "16, MB/s",
        "16 beside one",
        "one, to the target, MB/s",
        "16, MB/s",
        "16 beside one",
    ];
    format!("Sixteen streams of one Wisp socket, beside one:\n\n{}", table(&head, rows))
}

/// Whether the load was the limit anywhere.
fn busy(results: &Results) -> String {
    let mut page = String::from(
        "The part of its time that the load generator ran, at the median. Near 1 it is the limit itself, and the gateway could do more:\n\n",
    );
    let numbers = ["down", "up", "trips", "setups", "down_many", "up_many"];
    let rows = names(results).into_iter().map(|name| {
        let cell = |number: &&str| match median(results, &format!("{number}.busy"), &name) {
            None => String::new(),
            Some(part) if part > BUSY => format!("**{part:.2}**"),
            Some(part) => format!("{part:.2}"),
        };
        [vec![name.clone()], numbers.iter().map(cell).collect()].concat()
    });
    let head = [
        "",
        "to the client",
        "to the target",
        "round trips",
        "set-ups",
        "16 streams to the client",
        "to the target",
    ];
    page.push_str(&table(&head, rows));
    page
}

fn missed(results: &Results) -> String {
    let mut page = String::new();
    for (name, profile) in results.get("dialects/profiles").and_then(Value::as_object).into_iter().flatten() {
        let line = |cost: &Value| format!("{} % `{}`", text(&cost["percent"]), text(&cost["symbol"]));
        let costs: Vec<String> = list(profile.get("costs")).iter().map(line).collect();
        page.push_str(&format!(
            "Where the time goes in *{name}* (`perf`, the gateway, {} % of it in the kernel): {}.\n\n",
            text(&profile["kernel_percent"]),
            costs.join(", ")
        ));
    }
    page
}

/// A rig's median as part of the better relay's.
fn ratio(results: &Results, number: &str, name: &str) -> Option<f64> {
    let best = HOPS.iter().filter_map(|hop| median(results, number, hop)).fold(f64::NAN, f64::max);
    Some(median(results, number, name)? / best)
}

fn median(results: &Results, number: &str, name: &str) -> Option<f64> {
    number_of(results, number, name, "median")
}

fn number_of(results: &Results, number: &str, name: &str, which: &str) -> Option<f64> {
    results.number(&format!("dialects/rounds/{number}/{name}/{which}"))
}

fn names(results: &Results) -> Vec<String> {
    list(results.get("dialects/rigs")).iter().map(|rig| text(&rig["name"])).collect()
}

fn connections(results: &Results) -> Vec<String> {
    names(results).into_iter().filter(|name| !is_wisp(name)).collect()
}

fn is_wisp(name: &str) -> bool {
    name == WISP || name == "wisp-js"
}

fn shown(value: Option<f64>, digits: usize) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:.digits$}"))
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Texts without quotes, numbers as they are.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
