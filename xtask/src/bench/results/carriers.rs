//! The section on carriers: what each can do between a page and the gateway, what was aimed at, and where the time goes otherwise.

use super::Results;
use super::aims::Aim;
use super::tables::table;
use serde_json::Value;

/// What a round measures, as it is called in the results and on the page.
const WAYS: [(&str, &str); 3] =
    [("up", "page to gateway"), ("down", "gateway to page"), ("echo", "echo of 64 bytes")];

/// How the profile of a missed aim begins.
const PROFILE: &str = "Where the time goes in *";

pub(super) fn aims(results: &Results) -> Vec<Aim> {
    let mut aims = Vec::new();
    let bound = results.number("carriers/aim").unwrap_or(f64::NAN);
    for browser in list(results.get("carriers/browsers")) {
        for row in list(browser.get("rows")).iter().filter(|row| row["is_aimed"] == true) {
            for (key, what) in WAYS {
                let name = format!("{}, {}, {what}", title(browser), text(&row["name"]));
                aims.push(Aim::at_least(name, bound, row["parts"][key]["median"].as_f64()));
            }
        }
    }
    for size in list(results.get("carriers/sizes")) {
        let kilobytes = |key: &str| size[key].as_f64().map(|bytes| bytes / 1e3);
        let name = format!("the module {}, minified and compressed", text(&size["what"]));
        aims.push(Aim::at_most(name, kilobytes("most").unwrap_or(f64::NAN), " kB", kilobytes("compressed")));
    }
    aims
}

pub(super) fn text_of(results: &Results) -> String {
    let machine = |key: &str| results.get(&format!("carriers/machine/{key}")).map(text).unwrap_or_default();
    let mut page = format!(
        "## Carriers\n\n\
         {}, commit {}, load average {} before; {} rounds, of which each visits every carrier in another order. A page and the gateway at the \
         other end of one stream, which takes, gives or echoes as much as it is asked for (`{{\"measure\": …}}`); beside it the browser's own \
         WebSocket and WebTransport, to a server that does the same in messages and pieces of 64 KiB, by a kept library. Nothing is pinned: browser and \
         server share {} processors. Parts are of the raw one's speed in the same round, for echoes of its median time: 1 is as fast, less is \
         slower. `http` has no counterpart and stands beside the raw WebSocket.\n\n",
        machine("date"),
        machine("commit"),
        machine("load_at_start"),
        machine("rounds"),
        machine("processors"),
    );
    aims(results).iter().for_each(|aim| page.push_str(&format!("- {}\n", aim.line())));
    page.push('\n');
    for browser in list(results.get("carriers/browsers")) {
        page.push_str(&format!("### {}\n\n", title(browser)));
        page.push_str(&bulk(browser));
        page.push_str(&echoes(browser));
        page.push_str(&costs(browser));
        page.push_str(&first_bytes(browser));
        list(browser.get("profiles")).iter().for_each(|profile| page.push_str(&missed(profile)));
    }
    if page.contains(PROFILE) {
        page.push_str(
            "What a stream has over a raw connection: its bytes are copied once into what is kept for a resume, and once into frames; whoever reads \
             acknowledges every quarter of a window, which is a message of its own to a script; and a message takes its way through the session's \
             state machine and a WHATWG stream, with a task of the gateway's on the other side. `(program)` is what the browser does outside of any script.\n\n",
        );
    }
    page
}

fn bulk(browser: &Value) -> String {
    let rows = list(browser.get("rows")).iter().map(|row| {
        let of = |key: &str| [number(&row[key], 0), range(&row[key], 0), part(row, key)];
        [vec![text(&row["name"])], of("up").to_vec(), of("down").to_vec()].concat()
    });
    let head = [
        "",
        "page to gateway, MB/s",
        "range",
        "to the raw one",
        "gateway to page, MB/s",
        "range",
        "to the raw one",
    ];
    format!("Bulk on one stream:\n\n{}", table(&head, rows))
}

fn echoes(browser: &Value) -> String {
    let rows = list(browser.get("rows")).iter().map(|row| {
        vec![
            text(&row["name"]),
            number(&row["p50"], 3),
            range(&row["p50"], 3),
            number(&row["p99"], 3),
            part(row, "echo"),
        ]
    });
    format!(
        "Echo of 64 bytes, one after the other:\n\n{}",
        table(&["", "p50, ms", "range", "p99, ms", "to the raw one"], rows)
    )
}

fn costs(browser: &Value) -> String {
    let rows = list(browser.get("rows")).iter().map(|row| {
        let of = |key: &str| number(&row[key], 2);
        vec![text(&row["name"]), of("up_server"), of("down_server"), of("up_browser"), of("down_browser")]
    });
    let head = [
        "",
        "server: page to gateway, s",
        "gateway to page, s",
        "browser: page to gateway, s",
        "gateway to page, s",
    ];
    format!(
        "Processor seconds for a gigabyte, of the server and of the browser with all its processes:\n\n{}",
        table(&head, rows)
    )
}

fn first_bytes(browser: &Value) -> String {
    let rows = list(browser.get("first_bytes")).iter().map(|one| {
        vec![text(&one["name"]), text(&one["carrier"]), number(&one["ms"], 0), range(&one["ms"], 0)]
    });
    format!(
        "From the navigation to the first byte of a stream's answer, in a browser that remembers nothing; the module's import is in it, save for the \
         raw ones, which need none:\n\n{}",
        table(&["", "carried by", "ms", "range"], rows)
    )
}

/// The three largest costs on either side.
fn missed(profile: &Value) -> String {
    let way = text(&profile["direction"]);
    let what = WAYS.iter().find(|(key, _)| *key == way).map_or("", |(_, what)| what);
    let costs = |side: &Value| {
        let costs = list(side.get("costs"));
        let line = |cost: &Value| format!("{} % `{}`", text(&cost["percent"]), text(&cost["symbol"]));
        costs.iter().map(line).collect::<Vec<_>>().join(", ")
    };
    let page = &profile["page"];
    let page = if page.is_null() {
        "this browser does not say it of pages".to_owned()
    } else {
        format!("in the page ({} % of the time it is idle) {}", text(&page["idle_percent"]), costs(page))
    };
    let gateway = &profile["gateway"];
    format!(
        "{PROFILE}{}, {what}*: {page}; in the gateway ({} % of it in the kernel) {}.\n\n",
        text(&profile["name"]),
        text(&gateway["kernel_percent"]),
        costs(gateway),
    )
}

fn part(row: &Value, key: &str) -> String {
    if row["beside"].is_null() {
        return "1".into();
    }
    let part = &row["parts"][key];
    format!("{} ({})", number(part, 2), range(part, 2))
}

fn number(spread: &Value, digits: usize) -> String {
    spread["median"].as_f64().map_or("–".to_owned(), |value| format!("{value:.digits$}"))
}

fn range(spread: &Value, digits: usize) -> String {
    match (spread["least"].as_f64(), spread["most"].as_f64()) {
        (Some(least), Some(most)) => format!("{least:.digits$} – {most:.digits$}"),
        _ => "–".to_owned(),
    }
}

fn title(browser: &Value) -> String {
    let name = if browser["name"] == "firefox" { "Firefox" } else { "Chromium" };
    format!("{name} {}", text(&browser["version"]))
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Texts without quotes, numbers as they are.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
