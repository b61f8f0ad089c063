//! The impairment relay, measured from outside: what it is told to do to a path must be seen by those who use it.

#![allow(clippy::unwrap_used, reason = "a panic with a line number is the report")]

mod cuts;
mod proxy;
mod tcp;
mod udp;

use std::time::Duration;

use pageport_testkit::Impairment;

/// Far longer than anything here takes: what hangs shall fail and not block.
async fn guard<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), test).await.expect("it hangs")
}

fn delay(milliseconds: u64) -> Impairment {
    Impairment { delay: Duration::from_millis(milliseconds), ..Impairment::default() }
}

/// Whatever else the machine does makes single ones longer, and none shorter.
fn quickest(times: impl IntoIterator<Item = Duration>) -> Duration {
    times.into_iter().min().expect("there is one")
}
