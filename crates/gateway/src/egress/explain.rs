//! A decision in words: which rule decides about a target for somebody, and why. It asks what a gateway with this configuration would ask, so it looks
//! a name up where that would; it connects to nothing.

use std::fmt;

use pageport_proto::Code;
use pageport_proto::target::Target;

use super::judge::{Granted, Wanted, Why};
use super::{Egress, Finder, Own, Party};
use crate::address::PublicAddress;
use crate::config::{Admin, Config};
use crate::front::grants::Grants;

/// Who would like to be connected, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Who.
    pub party: Party,
    /// Where.
    pub target: Target,
    /// Whether it begins in the clear, and TLS may begin later.
    pub starttls: bool,
}

/// The answer; [`fmt::Display`] writes it for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    question: Question,
    /// What the caller would be refused with; `None` when it would be let through, or when it could not even attach.
    pub code: Option<Code>,
    /// Whether it would be let through.
    pub allowed: bool,
    /// The rule that decides, as `[[allow]] 2`; `None` when none does.
    pub rule: Option<String>,
    /// Why, one reason a line.
    pub reasons: Vec<String>,
}

/// What a gateway with this configuration would do.
pub async fn explain(config: &Config, question: &Question) -> Explanation {
    let mut answer = Explanation {
        question: question.clone(),
        code: None,
        allowed: false,
        rule: None,
        reasons: Vec::new(),
    };
    if let Err((code, reason)) = admission(config, &question.party) {
        (answer.code, answer.reasons) = (code, vec![reason]);
        return answer;
    }
    let policy = &config.policy;
    let wanted = Wanted { target: question.target.clone(), starttls: question.starttls };
    let finder = Finder::new(own(config));
    match finder.decide(&policy.egress, &wanted, &question.party, (&policy.dns, &policy.limits)).await {
        Ok(Granted { rule, addresses }) => {
            answer.allowed = true;
            answer.rule = Some(format!("[[allow]] {}", rule + 1));
            let found: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            let rule = &policy.egress.allow[rule];
            answer.reasons = vec![format!("{rule}, for {}", rule.who), format!("at {}", found.join(", "))];
        }
        Err(why) => {
            answer.code = Some(why.code());
            (answer.rule, answer.reasons) = words(&policy.egress, &why);
        }
    }
    answer
}

/// Why somebody would not get as far as asking.
fn admission(config: &Config, party: &Party) -> Result<(), (Option<Code>, String)> {
    let policy = &config.policy;
    let listed = party.origin.as_ref().is_some_and(|origin| policy.origins.allow(origin, &config.base));
    let Some(name) = &party.token else {
        return match &party.origin {
            _ if listed => Ok(()),
            Some(origin) => Err((None, format!("{origin} may not attach: it is not in `link.origins`"))),
            None => Err((None, "nobody may attach without an origin or a token".to_owned())),
        };
    };
    let token = policy.tokens.0.iter().find(|token| *token.name == **name).map(|token| &token.grants);
    let issuer = policy.issuers.0.iter().find(|issuer| *issuer.name == **name).map(|issuer| &issuer.bounds);
    let Some(Grants { connect, origins, .. }) = token.or(issuer) else {
        return Err((None, format!("there is no token and no issuer {name:?}")));
    };
    let fits = match (origins, &party.origin) {
        (Some(list), Some(origin)) => list.contains(origin),
        (Some(_), None) => false,
        (None, origin) => listed || origin.is_none(),
    };
    match (fits, connect) {
        (false, _) => Err((None, format!("the token {name:?} is not for this origin"))),
        (true, false) => {
            Err((Some(Code::ERR_TARGET_FORBIDDEN), format!("the token {name:?} may not `connect`")))
        }
        (true, true) => Ok(()),
    }
}

/// Where such a gateway would be.
fn own(config: &Config) -> Own {
    let listening = config.listen.addresses();
    let first = listening.first().map_or(0, |address| address.port());
    let admin = match config.admin {
        Admin::Address(address) => Some(address),
        Admin::NextPort => None,
    };
    let secure = config.policy.tls.is_some();
    let (secure, port) = config.public.map_or((secure, first), |public| (public.secure, public.port));
    let address = PublicAddress { secure, base: config.base.clone(), port };
    Own::new(listening.into_iter().chain(admin), config.tcp.clone()).called([address])
}

impl Why {
    /// What a caller is refused with.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Why::Unresolved => Code::ERR_TARGET_UNRESOLVED,
            Why::Busy => Code::ERR_OVERLOADED,
            _ => Code::ERR_TARGET_FORBIDDEN,
        }
    }
}

/// The rule that decides, and why.
fn words(egress: &Egress, why: &Why) -> (Option<String>, Vec<String>) {
    match why {
        Why::NoRule => (None, vec!["no [[allow]] names it for this caller".to_owned()]),
        Why::Mail => {
            let reason = "mail is handed over at this port: only an [[allow]] with the host and this very port reaches it";
            (None, vec![reason.to_owned()])
        }
        Why::Denied { deny, address } => {
            let rule = &egress.deny[*deny];
            let what = address.map_or("names it".to_owned(), |ip| format!("names its address {ip}"));
            (Some(format!("[[deny]] {}", deny + 1)), vec![format!("{rule}, for {}, {what}", rule.who)])
        }
        Why::Special { rule, address, purpose } => {
            let allow = &egress.allow[*rule];
            let reason = format!(
                "{allow} names it, but does not mean its address {address} ({purpose}): that needs a rule of its own, with the address or a \
                 network within that block"
            );
            (Some(format!("[[allow]] {}", rule + 1)), vec![reason])
        }
        Why::Own => (None, vec!["the gateway itself is there".to_owned()]),
        Why::Nowhere(address) => (None, vec![format!("{address} is nobody's address")]),
        Why::Unresolved => (None, vec!["the name has no address".to_owned()]),
        Why::Busy => (None, vec!["too many names are being looked up".to_owned()]),
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Question { party, target, starttls } = &self.question;
        let who = [
            party.origin.as_ref().map(|origin| format!("pages of {origin}")),
            party.token.as_ref().map(|token| format!("token {token:?}")),
            (!party.keys.is_empty()).then(|| "that key".to_owned()),
        ];
        let who: Vec<_> = who.into_iter().flatten().collect();
        let who = if who.is_empty() { "nobody".to_owned() } else { who.join(", ") };
        let later = if *starttls { " with STARTTLS" } else { "" };
        let verdict = if self.allowed { "allowed" } else { "forbidden" };
        write!(f, "{target}{later} for {who}: {verdict}")?;
        if let Some(code) = self.code {
            write!(f, " ({code})")?;
        }
        if let Some(rule) = &self.rule {
            write!(f, "\n  {rule}")?;
        }
        for reason in &self.reasons {
            write!(f, "\n  {reason}")?;
        }
        writeln!(f)
    }
}
