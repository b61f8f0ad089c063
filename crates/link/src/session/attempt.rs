//! A page's attempts to attach, and what became of each: one may fail while another carrier serves, or while a newer one succeeds.

use std::collections::BTreeMap;
use std::sync::Arc;

use pageport_proto::Code;
use pageport_proto::session::CarrierId;

use super::shared::{Shared, State};
use crate::carrier::{Carried, Carrier, drive};

/// Those that somebody waits for, and what became of them as soon as it is known.
pub(super) type Attempts = BTreeMap<CarrierId, Option<Result<(), Code>>>;

/// One of them.
#[derive(Debug)]
pub(crate) struct Attempt {
    shared: Arc<Shared>,
    id: CarrierId,
}

impl Shared {
    /// The page: begins an attempt on a new carrier.
    pub(crate) fn connect(self: &Arc<Shared>, carrier: Carrier) -> (Attempt, Carried) {
        let id = self.with(None, |state, now| {
            let id = state.add_carrier(carrier.kind());
            state.attempts.insert(id, state.closed().map(Err));
            state.proto.connect(id, None, now);
            state.tell_native(id, carrier.native());
            id
        });
        (Attempt { shared: Arc::clone(self), id }, drive(Arc::clone(self), id, carrier))
    }
}

impl Attempt {
    /// Waits until this carrier carries the session, or will not.
    ///
    /// # Errors
    /// Why it will not: the code that the gateway gave, [`Code::NO_ERROR`] when it was lost without a word,
    /// [`Code::ERR_CARRIER_REPLACED`] when a newer one was tried or has won.
    pub(crate) async fn ended(&self) -> Result<(), Code> {
        self.shared.until(|state| state.attempts.get(&self.id).copied().flatten()).await
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.shared.with(None, |state, _| {
            state.unchanged = true;
            state.attempts.remove(&self.id);
        });
    }
}

impl State {
    /// A carrier has got as far as carrying the session, or to its end behind that: older ones cannot any more.
    pub(super) fn carrier_decided(&mut self, carrier: CarrierId, outcome: Result<(), Code>) {
        for (id, place) in self.attempts.range_mut(..=carrier) {
            place.get_or_insert(if *id == carrier { outcome } else { Err(Code::ERR_CARRIER_REPLACED) });
        }
    }

    pub(super) fn attempt_failed(&mut self, carrier: CarrierId, code: Code) {
        if let Some(place) = self.attempts.get_mut(&carrier) {
            place.get_or_insert(Err(code));
        }
    }

    pub(super) fn no_more_attempts(&mut self, code: Code) {
        for place in self.attempts.values_mut() {
            place.get_or_insert(Err(code));
        }
    }
}
