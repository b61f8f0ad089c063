//! An answer to `/link/down` as hyper takes it. What waits in the kernel below it is in nobody's hands any more, so it is kept as short as on
//! a carrier that is a connection (§9 of the protocol).

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::Frame;
use pageport_link::Download;
use pageport_proto::Code;

use super::transport::Queue;
use crate::visitor::download::Aborted;

/// Carrier messages, and the queue of the connection that they leave on.
pub(crate) struct Carried {
    download: Download,
    queue: Arc<Queue>,
}

impl Carried {
    pub(crate) fn new(download: Download, queue: Arc<Queue>) -> Carried {
        Carried { download, queue }
    }

    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        let next = self.download.poll_next(cx);
        self.queue.limit(self.download.unsent_limit());
        next.map(|next| {
            next.map(|bytes| bytes.map(Frame::data).map_err(|_| Aborted(Code::ERR_CARRIER_UNKNOWN)))
        })
    }

    pub(crate) fn is_over(&self) -> bool {
        self.download.is_over()
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        self.queue.limit(0);
    }
}
