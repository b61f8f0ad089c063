//! A gateway as small as it can be: one path, every origin, and streams that do what their heads say.

use std::collections::HashMap;
use std::io::Cursor;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use bytes::{Bytes, BytesMut};
use pageport_link::{
    Arrival, Budget, Carrier, CarrierKind, Connector, HttpLimits, Io, Session, Settings, Socket,
    WebTransportEndpoint, receive_hello,
};
use pageport_proto::hello::{Nonce, Secret, SessionId, Welcome};
use pageport_proto::{Code, Role};
use rustls::pki_types::CertificateDer;
use sha2::Digest as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::exchange;
use super::quic::QuicDoor;
use super::requests::{self, Front, Lines};

/// Listens on a free port until it is dropped.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    /// Of the certificate over UDP.
    pub(crate) hash: [u8; 32],
    pub(crate) certificate: CertificateDer<'static>,
    shared: Arc<Shared>,
    accepting: [AbortHandle; 2],
}

/// The same without a listener: for connections of other kinds than TCP.
#[derive(Clone)]
pub(crate) struct Door(Arc<Shared>);

impl Door {
    pub(crate) fn new(settings: Settings) -> Door {
        Door(Arc::new(Shared::new(settings)))
    }

    /// Serves one connection until it ends.
    pub(crate) async fn serve(self, stream: impl Io) {
        serve(self.0, stream, Socket::boxed).await;
    }

    /// Every session that there was.
    pub(crate) fn sessions(&self) -> Vec<Session> {
        self.0.sessions.lock().unwrap().values().map(|(_, session)| session.clone()).collect()
    }
}

struct Shared {
    settings: Settings,
    budget: Budget,
    hello_timeout: Duration,
    credential: Option<&'static str>,
    carriers: Mutex<Vec<CarrierKind>>,
    /// Every HELLO is answered with this.
    refusal: Mutex<Option<Code>>,
    http: HttpLimits,
    lines: Arc<Lines>,
    sessions: Mutex<HashMap<SessionId, (Secret, Session)>>,
    /// The newest session, and why carriers were refused.
    newest: watch::Sender<Option<Session>>,
    refused: watch::Sender<Vec<Code>>,
}

impl Gateway {
    pub(crate) async fn start() -> Gateway {
        Gateway::with(Settings::new(Role::Gateway), |_| {}).await
    }

    pub(crate) async fn with_settings(settings: Settings) -> Gateway {
        Gateway::with(settings, |_| {}).await
    }

    pub(crate) async fn with_budget(budget: Budget) -> Gateway {
        Gateway::with(Settings::new(Role::Gateway), |shared| shared.budget = budget).await
    }

    pub(crate) async fn with_credential(credential: &'static str) -> Gateway {
        Gateway::with(Settings::new(Role::Gateway), |shared| shared.credential = Some(credential)).await
    }

    pub(crate) async fn with_hello_timeout(timeout: Duration) -> Gateway {
        Gateway::with(Settings::new(Role::Gateway), |shared| shared.hello_timeout = timeout).await
    }

    pub(crate) async fn with_carriers(kinds: &[CarrierKind]) -> Gateway {
        Gateway::with(Settings::new(Role::Gateway), |shared| shared.carriers = Mutex::new(kinds.to_vec()))
            .await
    }

    pub(crate) async fn with_http(limits: HttpLimits) -> Gateway {
        Gateway::with(Settings::new(Role::Gateway), |shared| shared.http = limits).await
    }

