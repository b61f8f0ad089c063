//! `pageport expose`: a native service behind a listener, for as long as nobody stops it.

use std::sync::Arc;

use pageport_link::head::{Kind, Listen, Visit};
use pageport_link::{Listener, Phase, Visitor};

use crate::cli::native::ExposeFlags;
use crate::expose::http::Proxy;
use crate::expose::report::{Entry, Report};
use crate::expose::{Target, tcp, websocket};
use crate::failure::{Failure, NativeFailure};
use crate::signals::Stop;
use crate::{gateway, identity};

/// What every visitor's task needs.
struct Service {
    target: Target,
    way: Way,
    report: Report,
}

/// How visitors come to it.
enum Way {
    Http(Proxy),
    WebSocket,
    /// From a public port, or as another page.
    Bytes,
}

/// Runs until it is asked to stop, or may not listen any more.
pub(crate) async fn run(flags: ExposeFlags) -> Result<(), Failure> {
    let mut stop = Stop::listen().map_err(Failure::Runtime)?;
    let connector = gateway::connector(&flags.gateway)?;
    let identity = match (&flags.key, &flags.name, flags.port) {
        (None, None, None) => identity::random()?,
        (file, ..) => identity::open(file.as_deref())?,
    };
    let report = if flags.json { Report::Json } else { Report::Text };
    let wish = wish(&flags);
    let way = match wish.kind {
        Kind::Http => Way::Http(Proxy::new(&flags.target, flags.host_header)),
        Kind::WebSocket => Way::WebSocket,
        Kind::Tcp | Kind::Page => Way::Bytes,
    };
    let service = Arc::new(Service { target: flags.target, way, report });
    let mut listener = tokio::select! {
        listener = Listener::start_as(connector, wish, identity) => listener.map_err(|error| Failure::Native(NativeFailure::listen(&error)))?,
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
    } else if flags.page {
        Kind::Page
    } else {
        Kind::Http
    };
    let port = (kind == Kind::Tcp).then_some(flags.port.unwrap_or(0));
    Listen { name: flags.name.clone(), port, ..Listen::new(kind) }
}

async fn serve(service: Arc<Service>, visitor: Visitor, number: u64) {
    let traffic = Arc::default();
    let what = match &visitor.visit {
        Visit::Tcp(_) => "tcp".to_owned(),
        Visit::Page(visit) => format!("page {}", path(&visit.url)),
        Visit::WebSocket(visit) => format!("websocket {}", path(&visit.url)),
        Visit::Http(visit) => format!("{} {}", visit.method, path(&visit.url)),
    };
    let entry = Entry::new(number, what, Arc::clone(&traffic));
    let (status, result) = match &service.way {
        Way::Http(proxy) => {
            let outcome = proxy.serve(visitor, &traffic).await;
            (outcome.status, outcome.result)
        }
        Way::WebSocket => (None, websocket::serve(visitor, &service.target, &traffic).await),
        Way::Bytes => (None, tcp::serve(visitor, &service.target, &traffic).await),
    };
    service.report.visitor(&entry, status, &result);
}

/// What is printed of a URL: its path, without what a query may give away, and without what a terminal would obey.
fn path(url: &str) -> String {
    let url = url.split('?').next().unwrap_or_default();
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("/", |at| &rest[at..]).escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_url_neither_query_nor_control_characters_are_printed() {
        assert_eq!(path("http://name.localhost:7070/a%20b/?token=secret"), "/a%20b/");
        assert_eq!(path("http://name.localhost:7070?to=/secret"), "/");
        assert_eq!(path("page:name/\u{1b}]0;x\u{7}"), "/\\u{1b}]0;x\\u{7}");
    }
}
