//! `cargo xtask bench`: every contestant side by side in one run, written to bench/RESULTS.md.
//!
//! | module | what |
//! |---|---|
//! | `options` | what may be said |
//! | `install` | the contestants that somebody else wrote, and the release builds |
//! | `isolate` | a network of its own, with `reno` |
//! | `contestant`, `field` | a tunnel and its processes; all of them |
//! | `load` | one call of the load program |
//! | `rounds`, `idle`, `crowd`, `page`, `carriers`, `profile` | the measurements |
//! | `dialects`, `dialects/*` | gateways for clients that exist, beside others |
//! | `samples` | medians and ranges |
//! | `results`, `results/*` | what is kept of a run, and the page that people read |
//!
//! Must never compare numbers of different runs, nor leave a process or a network behind.

mod carriers;
mod contestant;
mod crowd;
mod dialects;
mod field;
mod idle;
mod install;
mod isolate;
mod load;
mod machine;
mod options;
mod page;
mod profile;
mod results;
mod rounds;
mod samples;

use crate::failure::Outcome;
pub(crate) use options::Options;
use options::Part;
use results::Results;
use std::process::ExitCode;

pub(crate) fn main(args: &[&str]) -> Outcome<ExitCode> {
    run(&Options::parse(args)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Whether everything that was asked for has been measured and written is all that this says.
pub(crate) fn run(options: &Options) -> Outcome {
    if !options.inside {
        install::everything(options.parts.contains(&Part::Tunnels))?;
        return isolate::again(options);
    }
    isolate::prepare()?;
    let mut results = Results::open(options)?;
    // What is said of the machine at the top is not of what was measured anew by themselves.
    let is_beside = options.parts.iter().all(|part| matches!(part, Part::Carriers | Part::Dialects));
    if !is_beside {
        results.set("machine", machine::facts(options)?);
    }
    for part in &options.parts {
        println!("bench: {}", part.name());
        let started = std::time::Instant::now();
        match part {
            Part::Tunnels => tunnels(options, &mut results)?,
            Part::Crowd => results.set("crowd", crowd::run(options)?),
            Part::Page => results.set("page", page::run(options)?),
            Part::Carriers => results.set("carriers", carriers::run(options)?),
            Part::Dialects => dialects::run(options, &mut results)?,
        }
        println!("bench: {} took {:.0} s", part.name(), started.elapsed().as_secs_f64());
    }
    if !is_beside {
        results.set("load_at_end", machine::load_average()?.into());
    }
    results.write(options)
}

/// What the last such run has kept.
pub(crate) fn kept(options: &Options) -> Outcome<serde_json::Value> {
    Results::kept(options)
}

/// Memory first, while the processes are fresh; profiles last, since they disturb.
fn tunnels(options: &Options, results: &mut Results) -> Outcome {
    let field = field::start()?;
    results.set("contestants", field.versions());
    results.set("idle", idle::run(&field, options)?);
    results.set("rounds", rounds::run(&field, options)?);
    results.set("profiles", profile::of_missed(&field, results)?);
    Ok(())
}
