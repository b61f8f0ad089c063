//! The task of a stream: reaches the target, lets bytes or datagrams pass, and says how it ended.

use std::sync::Arc;

use pageport_proto::Code;
use pageport_proto::head::Refusal;
use tokio::time::timeout;

use super::line::{Line, Out};
use super::packet::Kind;
use super::reason::Reason;
use super::stream::Stream;
use crate::egress::{Seeker, Wanted};
use crate::lifetime::Slot;
use crate::reach::{reach, reach_udp};
use crate::shared::Shared;

/// What a stream's task needs.
pub(super) struct Job {
    pub(super) shared: Arc<Shared>,
    pub(super) line: Arc<Line>,
    pub(super) stream: Arc<Stream>,
    /// The client wants to know when it is connected.
    pub(super) confirm: bool,
}

impl Job {
    /// From the wish to the end. The first slot is kept until then, the other one goes with the connection.
    pub(super) async fn run(self, seeker: Seeker, wanted: Wanted, [_own, slot]: [Slot; 2]) {
        let reason =
            self.reach_and_carry(seeker, &wanted, slot).await.unwrap_or_else(|code| Some(code.into()));
        self.stream.discard(&self.line);
        if let Some(reason) = reason {
            self.line.send(Out::Over(Arc::clone(&self.stream), reason));
        }
    }

    /// `None`: the client has ended it.
    async fn reach_and_carry(
        &self,
        seeker: Seeker,
        wanted: &Wanted,
        slot: Slot,
    ) -> Result<Option<Reason>, Code> {
        match self.stream.kind {
            Kind::Tcp => {
                // What is needed to reach a target is much more than what is needed to stay there.
                let reached = self.within(Box::pin(reach(&self.shared, seeker, wanted, slot))).await?;
                Ok(self.carry(reached).await)
            }
            Kind::Udp => {
                let reached = self.within(Box::pin(reach_udp(&self.shared, seeker, wanted, slot))).await?;
                Ok(self.exchange(reached, wanted).await)
            }
        }
    }

    /// Waits for a connection for as long as the client wants it and `limits.connect_timeout` lasts.
    async fn within<T>(&self, reaching: impl Future<Output = Result<T, Refusal>>) -> Result<T, Code> {
        let limit = self.shared.policy.load().limits.connect_timeout;
        let reached = tokio::select! {
            reached = timeout(limit, reaching) => {
                reached.unwrap_or_else(|_| Err(Refusal::new(Code::ERR_TARGET_TIMEOUT, "")))
            }
            // Dropping what was begun closes it.
            () = self.stream.unwanted() => Err(Refusal::new(Code::ERR_ABORTED, "")),
        };
        let reached =
            reached.map_err(|refusal| Code::from_name(&refusal.error).unwrap_or(Code::ERR_INTERNAL));
        self.shared.metrics.dialect_connected(super::NAME, reached.as_ref().err().copied());
        reached
    }
}
