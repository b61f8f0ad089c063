//! Which claims a session may make (§7.2): each is for the newest WELCOME's nonce, and serves its subject once.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pageport_proto::Code;
use pageport_proto::claim::{Key, Statement, Subject};
use pageport_proto::head::Claim;
use pageport_proto::hello::{Nonce, SessionId};

/// How many older WELCOMEs are remembered, only to say that a claim is stale and not wrong.
const OLDER: usize = 4;

/// The nonces of a session, and what they have served.
#[derive(Default)]
pub(crate) struct Claims(Mutex<State>);

#[derive(Default)]
struct State {
    /// Newest first.
    welcomes: VecDeque<Arc<Welcomed>>,
    /// What the newest nonce has served.
    served: HashSet<Subject>,
    /// Keys that were proven, newest first: as many as a nonce serves.
    keys: VecDeque<Key>,
}

/// What a page was told when it attached, and how it reached the gateway then.
struct Welcomed {
    n: u64,
    nonce: Nonce,
    origin: Box<str>,
}

/// A claim that held: its key, and the nonce that it used up for its subject.
pub(crate) struct Proven {
    pub(crate) key: Key,
    subject: Subject,
    welcomed: Arc<Welcomed>,
}

impl Claims {
    /// A WELCOME is about to leave in answer to HELLO `n`. `origin` is the gateway's, as that carrier's page knows it.
    pub(crate) fn welcomed(&self, n: u64, nonce: &Nonce, origin: &str) {
        let mut state = self.lock();
        if state.welcomes.front().is_some_and(|newest| newest.n > n) {
            return;
        }
        state.welcomes.truncate(OLDER);
        state.welcomes.push_front(Arc::new(Welcomed { n, nonce: nonce.clone(), origin: origin.into() }));
        state.served = HashSet::new();
    }

    /// Verifies a claim of this session, and uses up its nonce for this subject. `limit` is how many a nonce serves.
    ///
    /// # Errors
    /// [`Code::ERR_CLAIM_INVALID`], [`Code::ERR_CLAIM_STALE`].
    pub(crate) fn accept(
        &self,
        session: &SessionId,
        claim: &Claim,
        subject: &Subject,
        limit: u64,
    ) -> Result<Proven, Code> {
        let welcomes = self.lock().welcomes.clone();
        let holds = |welcomed: &Arc<Welcomed>| {
            let Welcomed { nonce, origin, .. } = &**welcomed;
            Statement { origin, session, nonce, subject }.verify(claim).is_ok()
        };
        let Some(at) = welcomes.iter().position(holds) else { return Err(Code::ERR_CLAIM_INVALID) };
        let mut state = self.lock();
        let newest = state.is_newest(&welcomes[at]);
        let room = u64::try_from(state.served.len()).is_ok_and(|served| served < limit);
        if newest && room && state.served.insert(subject.clone()) {
            state.prove(&claim.key, limit);
            let (subject, welcomed) = (subject.clone(), Arc::clone(&welcomes[at]));
            Ok(Proven { key: claim.key.clone(), subject, welcomed })
        } else {
            Err(Code::ERR_CLAIM_STALE)
        }
    }

    /// A claim that held, but got its session nothing, may be made again, unless its nonce is an older one by now: what a newer one has
    /// served stays served.
    pub(crate) fn release(&self, proven: &Proven) {
        let mut state = self.lock();
        if state.is_newest(&proven.welcomed) {
            state.served.remove(&proven.subject);
        }
    }

