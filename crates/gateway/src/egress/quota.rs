//! What rules use of what they allow: connections at once, and how fast these begin. Counted for each rule, over all callers; a reload that changes a
//! rule's limits changes nothing of what it has used.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::{Egress, Rule};
use crate::lifetime::{Slot, Slots};
use crate::rate::Rate;

/// Of all rules that something was counted for.
#[derive(Debug, Default)]
pub(crate) struct Quotas(Mutex<HashMap<Arc<str>, Arc<Quota>>>);

#[derive(Debug, Default)]
struct Quota {
    connections: Slots,
    begun: Rate,
}

impl Quotas {
    /// A place for one more connection; `None` when the rule allows no more now.
    pub(crate) fn take(&self, rule: &Rule) -> Option<Slot> {
        let quota = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry(rule.identity()).or_default())
        };
        let slot = quota.connections.take(rule.bounds.connections.unwrap_or(u64::MAX))?;
        let in_time = rule.bounds.rate.is_none_or(|rate| quota.begun.take(rate, Instant::now()));
        in_time.then_some(slot)
    }

    /// Forgets rules that are gone and have nothing open, so that what is remembered is bounded by what stands in a file.
    pub(crate) fn keep(&self, egress: &Egress) {
        let rules: Vec<_> = egress.allow.iter().map(Rule::identity).collect();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|identity, quota| rules.contains(identity) || quota.connections.open() > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::Bounds;
    use pageport_proto::target::Target;

    fn rule(target: &str, bounds: Bounds) -> Rule {
        Rule { bounds, ..Rule::exactly(Target::parse(target).expect(target)) }
    }

    #[test]
    fn a_rule_that_changes_its_limits_has_used_what_it_has_used() {
        let quotas = Quotas::default();
        let bounds = |connections| Bounds { connections: Some(connections), ..Bounds::default() };
        let two = rule("tcp://a.example:1", bounds(2));
        let held = [quotas.take(&two), quotas.take(&two), quotas.take(&two)];
        assert!(held[0].is_some() && held[1].is_some() && held[2].is_none());
        let three = rule("tcp://a.example:1", bounds(3));
        quotas.keep(&Egress { allow: vec![three.clone()], deny: Vec::new() });
        let third = quotas.take(&three);
        assert!(third.is_some() && quotas.take(&three).is_none());
        assert!(quotas.take(&rule("tcp://a.example:2", bounds(1))).is_some(), "another rule");
        quotas.keep(&Egress::default());
        assert!(quotas.take(&three).is_none(), "what is open counts, also while no rule allows it");
    }

    #[test]
    fn set_ups_come_no_faster_than_the_rule_says() {
        let quotas = Quotas::default();
        let rule = rule("tcp://a.example:1", Bounds { rate: Some(3), ..Bounds::default() });
        let taken = (0..10).filter(|_| quotas.take(&rule).is_some()).count();
        assert_eq!(taken, 3, "a burst of the rate, although each one ended at once");
    }
}
