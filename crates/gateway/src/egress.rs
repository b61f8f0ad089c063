//! Where callers may be connected to through this gateway. Nothing is allowed but by a rule, what a rule forbids no other allows, and what can be
//! decided without looking a name up is.
//!
//! | module | what |
//! |---|---|
//! | `rule`, `destination` | what an operator allows and forbids: where, what is spoken, for whom, how much |
//! | `seeker` | who asks |
//! | `authority` | who vouches for a target |
//! | `special` | blocks of addresses that a wildcard never means |
//! | `nearby` | addresses that names never mean in good faith |
//! | `own` | where the gateway itself is |
//! | `judge` | which rule decides, and why |
//! | `resolve`, `lookup` | from a target to addresses that may be connected to |
//! | `race` | from these to a connection |
//! | `datagrams` | the same where there are only datagrams |
//! | `quota` | what rules use of what they allow |
//! | `flow`, `paced` | connections that are open: counted, slowed down, ended |
//! | `explain` | a decision in words, for operators |

mod authority;
mod datagrams;
mod destination;
mod explain;
mod flow;
mod judge;
mod lookup;
mod nearby;
mod own;
mod paced;
mod quota;
mod race;
mod resolve;
mod rule;
mod seeker;
mod special;

pub use authority::Authority;
pub use destination::{Destination, Hosts, Ports};
pub use explain::{Explanation, Question, explain};
pub use judge::Why;
pub use rule::{Bounds, Deny, Party, Rule, Spoken, Who};

pub(crate) use datagrams::connect_udp;
pub(crate) use flow::{Begun, Flow, Flows, Route};
pub(crate) use judge::{Granted, Wanted};
pub(crate) use own::Own;
pub(crate) use paced::{Pace, Paced};
pub(crate) use quota::Quotas;
pub(crate) use race::connect;
pub(crate) use resolve::Finder;
pub(crate) use seeker::{Seeker, Via};

/// All rules of a gateway, in the order in which they stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Egress {
    /// What may be connected to: the first one that matches decides how much.
    pub allow: Vec<Rule>,
    /// What may not, whatever is allowed.
    pub deny: Vec<Deny>,
}
