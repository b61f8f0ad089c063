//! A gateway and its pages on a simulated network and in simulated time: reordering, loss, partitions, stalls, crashes. Streams come through
//! byte-exact or fail with their documented code, none hangs, and nothing is left behind.
//!
//! `PAGEPORT_SEEDS=first..last` replays or widens a run. Both ends are the real `Session`, `Connector` and carriers; what is simulated is
//! TCP (turmoil), which loses segments without sending them again: to those above, a connection that dies without a word.

mod page;
mod plan;
mod tamper;
mod world;

use std::collections::BTreeMap;
use std::ops::Range;

use plan::{Plan, Work};
use tamper::Fault;
use world::{Run, run};

#[test]
fn streams_come_through_or_say_why_whatever_the_network_does() {
    let seeds = seeds(1..21);
    let mut sum = Run::default();
    let mut codes: BTreeMap<String, u32> = BTreeMap::new();
    let mut strict = 0;
    for seed in seeds.clone() {
        let plan = Plan::draw(seed);
        let seen = run(&plan, None)
            .unwrap_or_else(|fault| panic!("PAGEPORT_SEEDS={seed}..{}: {fault}\n{plan:?}", seed + 1));
        sum.add(&seen);
        strict += u64::from(!plan.may_fail());
        for code in seen.codes {
            *codes.entry(code.to_string()).or_default() += 1;
        }
    }
    println!(
        "fact seeds={}..{} of_them_without_leave_to_fail={strict} simulated_s={} streams={} complete={} failed={} bytes_checked={} attaches={} reboots={} partitions={} stalls={} lossy={} crashed_pages={} codes={codes:?}",
        seeds.start,
        seeds.end,
        sum.simulated.as_secs(),
        sum.streams,
        sum.complete,
        sum.failed,
        sum.bytes,
        sum.attaches,
        sum.reboots,
        sum.partitions,
        sum.stalls,
        sum.lossy,
        sum.crashed,
    );
    assert!(strict * 4 >= seeds.end - seeds.start, "most of them may fail");
    assert!(sum.streams as u64 >= 4 * (seeds.end - seeds.start), "too little was at stake");
}

#[test]
fn a_seed_repeats_itself() {
    for seed in [3, 7] {
        let [first, second] = [(); 2].map(|()| run(&Plan::draw(seed), None).unwrap());
        assert_eq!(first.trace, second.trace, "seed {seed}");
    }
    let [three, seven] = [3, 7].map(|seed| run(&Plan::draw(seed), None).unwrap());
    assert_ne!(three.trace, seven.trace);
}

#[test]
fn a_flipped_byte_is_noticed() {
    let plan = Plan::quiet(&[Work::exchange(5, 0, 1 << 20)]);
    run(&plan, None).expect("without a fault nothing is wrong");
    let noticed =
        run(&plan, Some(Fault::Flip { at: 500_000 })).expect_err("a flipped byte passed for a right one");
    println!("noticed: {noticed}");
    assert!(noticed.contains("is 0x"), "{noticed}");
}

#[test]
fn a_lost_acknowledgement_is_noticed() {
    let plan = Plan::quiet(&[Work::exchange(5, 10_000, 10_000)]);
    let noticed = run(&plan, Some(Fault::LoseFinalAck)).expect_err("nobody missed the last ACK of a stream");
    println!("noticed: {noticed}");
    assert!(noticed.contains("left behind"), "{noticed}");
}

fn seeds(default: Range<u64>) -> Range<u64> {
    let Ok(text) = std::env::var("PAGEPORT_SEEDS") else { return default };
    let (first, last) = text.split_once("..").unwrap_or((&text, ""));
    let first = first.parse().unwrap_or(default.start);
    first..last.parse().unwrap_or(first + 1)
}
