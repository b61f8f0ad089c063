//! The session state machine: alone against a hostile peer, and two honest ones over carriers that break.
#![no_main]

#[path = "session/honest.rs"]
mod honest;
#[path = "session/hostile.rs"]
mod hostile;
#[path = "session/input.rs"]
mod input;

use input::Input;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    if input.coin() { hostile::run(&mut input) } else { honest::run(&mut input) }
});
