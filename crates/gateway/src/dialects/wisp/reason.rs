//! Why a stream ends, in the one byte that Wisp has for it.

use pageport_proto::Code;

/// What the gateway says in CLOSE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The target has ended its side in order.
    Voluntary,
    /// The connection broke.
    Network,
    /// What the other side said of itself cannot be.
    Incompatible,
    /// No target, or a stream that is there already.
    Invalid,
    /// The name has no address, or nobody is at it.
    Unreachable,
    /// The target did not answer in time.
    TimedOut,
    /// Nobody listens at the port.
    Refused,
    /// Nothing moved for as long as the rule allows.
    Idle,
    /// No rule allows it (any more).
    Blocked,
    /// More than a limit allows.
    Throttled,
    /// Name and password are nobody's.
    Password,
    /// The signature is nobody's.
    Signature,
    /// Nothing was shown where something must be.
    Missing,
}

impl Reason {
    /// As it travels.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Reason::Voluntary => 0x02,
            Reason::Network => 0x03,
            Reason::Incompatible => 0x04,
            Reason::Invalid => 0x41,
            Reason::Unreachable => 0x42,
            Reason::TimedOut => 0x43,
            Reason::Refused => 0x44,
            Reason::Idle => 0x47,
            Reason::Blocked => 0x48,
            Reason::Throttled => 0x49,
            Reason::Password => 0xc0,
            Reason::Signature => 0xc1,
            Reason::Missing => 0xc2,
        }
    }
}

impl From<Code> for Reason {
    fn from(code: Code) -> Reason {
        match code {
            Code::ERR_TARGET_INVALID => Reason::Invalid,
            Code::ERR_TARGET_UNRESOLVED | Code::ERR_TARGET_UNREACHABLE => Reason::Unreachable,
            Code::ERR_TARGET_TIMEOUT => Reason::TimedOut,
            Code::ERR_TARGET_CONNECTION_REFUSED => Reason::Refused,
            Code::ERR_TARGET_IDLE => Reason::Idle,
            Code::ERR_TARGET_FORBIDDEN
            | Code::ERR_CREDENTIAL_REQUIRED
            | Code::ERR_CREDENTIAL_INVALID
            | Code::ERR_ORIGIN_FORBIDDEN => Reason::Blocked,
            Code::ERR_TARGET_LIMIT
            | Code::ERR_TARGET_LIFETIME
            | Code::ERR_CONNECT_LIMIT
            | Code::ERR_OVERLOADED
            | Code::ERR_GOING_AWAY => Reason::Throttled,
            _ => Reason::Network,
        }
    }
}
