//! The closed list of error codes of `spec/errors.md`: numbers on the wire, names everywhere else.

use std::fmt;

/// Why a stream, carrier, session or request ended.
///
/// A code that this version does not know, or one of an application (65,536 and above), keeps its number.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(u32);

/// The first number that belongs to applications.
pub const APPLICATION: u32 = 0x1_0000;

impl Code {
    /// Any number that fits the wire.
    #[must_use]
    pub const fn from_number(number: u32) -> Code {
        Code(number)
    }

    /// The number that travels.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The name in `spec/errors.md`, if this version knows one.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        TABLE.binary_search_by_key(&self.0, |row| row.0).ok().map(|at| TABLE[at].1)
    }

    /// The code with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Code> {
        TABLE.iter().find(|row| row.1 == name).map(|row| Code(row.0))
    }

    /// Every code of the list, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Code> {
        TABLE.iter().map(|row| Code(row.0))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "ERR_{}", self.0),
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! codes {
    ($($number:literal $name:ident)*) => {
        #[allow(missing_docs, reason = "each stands in spec/errors.md with meaning and advice")]
        impl Code { $(pub const $name: Code = Code($number);)* }
        const TABLE: &[(u32, &str)] = &[$(($number, stringify!($name))),*];
    };
}

codes! {
    0 NO_ERROR
    1 ERR_INTERNAL
    16 ERR_FRAME_UNKNOWN
    17 ERR_FRAME_TOO_LARGE
    18 ERR_FRAME_MALFORMED
    19 ERR_FRAME_FLOOD
    20 ERR_FLOW_CONTROL
    21 ERR_GAP
    22 ERR_STREAM_ID
    23 ERR_STREAM_LIMIT
    24 ERR_FINAL_OFFSET
    25 ERR_ACK_INVALID
    26 ERR_ATTACH_ORDER
    32 ERR_ATTACH_STALE
    33 ERR_ATTACH_FORBIDDEN
    34 ERR_ATTACH_ORIGIN
    35 ERR_ATTACH_TIMEOUT
    36 ERR_HELLO_INVALID
    37 ERR_VERSION
    38 ERR_SESSION_LOST
    39 ERR_CARRIER_REPLACED
    40 ERR_CARRIER_SILENT
    41 ERR_OVERLOADED
    42 ERR_GOING_AWAY
    43 ERR_SESSION_CLOSED
    44 ERR_SESSION_LIMIT
    45 ERR_CARRIER_UNKNOWN
    46 ERR_CARRIER_SEQUENCE
    47 ERR_CARRIER_REQUEST
    64 ERR_ABORTED
    65 ERR_HEAD_TOO_LARGE
    66 ERR_HEAD_INVALID
    67 ERR_UNSUPPORTED
    68 ERR_UNEXPECTED_DATA
    69 ERR_REJECTED
    70 ERR_VISITOR_GONE
    71 ERR_LISTENER_LIMIT
    72 ERR_LISTENER_EXISTS
    73 ERR_LISTEN_FORBIDDEN
    74 ERR_NAME_INVALID
    75 ERR_NAME_RESERVED
    76 ERR_NAME_TAKEN
    77 ERR_NAME_REPLACED
    78 ERR_CLAIM_REQUIRED
    79 ERR_CLAIM_INVALID
    80 ERR_CLAIM_STALE
    81 ERR_PORT_UNAVAILABLE
    82 ERR_TARGET_UNREACHABLE
    83 ERR_RATE_LIMIT
    84 ERR_NAME_LIMIT
    85 ERR_TARGET_FORBIDDEN
    86 ERR_TARGET_UNRESOLVED
    87 ERR_TARGET_REFUSED
    88 ERR_TARGET_TIMEOUT
    89 ERR_TARGET_TLS
    90 ERR_TARGET_HANDSHAKE
    91 ERR_CONNECT_LIMIT
    92 ERR_TARGET_CONNECTION_REFUSED
    93 ERR_TARGET_LIMIT
    94 ERR_TARGET_IDLE
    95 ERR_TARGET_LIFETIME
    96 ERR_HOST_INVALID
    97 ERR_HOST_UNKNOWN
    98 ERR_ORIGIN_FORBIDDEN
    99 ERR_CREDENTIAL_REQUIRED
    100 ERR_CREDENTIAL_INVALID
    101 ERR_NOT_FOUND
    102 ERR_METHOD_NOT_ALLOWED
    103 ERR_UPGRADE_REQUIRED
    104 ERR_HANDSHAKE_INVALID
    105 ERR_HEADER_INVALID
    106 ERR_HEADERS_TOO_LARGE
    107 ERR_LISTENER_UNKNOWN
    108 ERR_LISTENER_AWAY
    109 ERR_LISTENER_BUSY
    110 ERR_ACCEPT_TIMEOUT
    111 ERR_BAD_REPLY
    112 ERR_CONNECTION_LIMIT
    113 ERR_BODY_TIMEOUT
    114 ERR_PAGE_ABORTED
    115 ERR_BODY_TOO_LARGE
    116 ERR_TARGET_INVALID
    128 ERR_GATEWAY_UNREACHABLE
    129 ERR_INVALID_STATE
    130 ERR_INVALID_ARGUMENT
    131 ERR_NAME_IN_USE
    132 ERR_INSECURE_CONTEXT
    133 ERR_STREAM_ENDED
    134 ERR_LINE_TOO_LONG
    144 ERR_ADDRESS_IN_USE
    145 ERR_CONFIG_INVALID
    146 ERR_ADDRESS_INVALID
    147 ERR_TLS_INVALID
    148 ERR_DATA_INVALID
    160 ERR_STARTTLS_DIRTY
}
