//! Signals: the first SIGINT or SIGTERM asks to stop, the second does not ask; SIGHUP means "read the configuration again".

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT and SIGTERM.
pub(crate) struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    /// From now on these signals do not end the process by themselves.
    pub(crate) fn listen() -> io::Result<Stop> {
        Ok(Stop { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Runs `work`, which gets a future that resolves at the first signal; a second one ends the waiting for it.
    ///
    /// False when `work` was cut short.
    pub(crate) async fn run<W: Future<Output = ()>>(mut self, work: impl FnOnce(Requested) -> W) -> bool {
        let (ask, requested) = tokio::sync::oneshot::channel();
        let second = async {
            self.next().await;
            // The receiver is gone only when the work has ended anyway.
            let _ = ask.send(());
            self.next().await;
        };
        tokio::select! {
            () = work(Requested(requested)) => true,
            () = second => false,
        }
    }
}

/// Resolves when the process was asked to stop.
pub(crate) struct Requested(tokio::sync::oneshot::Receiver<()>);

impl Requested {
    pub(crate) async fn wait(self) {
        let _ = self.0.await;
    }
}

/// SIGINT, SIGTERM, or SIGHUP: what OpenSSH sends to a ProxyCommand when it ends.
pub(crate) async fn ended() -> io::Result<()> {
    let (mut stop, mut hangup) = (Stop::listen()?, hangup()?);
    tokio::select! {
        () = stop.next() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}

/// SIGHUP.
pub(crate) fn hangup() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}