    async fn with(settings: Settings, change: impl FnOnce(&mut Shared)) -> Gateway {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let mut shared = Shared::new(settings);
        change(&mut shared);
        let shared = Arc::new(shared);
        let address = listener.local_addr().unwrap();
        let QuicDoor { endpoint, certificate, .. } = QuicDoor::open(address);
        let hash = sha2::Sha256::digest(&certificate).into();
        let accepting = [
            tokio::spawn(accept(Arc::clone(&shared), listener)).abort_handle(),
            tokio::spawn(accept_quic(Arc::clone(&shared), endpoint)).abort_handle(),
        ];
        Gateway { address, hash, certificate, shared, accepting }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A connector for one kind of carrier.
    pub(crate) fn connector(&self, kind: CarrierKind) -> Connector {
        Connector::new(&self.url()).unwrap().carriers(&[kind]).certificate_hashes(&[self.hash])
    }

    /// From now on only these are let in.
    pub(crate) fn allow(&self, kinds: &[CarrierKind]) {
        *self.shared.carriers.lock().unwrap() = kinds.to_vec();
    }

    /// From now on every HELLO is refused with this code.
    pub(crate) fn refuse(&self, code: Code) {
        *self.shared.refusal.lock().unwrap() = Some(code);
    }

    /// A session over one kind of carrier, both ends.
    pub(crate) async fn connect(&self, kind: CarrierKind) -> (Session, Session) {
        let page = self.connector(kind).connect().await.unwrap();
        (page, self.newest().await)
    }

    /// The gateway's end of the newest session.
    pub(crate) async fn newest(&self) -> Session {
        let mut newest = self.shared.newest.subscribe();
        newest.wait_for(Option::is_some).await.unwrap().clone().unwrap()
    }

    /// The next [`Gateway::newest`] is one that comes after this.
    pub(crate) fn expect_newer(&self) {
        self.shared.newest.send_replace(None);
    }

    /// Forgets a session, as a gateway that was started anew has.
    pub(crate) fn forget_sessions(&self) {
        self.shared.sessions.lock().unwrap().clear();
        self.shared.newest.send_replace(None);
    }

    /// Waits for the code that the next carrier is refused with, after `before` others.
    pub(crate) async fn refused(&self, before: usize) -> Code {
        let mut refused = self.shared.refused.subscribe();
        refused.wait_for(|codes| codes.len() > before).await.unwrap()[before]
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.accepting.iter().for_each(AbortHandle::abort);
    }
}

impl Shared {
    fn new(settings: Settings) -> Shared {
        Shared {
            settings,
            budget: Budget::new(1 << 30),
            hello_timeout: Duration::from_secs(10),
            credential: None,
            carriers: Mutex::new(super::KINDS.to_vec()),
            refusal: Mutex::default(),
            http: HttpLimits::default(),
            lines: Arc::default(),
            sessions: Mutex::default(),
            newest: watch::Sender::new(None),
            refused: watch::Sender::default(),
        }
    }
}

async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        tokio::spawn(serve(Arc::clone(&shared), stream, Socket::from));
    }
}

async fn serve<I: Io>(shared: Arc<Shared>, mut stream: I, socket: impl Fn(I) -> Socket) {
    let Some(read) = read_method(&mut stream).await else { return };
    if !read.starts_with(PLAIN) {
        if let Some(carrier) = upgrade(&shared, stream, read, socket).await {
            arrive(&shared, carrier).await;
        }
    } else if shared.carriers.lock().unwrap().contains(&CarrierKind::Http) {
        let owner = Arc::clone(&shared);
        let arrive = move |carrier| {
            let shared = Arc::clone(&owner);
            tokio::spawn(async move { arrive(&shared, carrier).await });
        };
        let Shared { lines, http, budget, credential, .. } = &*shared;
        let (lines, limits, budget) = (Arc::clone(lines), http.clone(), budget.clone());
        let front = Front { lines, limits, budget, credential: *credential, arrive };
        let (rest, write) = tokio::io::split(stream);
        requests::serve(tokio::io::join(Cursor::new(read).chain(rest), write), front).await;
    }
}

async fn accept_quic(shared: Arc<Shared>, endpoint: WebTransportEndpoint) {
    const LIMIT: Duration = Duration::from_secs(10);
    while let Some(incoming) = endpoint.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let Ok(request) = incoming.request(LIMIT, LIMIT).await else { return };
            let allowed = shared.carriers.lock().unwrap().contains(&CarrierKind::WebTransport);
            if !allowed {
                return request.refuse(http::StatusCode::NOT_FOUND).await;
            }
            let wanted = shared.credential.map(|token| format!("Bearer {token}"));
            let shown = request.headers().get("authorization").and_then(|value| value.to_str().ok());
            if wanted.is_some() && shown != wanted.as_deref() {
                return request.refuse(http::StatusCode::UNAUTHORIZED).await;
            }
            if let Ok(carrier) = request.accept(64, LIMIT).await {
                arrive(&shared, carrier).await;
            }
        });
    }
}

