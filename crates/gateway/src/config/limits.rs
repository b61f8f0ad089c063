//! Every limit of a gateway: name, default, range and reason, in one table. Nothing else may bound what a peer can cost.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Deserialize;

use super::machine;
use super::raw::{Located, Scalar};
use super::units::{self, KIB, Kind, MIB};

macro_rules! limits {
    ($($name:ident: $kind:ident = $default:expr, $range:expr, $reason:literal;)*) => {
        /// What this gateway allows; see the fields for the reasons.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Limits { $(#[doc = $reason] pub $name: limits!(@type $kind),)* }

        impl Default for Limits {
            fn default() -> Self {
                Limits { $($name: limits!(@in $kind, $default),)* }
            }
        }

        /// All limits, in the order in which they are printed.
        pub const TABLE: &[Limit] = &[$(Limit {
            name: stringify!($name),
            kind: Kind::$kind,
            range: $range,
            reason: $reason,
            get: |limits| limits!(@out $kind, limits.$name),
            set: |limits, value| limits.$name = limits!(@in $kind, value),
        },)*];

        /// The section as it stands in a file.
        #[derive(Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct RawLimits { $($name: Option<Located<Scalar>>,)* }

        impl RawLimits {
            /// What was set, with its row of the table.
            pub(crate) fn entries(&self) -> impl Iterator<Item = (&'static Limit, &Located<Scalar>)> {
                TABLE.iter().zip([$(self.$name.as_ref(),)*]).filter_map(|(limit, value)| Some((limit, value?)))
            }

            /// The place of one key, `None` when there is no such limit.
            pub(crate) fn place(&mut self, name: &str) -> Option<&mut Option<Located<Scalar>>> {
                match name {
                    $(stringify!($name) => Some(&mut self.$name),)*
                    _ => None,
                }
            }
        }
    };
    (@type Time) => { Duration };
    (@type $other:ident) => { u64 };
    (@in Time, $value:expr) => { Duration::from_millis($value) };
    (@in $other:ident, $value:expr) => { $value };
    (@out Time, $value:expr) => { units::millis($value) };
    (@out $other:ident, $value:expr) => { $value };
}

