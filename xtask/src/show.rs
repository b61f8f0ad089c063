//! `cargo xtask show <ID>`: one proof per file, from outside, against the release binary. A proof prints facts that a
//! person can weigh, and where it could pass without having looked at anything it runs a control that must fail.

mod e1;
mod e2;
mod e3;
mod e4;
mod e5;
mod e6;
mod e7;
mod e8;
mod l1;
mod l10;
mod l2;
mod l3;
mod l4;
mod l5;
mod l6;
mod l7;
mod l8;
mod l9;
mod n1;
mod n2;
mod n3;
mod n4;
mod n5;
mod n6;
mod n7;
mod n8;
mod n9;
mod n9_webtransport;
mod probe;
mod readme;
mod report;
mod tools;
mod v1;
mod v10;
mod v2;
mod v3;
mod v4;
mod v5;
mod v6;
mod v7;
mod v8;
mod v9;

use crate::failure::{Failure, Outcome};
use crate::setup;
use report::Report;
use std::process::ExitCode;

struct Proof {
    id: &'static str,
    title: &'static str,
    run: fn(&Report) -> Outcome,
}

/// A new proof is a file here and a line below.
#[rustfmt::skip]
const PROOFS: &[Proof] = &[
    Proof { id: "L1", title: "a fresh clone works with the README's two commands", run: l1::run },
    Proof { id: "L2", title: "ordinary clients talk to a page in either browser", run: l2::run },
    Proof { id: "L3", title: "the Autobahn test suite passes against a page in Chromium", run: l3::run },
    Proof { id: "L4", title: "cuts at random bytes lose, double and reorder nothing", run: l4::run },
    Proof { id: "L5", title: "whoever stops reading costs no memory and no sibling", run: l5::run },
    Proof { id: "L6", title: "a million streams leave nothing, hostile sessions kill nothing", run: l6::run },
    Proof { id: "L7", title: "a hidden, frozen or restored tab keeps its session, or says why not", run: l7::run },
    Proof { id: "L8", title: "fuzzing finds nothing, and both codecs agree", run: l8::run },
    Proof { id: "L9", title: "every page is accessible in four states", run: l9::run },
    Proof { id: "L10", title: "bad input has its documented code and harms nobody else", run: l10::run },
    Proof { id: "V1", title: "tabs in both browsers are web sites for ordinary HTTP clients", run: v1::run },
    Proof { id: "V2", title: "WebSockets over HTTP/2 from Chromium and Node, and Autobahn through them", run: v2::run },
    Proof { id: "V3", title: "netcat, Python and Redis' clients reach tabs at ports of their own", run: v3::run },
    Proof { id: "V4", title: "names belong to keys, through reloads, thefts and a killed gateway", run: v4::run },
    Proof { id: "V5", title: "listeners below one base cannot harm each other where browsers separate them", run: v5::run },
    Proof { id: "V6", title: "smuggling vectors are refused or harmless, and attackers slow nobody else", run: v6::run },
    Proof { id: "V7", title: "every limit of the configuration holds at n and at n + 1", run: v7::run },
    Proof { id: "V8", title: "real programs behind expose and connect, whatever happens to the network", run: v8::run },
    Proof { id: "V9", title: "one command measures everything; 18,000 visitors stand still, 10,000 come and go", run: v9::run },
    Proof { id: "V10", title: "the gallery's servers work end to end and are accessible in four states", run: v10::run },
    Proof { id: "N1", title: "one suite of what applications use passes on every carrier, in both browsers and natively", run: n1::run },
    Proof { id: "N2", title: "our WebSocket does what the browser's own does, on every carrier, and Autobahn agrees", run: n2::run },
    Proof { id: "N3", title: "256 MiB both ways move through every carrier and many cuts, byte for byte", run: n3::run },
    Proof { id: "N4", title: "down to 256 kbit with stalls everything comes through, and nothing that moves is given up", run: n4::run },
    Proof { id: "N5", title: "Chromium and a native program are usable through real proxies within 3 s", run: n5::run },
    Proof { id: "N6", title: "what stops, stands still, comes a millionfold or is hostile costs no carrier more", run: n6::run },
    Proof { id: "N7", title: "2,000 simulated networks: streams come through byte-exact or say why, none hangs", run: n7::run },
    Proof { id: "N8", title: "each carrier is measured beside the browser's own, and so is the time to the first byte", run: n8::run },
    Proof { id: "N9", title: "bad input on each carrier has its documented code, and memory stays flat", run: n9::run },
    Proof { id: "E1", title: "pages are clients of real servers, and OpenSSH goes through the program", run: e1::run },
    Proof { id: "E2", title: "TCP servers of every habit, from pages in both browsers by each carrier", run: e2::run },
    Proof { id: "E3", title: "clients that exist reach servers through the gateway, unchanged", run: e3::run },
    Proof { id: "E4", title: "what is forbidden is refused before a packet leaves, and harmful names reach nothing", run: e4::run },
    Proof { id: "E5", title: "no foreign origin gets anything done, on any carrier or dialect", run: e5::run },
    Proof { id: "E6", title: "who stops reading costs no dialect memory or a sibling; thousands stand still, thousands come and go", run: e6::run },
    Proof { id: "E7", title: "a reload is whole or nothing, ends what it forbids, and is explained as it is", run: e7::run },
    Proof { id: "E8", title: "the dialects are measured beside what others offer, and every byte is compared", run: e8::run },
];

pub(crate) fn main(args: &[&str]) -> Outcome<ExitCode> {
    match args {
        ["--list"] => {
            for proof in PROOFS {
                println!("{:4} {}", proof.id, proof.title);
            }
            Ok(ExitCode::SUCCESS)
        }
        [id] => match PROOFS.iter().find(|proof| proof.id.eq_ignore_ascii_case(id)) {
            Some(proof) => Ok(show(proof)),
            None => Err(Failure::Usage(format!("there is no proof `{id}`: see cargo xtask show --list"))),
        },
        _ => Err(Failure::Usage("usage: cargo xtask show <ID> | --list".into())),
    }
}

/// A proof finds what the test command finds, and installs more where it needs more. The last line says whether it was seen, and so does the exit code.
fn show(proof: &Proof) -> ExitCode {
    let Proof { id, title, run } = proof;
    match setup::phase().and_then(|_| run(&Report::new())) {
        Ok(()) => {
            println!("{id} seen: {title}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{id} NOT SEEN: {failure}");
            failure.exit_code()
        }
    }
}