async fn arrive(shared: &Arc<Shared>, carrier: Carrier) {
    let arrival = match receive_hello(carrier, shared.hello_timeout).await {
        Ok(arrival) => arrival,
        Err(error) => return shared.refused.send_modify(|codes| codes.push(error.code())),
    };
    let refusal = *shared.refusal.lock().unwrap();
    if let Some(code) = refusal {
        return refuse(shared, arrival, code).await;
    }
    let admitted = match &arrival.hello.session {
        None => Ok(begin(shared)),
        Some((id, secret)) => match shared.sessions.lock().unwrap().get(id) {
            None => Err(Code::ERR_SESSION_LOST),
            Some((known, _)) if known != secret => Err(Code::ERR_ATTACH_FORBIDDEN),
            Some((_, session)) => Ok((id.clone(), None, session.clone())),
        },
    };
    match admitted {
        Ok((id, secret, session)) => match session.attach(arrival, &welcome(shared, id, secret)) {
            Ok(carried) => carried.await,
            Err(code) => shared.refused.send_modify(|codes| codes.push(code)),
        },
        Err(code) => refuse(shared, arrival, code).await,
    }
}

async fn refuse(shared: &Shared, arrival: Arrival, code: Code) {
    shared.refused.send_modify(|codes| codes.push(code));
    arrival.refuse(code, "no").await;
}

fn begin(shared: &Arc<Shared>) -> (SessionId, Option<Secret>, Session) {
    let session = Session::new_gateway(shared.settings.clone(), shared.budget.clone());
    let (id, secret) = (SessionId::new(random()), Secret::new(random()));
    shared.sessions.lock().unwrap().insert(id.clone(), (secret.clone(), session.clone()));
    shared.newest.send_replace(Some(session.clone()));
    let serving = session.clone();
    tokio::spawn(async move {
        while let Some(stream) = serving.accept().await {
            tokio::spawn(exchange::serve(stream));
        }
    });
    (id, Some(secret), session)
}

fn welcome(shared: &Shared, session: SessionId, secret: Option<Secret>) -> Welcome {
    Welcome {
        session,
        secret,
        nonce: Nonce::new(random()),
        lease: shared.settings.lease.as_secs(),
        limits: shared.settings.limits,
        features: Vec::new(),
    }
}

/// How a plain request begins, and no upgrade.
const PLAIN: &[u8] = b"POST ";

/// Enough of a connection's first bytes to tell.
async fn read_method(stream: &mut impl Io) -> Option<BytesMut> {
    let mut read = BytesMut::with_capacity(16 * 1024);
    while read.len() < PLAIN.len() {
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
    Some(read)
}

/// Reads the request and answers it; the carrier, if it is one.
async fn upgrade<I: Io>(
    shared: &Shared,
    mut stream: I,
    mut read: BytesMut,
    socket: impl Fn(I) -> Socket,
) -> Option<Carrier> {
    loop {
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut request = httparse::Request::new(&mut fields);
        let httparse::Status::Complete(len) = request.parse(&read).unwrap() else {
            if stream.read_buf(&mut read).await.ok()? == 0 {
                return None;
            }
            continue;
        };
        let field = |name: &str| {
            let found = request.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
            found.map(|field| String::from_utf8(field.value.to_vec()).unwrap())
        };
        let kind = match field("upgrade").as_deref() {
            Some("pageport.v1") => CarrierKind::Bytes,
            _ => CarrierKind::WebSocket,
        };
        let wanted = shared.credential.map(|token| format!("Bearer {token}"));
        let answer = if request.path != Some("/link") {
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned()
        } else if wanted.is_some() && field("authorization") != wanted {
            "HTTP/1.1 401 Unauthorized\r\npageport-error: ERR_CREDENTIAL_INVALID\r\ncontent-length: 0\r\n\r\n"
                .to_owned()
        } else if !shared.carriers.lock().unwrap().contains(&kind) {
            "HTTP/1.1 426 Upgrade Required\r\ncontent-length: 0\r\n\r\n".to_owned()
        } else if kind == CarrierKind::Bytes {
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: pageport.v1\r\n\r\n"
                .to_owned()
        } else {
            let key = field("sec-websocket-key").unwrap() + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
            let accept = sha1_smol::Sha1::from(key).digest().bytes();
            let accept = base64::engine::general_purpose::STANDARD.encode(accept);
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                 sec-websocket-protocol: pageport.v1\r\nsec-websocket-accept: {accept}\r\n\r\n"
            )
        };
        stream.write_all(answer.as_bytes()).await.ok()?;
        let ahead = Bytes::copy_from_slice(&read[len..]);
        return match kind {
            _ if !answer.starts_with("HTTP/1.1 101") => None,
            CarrierKind::Bytes => Some(Carrier::bytes(socket(stream), ahead)),
            CarrierKind::WebSocket => Some(Carrier::websocket_server(socket(stream), ahead)),
            CarrierKind::Http | CarrierKind::WebTransport => None,
        };
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}
