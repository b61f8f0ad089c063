//! Sessions and streams over real carriers: what `pageport-proto` decides, done with sockets, clocks and tasks.
//!
//! A [`Session`] outlives its carriers. On a gateway each carrier arrives by [`receive_hello`] and joins a session by
//! [`Session::attach`]; a native program keeps its session attached with a [`Connector`]. Everything here needs a tokio runtime.
//!
//! Must never look into a stream's bytes, wait with a lock held, or queue what no window pays for.
//!
//! | module | what |
//! |---|---|
//! | `session` | [`Session`]: the state machine behind one lock, its waiting tasks and its clock |
//! | `stream` | [`Stream`] and its halves |
//! | `carrier` | [`Carrier`]: `websocket`, `bytes`, `http` and `webtransport`, and the task that drives one |
//! | `quic` | WebTransport's connections, both ends: [`WebTransportEndpoint`] |
//! | `arrival` | the first frame of a carrier, at a gateway |
//! | [`relay`] | a TCP connection and a stream, or two streams, joined |
//! | `connector` | a native program's side: upgrade, fallback, reconnecting |
//! | `listener` | a native program's listener, which listens again by itself |
//! | `identity`, [`key_file`] | a key that names and ports belong to |
//! | `dial`, `messages` | a visitor's side: a listener's URL as a byte stream |
//! | [`handshake`] | the client's half of a WebSocket handshake |
//! | `block` | memory that is read into |
//! | `budget` | memory of all sessions of a process |
//! | `error` | what can go wrong |

mod arrival;
mod block;
mod budget;
mod carrier;
mod connector;
mod dial;
mod error;
pub mod handshake;
mod identity;
pub mod key_file;
mod listener;
mod messages;
mod quic;
pub mod relay;
mod session;
mod stream;

pub use arrival::{Arrival, receive_hello};
pub use budget::{Budget, Level};
pub use carrier::{
    BytesCarrier, Carried, Carrier, CarrierKind, Cut, Download, HttpCarrier, HttpLimits, HttpLine, HttpMode,
    Io, Rewind, SharedTcp, Socket, Upload, WebSocketCarrier, WebTransportCarrier,
};
pub use connector::Connector;
pub use connector::passage::{Flow, Passage, Upgrade, Upgrades};
pub use connector::tls::Trust;
pub use connector::upgrade::accept as websocket_accept;
pub use dial::{Connection, dial};
pub use error::{LinkError, OpenError, StreamError};
pub use identity::Identity;
pub use listener::{Address, ListenError, Listener, Phase, Status, Visitor};
pub use messages::{HALVES, LONGEST_MESSAGE, Messages};
pub use pageport_proto::head;
pub use pageport_proto::session::{Settings, Timings};
pub use quic::{IncomingConnection, WebTransportEndpoint, WebTransportRequest};
pub use session::{Session, SessionState, Stats};
pub use stream::{ReadHalf, Stream, WriteHalf};
