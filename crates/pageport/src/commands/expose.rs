//! `pageport expose`: a native service behind a listener, for as long as nobody stops it.

use std::sync::Arc;

use pageport_link::head::{Kind, Listen, Visit};
use pageport_link::{Listener, Phase, Visitor};

use crate::cli::native::ExposeFlags;
use crate::expose::report::{Entry, Report};
use crate::expose::{Target, tcp, websocket};
use crate::failure::{Failure, NativeFailure};
use crate::gateway;
use crate::signals::Stop;

/// What every visitor's task needs.
struct Service {
    target: Target,
    report: Report,
}

/// Runs until it is asked to stop, or may not listen any more.
pub(crate) async fn run(flags: ExposeFlags) -> Result<(), Failure> {
    let mut stop = Stop::listen().map_err(Failure::Runtime)?;
    let connector = gateway::connector(&flags.gateway)?;
    let report = if flags.json { Report::Json } else { Report::Text };
    let wish = wish(&flags);
    let service = Arc::new(Service { target: flags.target, report });
    let mut listener = tokio::select! {
        listener = Listener::start(connector, wish) => listener.map_err(|error| Failure::Native(NativeFailure::listen(&error)))?,
        () = stop.next() => return Ok(()),
    };
    report.listening(&listener.address(), &service.target, false);
    let mut status = listener.status();
    let mut number = 0;
    loop {
        tokio::select! {
            () = stop.next() => return Ok(()),
            Some(visitor) = listener.accept() => {
                number += 1;
                tokio::spawn(serve(Arc::clone(&service), visitor, number));
            }
            Ok(()) = status.changed() => {
                let now = status.borrow_and_update().clone();
                match now.phase {
                    Phase::Listening => report.listening(&now.address, &service.target, true),
                    Phase::Ended(code) => {
                        report.phase(now.phase);
                        return Err(Failure::Native(NativeFailure::ended(code)));
                    }
                    phase => report.phase(phase),
                }
            }
        }
    }
}

fn wish(flags: &ExposeFlags) -> Listen {
    let kind = if flags.tcp || flags.port.is_some() {
        Kind::Tcp
    } else if flags.websocket {
        Kind::WebSocket
    } else {
        Kind::Http
    };
    let port = (kind == Kind::Tcp).then_some(flags.port.unwrap_or(0));
    Listen { name: flags.name.clone(), port, ..Listen::new(kind) }
}

async fn serve(service: Arc<Service>, visitor: Visitor, number: u64) {
    let Service { target, report } = &*service;
    let (entry, status, result) = match visitor.visit.clone() {
        Visit::Tcp(_) => {
            let entry = Entry::new(number, "tcp".to_owned());
            let result = tcp::serve(visitor, target, &entry.traffic).await;
            (entry, None, result)
        }
        Visit::WebSocket(visit) | Visit::Http(visit) => {
            let entry = Entry::new(number, "websocket".to_owned());
            let result = websocket::serve(visitor, &visit, target, &entry.traffic).await;
            (entry, None, result)
        }
    };
    report.visitor(&entry, status, &result);
}