    /// The keys that this session has proven.
    pub(crate) fn keys(&self) -> Vec<Key> {
        self.lock().keys.iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn prove(&mut self, key: &Key, limit: u64) {
        if !self.keys.contains(key) {
            self.keys.push_front(key.clone());
            self.keys.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        }
    }

    fn is_newest(&self, welcomed: &Arc<Welcomed>) -> bool {
        self.welcomes.front().is_some_and(|newest| Arc::ptr_eq(newest, welcomed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pageport_proto::claim::{PrivateKey, Seed};

    const ORIGIN: &str = "https://gw.example";

    fn claim(session: &SessionId, nonce: u8, port: u16) -> (Claim, Subject) {
        let (nonce, subject) = (Nonce::new([nonce; 16]), Subject::Port(port));
        let statement = Statement { origin: ORIGIN, session, nonce: &nonce, subject: &subject };
        (PrivateKey::new(&Seed::new([7; 32])).claim(&statement, None), subject)
    }

    #[test]
    fn the_newest_nonce_serves_each_subject_once() {
        let (claims, session) = (Claims::default(), SessionId::new([1; 16]));
        let accept = |nonce, port| {
            let (claim, subject) = claim(&session, nonce, port);
            claims.accept(&session, &claim, &subject, 2).map(drop)
        };
        assert_eq!(accept(1, 1), Err(Code::ERR_CLAIM_INVALID), "before any WELCOME");
        claims.welcomed(1, &Nonce::new([1; 16]), ORIGIN);
        assert_eq!([accept(1, 1), accept(1, 1)], [Ok(()), Err(Code::ERR_CLAIM_STALE)]);
        assert_eq!(
            [accept(1, 2), accept(1, 3)],
            [Ok(()), Err(Code::ERR_CLAIM_STALE)],
            "no more than the limit"
        );
        claims.welcomed(2, &Nonce::new([2; 16]), ORIGIN);
        assert_eq!([accept(1, 4), accept(2, 1)], [Err(Code::ERR_CLAIM_STALE), Ok(())]);
        claims.welcomed(1, &Nonce::new([3; 16]), ORIGIN);
        assert_eq!(accept(2, 2), Ok(()), "a WELCOME that was overtaken is not the newest");
        for n in 3..20 {
            claims.welcomed(n, &Nonce::new([9; 16]), ORIGIN);
        }
        assert_eq!(accept(1, 5), Err(Code::ERR_CLAIM_INVALID), "what is remembered is bounded");
        claims.welcomed(20, &Nonce::new([20; 16]), "https://gw.example:8443");
        assert_eq!(accept(20, 5), Err(Code::ERR_CLAIM_INVALID), "another origin");
    }

    #[test]
    fn a_claim_that_got_nothing_gives_back_its_own_nonce_only() {
        let (claims, session) = (Claims::default(), SessionId::new([1; 16]));
        let accept = |nonce| {
            let (claim, subject) = claim(&session, nonce, 1);
            claims.accept(&session, &claim, &subject, 2)
        };
        claims.welcomed(1, &Nonce::new([1; 16]), ORIGIN);
        let first = accept(1).expect("holds");
        claims.release(&first);
        let first = accept(1).expect("holds again");
        claims.welcomed(2, &Nonce::new([2; 16]), ORIGIN);
        assert!(accept(2).is_ok());
        claims.release(&first);
        assert_eq!(accept(2).err(), Some(Code::ERR_CLAIM_STALE));
    }
    #[test]
    fn keys_that_were_proven_are_known_and_so_many_of_them() {
        let (claims, session, subject) = (Claims::default(), SessionId::new([1; 16]), Subject::Port(1));
        let prove = |seed: u8| {
            let nonce = Nonce::new([seed; 16]);
            claims.welcomed(u64::from(seed), &nonce, ORIGIN);
            let statement = Statement { origin: ORIGIN, session: &session, nonce: &nonce, subject: &subject };
            let key = PrivateKey::new(&Seed::new([seed; 32]));
            claims.accept(&session, &key.claim(&statement, None), &subject, 2).map(drop).expect("holds");
            key.public()
        };
        assert!(claims.keys().is_empty());
        let [_, second, third] = [1, 2, 3].map(prove);
        assert_eq!(claims.keys(), [third, second], "the newest ones");
    }
}
