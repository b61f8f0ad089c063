//! `pageport config explain`: which rule decides about a target, and why.

use pageport_gateway::Config;
use pageport_gateway::config::parse_key;
use pageport_gateway::egress::{self, Party, Question};
use pageport_gateway::front::origin::Origin;
use pageport_proto::target::Target;

use super::{environment, say};
use crate::cli::ExplainFlags;
use crate::failure::Failure;

/// Answers on stdout; a target that is forbidden is a failure without more words.
pub(crate) async fn run(flags: ExplainFlags) -> Result<(), Failure> {
    let ExplainFlags { file, origin, token, keys, to, starttls, json } = flags;
    let config = Config::load(file.config.as_deref(), environment())?;
    let wrong = |what, value: &str| Failure::Question { what, value: value.to_owned() };
    let origin = origin
        .map(|text| Origin::parse(&text).ok_or_else(|| wrong("--origin: not an origin", &text)))
        .transpose()?;
    let key = |text: &String| parse_key(text).ok_or_else(|| wrong("--key: not a public key", text));
    let party = Party {
        origin,
        token: token.map(Into::into),
        keys: keys.iter().map(key).collect::<Result<_, _>>()?,
        alias: None,
    };
    let target = Target::parse(&to).ok_or_else(|| wrong("--to: not a target", &to))?;
    let answer = egress::explain(&config, &Question { party, target, starttls }).await;
    if json {
        let code = answer.code.map(|code| code.to_string());
        let line = serde_json::json!({
            "allowed": answer.allowed, "code": code, "rule": answer.rule, "reasons": answer.reasons,
        });
        say(format!("{line}\n").as_bytes())?;
    } else {
        say(answer.to_string().as_bytes())?;
    }
    if answer.allowed { Ok(()) } else { Err(Failure::Forbidden) }
}
