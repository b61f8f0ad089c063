//! The REP of a reply (RFC 1928 §6), and which of them stands for which of our codes.

use pageport_proto::Code;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rep {
    Succeeded = 0,
    /// What has no word of its own.
    GeneralFailure = 1,
    NotAllowed = 2,
    /// The gateway.
    NetworkUnreachable = 3,
    HostUnreachable = 4,
    ConnectionRefused = 5,
    /// No answer in time: there is no better word, and Tor uses this one too.
    TtlExpired = 6,
    CommandNotSupported = 7,
    AddressTypeNotSupported = 8,
}

impl From<Code> for Rep {
    fn from(code: Code) -> Rep {
        match code {
            Code::ERR_TARGET_FORBIDDEN => Rep::NotAllowed,
            Code::ERR_TARGET_CONNECTION_REFUSED => Rep::ConnectionRefused,
            Code::ERR_TARGET_UNRESOLVED | Code::ERR_TARGET_UNREACHABLE => Rep::HostUnreachable,
            Code::ERR_TARGET_TIMEOUT => Rep::TtlExpired,
            Code::ERR_GATEWAY_UNREACHABLE | Code::ERR_ATTACH_TIMEOUT | Code::ERR_SESSION_LOST => {
                Rep::NetworkUnreachable
            }
            _ => Rep::GeneralFailure,
        }
    }
}

impl Rep {
    /// The whole message. The address that the server would be seen from is the gateway's affair, and not told.
    pub(super) fn message(self) -> [u8; 10] {
        [5, self as u8, 0, 1, 0, 0, 0, 0, 0, 0]
    }
}
