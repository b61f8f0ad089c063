//! Every way to a TCP server: who stops reading is waited for, without memory and without harm to others; many stand still, many come and go.
//!
//! The probe is the client and the target, and starts what is between (`PAGEPORT_BIN`), so nothing here knows a gateway from inside.
//!
//! | module | what |
//! |---|---|
//! | `scene` | a gateway of its own, a SOCKS server before it, a relay that hoards |
//! | `target` | the server that is connected to, plain and within TLS |
//! | `way` | one lane to it, by each way |
//! | `lane` | both directions of one, in chunks |
//! | `websocket`, `wisp`, `http2`, `socks` | what is spoken on the way |
//! | `stall`, `crowd` | the measurements |
//!
//! `WAYS` names some of the ways, comma-separated; `MIB` how much is pushed; `CROWD` and `SETUPS` how many stand still, and come and go.

mod crowd;
mod http2;
mod lane;
mod scene;
mod socks;
mod stall;
mod target;
mod way;
mod websocket;
mod wisp;

use crate::facts::{Outcome, demand, fact};
use scene::Scene;
use way::Way;

/// Relays that must be noticed, and the way that they stand in.
const CONTROLS: [(&str, &str); 2] =
    [("hoard", "a relay that keeps what nobody reads"), ("hoard-some", "a relay that keeps 64 MiB of it")];
const CONTROL: Way = Way::WebSocket;
/// MiB of a whole proof.
const WHOLE: usize = 300;

pub(crate) async fn run() -> Outcome {
    let number = |name: &str, default: usize| std::env::var(name).map_or(Ok(default), |text| text.parse());
    let mib = number("MIB", WHOLE)?;
    let bytes = (mib as u64) << 20;
    let (crowd, setups) = (number("CROWD", 5_000)?, number("SETUPS", 10_000)?);
    let only = std::env::var("WAYS").ok();
    let named = |way: &Way| only.as_ref().is_none_or(|only| only.split(',').any(|name| name == way.name()));
    let ways: Vec<Way> = Way::ALL.into_iter().filter(named).collect();
    demand(!ways.is_empty(), "such a way exists")?;

    let mut faults = Vec::new();
    for way in &ways {
        for (what, outcome) in [
            ("stall", stall::run(&Scene::start(*way).await?, bytes).await),
            ("crowd", crowd::run(&Scene::start(*way).await?, crowd, setups).await),
        ] {
            if let Err(fault) = outcome {
                println!("fault {what} {}: {fault}", way.name());
                faults.push(format!("{what} {}: {fault}", way.name()));
            }
        }
    }
    for (relay, what) in CONTROLS {
        let noticed = stall::run(&Scene::hoarding(CONTROL, relay).await?, bytes).await.err();
        let said = noticed.as_ref().map_or("nothing".to_owned(), ToString::to_string);
        fact(&[("control", &what), ("noticed", &format_args!("{said:?}"))]);
        // A push that fits into what they keep is taken whole.
        let is_noticed = stall::MUST_BREAK.iter().all(|bound| said.contains(bound))
            || (mib < WHOLE && said.starts_with("does not hold: "));
        demand(is_noticed, &format!("{what} is noticed"))?;
    }
    fact(&[("ways", &ways.len()), ("faults", &faults.len())]);
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ").into()) }
}
