//! A page in a browser, attached by WebTransport: raw frames, and the ends that a session or a connection may come to.

use bytes::BytesMut;
use pageport_link::Session;
use pageport_proto::Limits;
use pageport_proto::frame::{Frame, Resume};
use pageport_proto::hello::Hello;
use web_transport_quinn::{ClientBuilder, RecvStream, SendStream, SessionError};

use super::Gateway;

/// Its only carrier.
pub(crate) struct RawQuicPage {
    session: web_transport_quinn::Session,
    first: (SendStream, RecvStream),
}

impl RawQuicPage {
    /// Attaches with a new session; the gateway's end of that, too.
    pub(crate) async fn attach(gateway: &Gateway) -> (RawQuicPage, Session) {
        gateway.expect_newer();
        let client =
            ClientBuilder::new().with_server_certificate_hashes(vec![gateway.hash.to_vec()]).unwrap();
        let url = format!("https://localhost:{}/link", gateway.address.port()).parse::<url::Url>().unwrap();
        let session = client.connect(url).await.unwrap();
        let (mut send, mut receive) = session.open_bi().await.unwrap();
        let hello =
            Hello { session: None, n: 1, limits: Limits::default(), features: Vec::new(), credential: None };
        let resume = Frame::Resume(Resume { end: true, highest: 0, entries: Vec::new() });
        for frame in [Frame::Hello(hello.to_payload().into()), resume] {
            let mut payload = BytesMut::new();
            frame.encode(&mut payload);
            send.write_all(&payload).await.unwrap();
            // The answer to either comes before the next is due.
            assert!(receive.read(&mut [0; 4096]).await.unwrap().is_some());
        }
        let at_gateway = gateway.newest().await;
        assert!(at_gateway.attached().await);
        (RawQuicPage { session, first: (send, receive) }, at_gateway)
    }

    /// Ends the first stream, and says nothing more.
    pub(crate) fn finish(&mut self) {
        self.first.0.finish().unwrap();
    }

    /// Takes what is still said, ends the first stream behind that, and sees how the rest ends.
    pub(crate) async fn end(mut self) -> SessionError {
        while let Ok(Some(_)) = self.first.1.read(&mut [0; 4096]).await {}
        self.finish();
        self.session.closed().await
    }

    /// Ends the session with a code, as `WebTransport.close()` does.
    pub(crate) fn close(&self, code: u32) {
        self.session.close(code, b"");
    }
}