limits! {
    header_bytes: Size = 32 * KIB, KIB..=256 * KIB,
        "The head of a request, request line included: room for large cookies, not for an attack on memory.";
    headers: Count = 100, 8..=128,
        "Header fields of a request: no browser sends a third of it, and a page gets at most 128.";
    header_timeout: Time = 10_000, 100..=120_000,
        "For a whole request head, and for the pause between two: what trickles in slower is an attack.";
    body_timeout: Time = 60_000, 100..=3_600_000,
        "How long a request's body may stand still while the page has room for more: longer than a lost packet or a short \
         stall of a mobile network.";
    linger: Time = 30_000, 0..=600_000,
        "How long the rest of a request's body that nobody wants is read and thrown away: a sender that reads no answer \
         before it has sent everything would see a broken connection instead. A tenth of it when nothing comes.";
    tls_timeout: Time = 5_000, 100..=120_000,
        "For a TLS handshake: two round trips, also over a slow path.";
    h2_streams: Count = 100, 1..=1_000,
        "Requests and WebSockets at once over one HTTP/2 connection: what RFC 9113 asks for at least.";
    h2_window: Size = 64 * KIB, 64 * KIB..=16 * MIB,
        "What a client may send on one of them before it is taken: times `h2_streams` for a connection, as long as there is room.";
    h2_receive: Size = 128 * MIB, 0..=65_536 * MIB,
        "For those windows over all connections: each new one is granted at most a sixteenth of what is left, and 64 KiB at least.";
    h2_idle: Time = 180_000, 1_000..=86_400_000,
        "How long an HTTP/2 connection without a request stays: browsers keep theirs for as long as they may.";
    hello_timeout: Time = 10_000, 100..=120_000,
        "From a carrier's opening to its HELLO: nothing unauthenticated stays longer.";
    connections: Count = 10_000, 1..=1_000_000,
        "Connections to the front door at once: each costs a file descriptor, so stay below the process's limit.";
    http_carriers: Count = 10_000, 1..=1_000_000,
        "Carriers over plain requests at once, those that wait for HELLO included: they belong to no connection.";
    http_uploads: Count = 8, 2..=64,
        "Bodies that one of them sends at once, of 256 KiB at most; the oldest ends for one more. Two are under way, each may \
         be sent three times, and what was lost on the way seems to be there for a while.";
    http_order: Time = 5_000, 100..=120_000,
        "How long a message waits for the one before it while nothing of that comes: a request that got lost is repeated \
         within two seconds.";
    http_answer_bytes: Size = MIB, 64 * KIB..=1_024 * MIB,
        "How long an answer with messages gets: proxies that keep what passes them forget it with the answer.";
    http_answer_time: Time = 25_000, 100..=600_000,
        "How long an answer stays open: less than the 30 s after which many proxies end one.";
    http_kept: Size = 256 * KIB, 16 * KIB..=16 * MIB,
        "Messages that are kept after they left until the page confirms them: what an answer that got lost may cost.";
    webtransport_connections: Count = 4_000, 1..=1_000_000,
        "QUIC connections at once, which count among `connections` too. Each may have 64 KiB on its way, and once it carries a \
         session what that receives, what its page retains, and 1 MiB: 17 MiB by default.";
    webtransport_streams: Count = 256, 1..=4_096,
        "Native streams that a page may have at once on a WebTransport carrier; what finds none goes as frames.";
    sessions: Count = 10_000, 1..=1_000_000,
        "Sessions at once, parked ones included: each costs some kilobytes even when idle.";
    listeners_per_session: Count = 64, 1..=65_536,
        "Names of one session: a page needs few, and every name is a public URL.";
    names_per_session: Count = 256, 1..=65_536,
        "Names that a session has proven and may listen to again without a claim: beyond it the oldest idle one is forgotten.";
    claims_per_attach: Count = 256, 1..=65_536,
        "Claims that are accepted between two attaches: each is remembered until the next, so that none counts twice.";
    names_per_key: Count = 32, 1..=1_000_000,
        "Chosen names of one key: each is kept from everybody else for 30 days after its last use.";
    names: Count = 100_000, 1..=10_000_000,
        "Chosen names of all keys: each costs some hundred bytes of memory, and of `data`.";
    streams_per_session: Count = 4_096, 1..=65_536,
        "Streams of one session at once, in each direction: with `initial_window` it bounds the memory of a session.";
    initial_window: Size = 4 * KIB, KIB..=64 * KIB,
        "What a peer may send on a new stream before it is seen: times `streams_per_session`, for each session.";
    window_max: Size = 4 * MIB, 64 * KIB..=64 * MIB,
        "How far the window of a fast stream grows: 4 MiB fill 1 Gbit/s over 32 ms.";
    session_unreceived: Size = 8 * MIB, 64 * KIB..=4_096 * MIB,
        "Bytes kept for a session until its page has received them: what a lost carrier may cost.";
    session_receive: Size = 8 * MIB, 64 * KIB..=4_096 * MIB,
        "Bytes received for a session's visitors and not yet read by them: the budget that windows grow from.";
    memory: Size = machine::quarter_of_memory(), 16 * MIB..=(1 << 24) * MIB,
        "All bytes kept for all sessions, by default a quarter of the machine or its control group: windows stop \
         growing at 70 %, parked sessions end at 85 %, new streams are refused at 95 %.";
    lease: Time = 150_000, 1_000..=86_400_000,
        "How long a session outlives its last carrier: hidden tabs run their timers only once a minute.";
    drain: Time = 30_000, 0..=3_600_000,
        "How long open streams may finish when the gateway stops.";
    accept_timeout: Time = 30_000, 100..=600_000,
        "How long a visitor waits for the page's answer: people decide more slowly than programs.";
    port_connections: Count = 2_048, 1..=65_536,
        "Connections to one public port at once: one listener must not use up what all share.";
    port_accept_queue: Count = 256, 1..=65_536,
        "Connections to one public port that wait for the page's answer: each holds a stream of its session.";
    port_accept_rate: Count = 1_000, 1..=1_000_000,
        "Connections to one public port in a second, and in one burst: more than a page answers is an attack.";
    port_rest: Time = 600_000, 0..=86_400_000,
        "How long a port whose listener has gone is kept for its owner: its clients must not meet somebody else.";
    connects_per_session: Count = 256, 1..=65_536,
        "Connections of one session to servers and to other pages at once: each costs a socket, or a stream of another session.";
    dialect_connections: Count = 4_096, 1..=1_000_000,
        "Connections at once to targets for clients of the dialects, all together: each costs a socket, and a client may have many.";
    splice_pipes: Count = 256, 0..=65_536,
        "Pipes of the kernel at once through which raw bytes of `Upgrade: tcp` pass: each is two file descriptors and up to 256 KiB that wait \
         for whoever does not read, and are in no other limit. Beyond it bytes are copied.";
    wisp_streams: Count = 256, 1..=65_536,
        "Streams of one client of Wisp at once, for as long as their connections are there: each costs a socket, and a page has few.";
    wisp_packet: Size = MIB, KIB..=16 * MIB,
        "The longest packet of a client of Wisp: the protocol has no bound, and clients send what their application wrote in one.";
    wisp_buffer: Count = 128, 1..=4_096,
        "Packets that a client of Wisp may send on a new stream before it is told that there is room for more: what others grant.";
    wisp_upload: Size = 2 * MIB, 64 * KIB..=1_024 * MIB,
        "Bytes of one client of Wisp that its targets have not taken: the protocol counts packets and not bytes, so beyond this the \
         client is not read until they have.";
    wisp_download: Size = 256 * KIB, 64 * KIB..=64 * MIB,
        "Bytes of targets on their way to one client of Wisp: four reads of 64 KiB. Beyond this its targets are not read.";
    wisp_idle: Time = 120_000, 300..=86_400_000,
        "How long a client of Wisp may be silent before it is given up: at two thirds of it, it is asked (PING of RFC 6455).";
    connect_timeout: Time = 10_000, 100..=120_000,
        "For a server to be found, reached and shaken hands with: a few lost packets, not a dead machine.";
    lookups: Count = 512, 1..=65_536,
        "Names of targets that are looked up at once: each costs two sockets and some kilobytes while a name server is slow.";
    connect_addresses: Count = 8, 1..=64,
        "Addresses of one target that are tried: whoever owns its name says how many there are, and each is a socket.";
    udp_idle: Time = 120_000, 1_000..=86_400_000,
        "How long a flow of datagrams stays on which nothing moves, where its rule does not say: UDP has no end of its own, and two minutes \
         is what RFC 4787 asks of every NAT at least.";
    measures_per_session: Count = 2, 1..=64,
        "Measurements of one session at once: one for each direction.";
    measure_bytes: Size = 64 * MIB, KIB..=4_096 * MIB,
        "Bytes that one measurement moves: half a second of 1 Gbit/s.";
    parked_wait: Time = 3_000, 0..=60_000,
        "How long a new visitor waits for a page that is away: a reconnect takes less, a closed laptop more.";
}

/// A row of the table.
pub struct Limit {
    /// The key in `[limits]`.
    pub name: &'static str,
    /// Bytes, a number or a duration.
    pub kind: Kind,
    /// What may be configured, in bytes, things or milliseconds.
    pub range: RangeInclusive<u64>,
    /// Why there is such a limit, and why this default.
    pub reason: &'static str,
    get: fn(&Limits) -> u64,
    set: fn(&mut Limits, u64),
}

impl Limit {
    /// The value as it is written.
    pub(crate) fn format(&self, limits: &Limits) -> String {
        self.kind.format((self.get)(limits))
    }

    /// The range as it is written.
    pub(crate) fn format_range(&self) -> String {
        self.kind.format_range(&self.range)
    }

    /// Reads a value into its field; the error says what would be right.
    pub(crate) fn apply(&self, limits: &mut Limits, value: &Scalar) -> Result<(), String> {
        (self.set)(limits, self.kind.read(self.name, &self.range, value)?);
        Ok(())
    }
}
