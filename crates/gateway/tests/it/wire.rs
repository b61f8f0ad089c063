//! A network between a page and the gateway that a test can take away.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards connections while it is up; cutting it drops them all without a word.
pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    up: watch::Sender<bool>,
}

impl Wire {
    pub(crate) async fn to(gateway: SocketAddr) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (up, state) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(forward(stream, gateway, state.clone()));
            }
        });
        Wire { address, up }
    }

    pub(crate) fn cut(&self) {
        self.up.send_replace(false);
    }

    pub(crate) fn mend(&self) {
        self.up.send_replace(true);
    }
}

async fn forward(mut stream: TcpStream, gateway: SocketAddr, mut state: watch::Receiver<bool>) {
    if !*state.borrow_and_update() {
        return;
    }
    let Ok(mut onward) = TcpStream::connect(gateway).await else { return };
    // Otherwise the relay itself would hold back every second small frame for 40 ms.
    for end in [&stream, &onward] {
        end.set_nodelay(true).expect("an option");
    }
    tokio::select! {
        _ = copy_bidirectional(&mut stream, &mut onward) => {}
        _ = state.wait_for(|up| !up) => {}
    }
}
