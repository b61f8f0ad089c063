//! TLS on a connection that has spoken in the clear (§7.5). What was said in the clear must never count as said within TLS (the class of CVE-2011-0411):
//! when anything of the target's is undelivered, or comes before our ClientHello, there is no TLS and no connection any more.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use pageport_link::SharedTcp;
use pageport_proto::Code;
use pageport_proto::head::{Refusal, Reply, Secured, StartTls, TlsWish, Verified};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use super::attempt::{report, within};
use super::carry::{carry, layered};
use super::clear::Clear;
use super::tls;
use crate::reach::{may_be_called, refusal, unless_over};
use crate::requests::asked::Asked;
use crate::sessions::Entry;
use crate::shared::Shared;

const KIND: &str = "starttls";

/// Serves such a request to its end.
pub(crate) async fn serve(shared: &Arc<Shared>, entry: &Arc<Entry>, start: StartTls, mut asked: Asked) {
    let StartTls { stream, at, heard, wish } = start;
    let Some(mut clear) = entry.startable.take(stream).await else {
        shared.metrics.connected(KIND, Some(Code::ERR_TARGET_UNREACHABLE));
        let message = "There is no connection on which TLS could begin.";
        return asked.refuse(shared, Refusal::new(Code::ERR_TARGET_UNREACHABLE, message));
    };
    let wanted = clear.wanted.clone();
    let secured = within(shared, &mut asked, secure(shared, entry, &mut clear, (at, heard), &wish)).await;
    let (stream, verified) = match secured {
        Ok(secured) => secured,
        Err(refusal) => {
            clear.fail(Code::from_name(&refusal.error).unwrap_or(Code::ERR_INTERNAL));
            return report(shared, entry, &wanted, KIND, asked, refusal);
        }
    };
    shared.metrics.connected(KIND, None);
    let tcp = clear.tcp.clone();
    let begun = clear.leave();
    let Some(halves) = asked.accept(&Reply::Ok(Secured { tls: verified })) else { return };
    let socket = layered(begun.flow(), stream, tcp);
    carry(shared, begun, (socket, Bytes::new()), halves).await;
}

async fn secure(
    shared: &Arc<Shared>,
    entry: &Entry,
    clear: &mut Clear,
    (at, heard): (u64, u64),
    wish: &TlsWish,
) -> Result<(TlsStream<Quiet>, Verified), Refusal> {
    let wanted = clear.wanted.clone();
    let name = wish.servername.as_ref().unwrap_or(&wanted.target.endpoint.host);
    if !may_be_called(shared, &entry.party(), &wanted, name) {
        return Err(refusal(Code::ERR_TARGET_FORBIDDEN));
    }
    let config = tls::config(&clear.authority, Some(&wish.alpn))?;
    let flow = Arc::clone(clear.begun.flow());
    let securing = async {
        clear.settle(at, heard, &shared.metrics).await.map_err(refusal)?;
        let quiet = Quiet { tcp: clear.tcp.clone(), spoken: false };
        let stream = tls::shake(quiet, name, config).await.map_err(|error| {
            if error.get_ref().is_some_and(|error| error.is::<Dirty>()) {
                refusal(Code::ERR_STARTTLS_DIRTY)
            } else {
                tls::refused(name, &error)
            }
        })?;
        let verified = tls::verified(&stream, name).ok_or_else(|| refusal(Code::ERR_TARGET_TLS))?;
        Ok((stream, verified))
    };
    unless_over(&flow, securing).await
}

/// A connection on which the other side must not have said anything when the first byte leaves.
struct Quiet {
    tcp: SharedTcp,
    spoken: bool,
}

/// It has.
#[derive(Debug, thiserror::Error)]
#[error("something came in the clear before TLS")]
struct Dirty;

impl Quiet {
    /// The last look before the first byte: nothing is between the two.
    fn check(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.spoken, true) {
            return Ok(());
        }
        match SockRef::from(&*self.tcp).peek(&mut [MaybeUninit::uninit()]) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => Err(io::Error::other(Dirty)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl AsyncRead for Quiet {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_read(cx, buf)
    }
}

impl AsyncWrite for Quiet {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.check()?;
        Pin::new(&mut this.tcp).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.check()?;
        Pin::new(&mut this.tcp).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(cx)
    }
}
