//! Nothing is lost, doubled or reordered, nothing hangs and nothing leaks, wherever the carriers are cut.
//!
//! `PAGEPORT_SEEDS=first..last` replays or widens a run.

mod pipe;
mod plan;
mod random;
mod world;

use std::ops::Range;
use world::World;

const STREAMS: usize = 50;
const CUTS_PER_SEED: usize = 25;

#[test]
fn a_thousand_cuts_at_any_byte_lose_double_and_reorder_nothing() {
    let seeds = seeds(1..46);
    let (mut cuts, mut bytes, mut streams, mut native) = (0, 0, 0, 0);
    for seed in seeds.clone() {
        let mut world = World::new(seed, STREAMS);
        if let Err(fault) = world.run(CUTS_PER_SEED, false) {
            panic!("seed {seed}: {fault}");
        }
        cuts += world.cuts;
        streams += world.ways.len();
        native += world.native_bytes;
        bytes += world.ways.values().flatten().map(|way| way.read).sum::<usize>();
    }
    println!(
        "seeds {seeds:?} cuts {cuts} streams {streams} bytes_checked {bytes} pieces_on_native_streams {native}"
    );
    assert!(cuts >= 22 * seeds.clone().count(), "too few cuts to prove anything: {cuts}");
    assert!(native >= 20 * seeds.count(), "too little on native streams to prove anything: {native}");
}

#[test]
fn a_gateway_that_goes_away_serves_what_it_accepted_and_refuses_the_rest() {
    let mut refused = 0;
    for seed in seeds(1..13) {
        let mut world = World::new(seed, STREAMS);
        world.goes_away_at = Some(500);
        if let Err(fault) = world.run(5, false) {
            panic!("seed {seed}: {fault}");
        }
        refused += world.refused.len();
    }
    println!("streams refused {refused}");
    assert!(refused > 0, "no stream crossed the GOAWAY");
}

#[test]
fn a_session_moves_while_the_carrier_before_still_serves() {
    let mut moved = 0;
    for seed in seeds(1..13) {
        let mut world = World::new(seed, STREAMS);
        world.moves_once_in = Some(300);
        if let Err(fault) = world.run(10, false) {
            panic!("seed {seed}: {fault}");
        }
        moved += world.moved;
    }
    println!("moves {moved}");
    assert!(moved > 100, "nothing moved: {moved}");
}

#[test]
fn a_single_flipped_bit_is_noticed() {
    let fails = |seed: &u64, flip| {
        World::new(*seed, STREAMS).run(0, flip).inspect_err(|fault| println!("seed {seed}: {fault}")).is_err()
    };
    let alarms = (1..9).filter(|seed| fails(seed, false)).count();
    let noticed = (1..9).filter(|seed| fails(seed, true)).count();
    println!("flipped runs noticed {noticed} of 8, false alarms {alarms}");
    assert_eq!((noticed, alarms), (8, 0), "a check that cannot fail proves nothing");
}

fn seeds(default: Range<u64>) -> Range<u64> {
    let Ok(text) = std::env::var("PAGEPORT_SEEDS") else { return default };
    let (first, last) = text.split_once("..").unwrap_or((&text, ""));
    let first = first.parse().unwrap_or(default.start);
    first..last.parse().unwrap_or(first + 1)
}
