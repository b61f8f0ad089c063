//! Something between a program and its gateway that nobody asked for: it ends at no test's request, and looks into every head.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// What it does to connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Habit {
    /// Takes `Upgrade` out of every head, and passes the rest on as it comes.
    Strips,
    /// The same, and passes a request or an answer on only when all of it is there. One for each connection.
    HoldsBack,
    /// Closes what says nothing for two seconds.
    CutsQuiet,
    /// Answers every request by itself.
    Refuses,
}

/// Listens in front of a gateway of this machine.
pub(crate) struct Middlebox {
    port: u16,
}

impl Middlebox {
    pub(crate) fn new(gateway: u16, habit: Habit) -> Middlebox {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for client in listener.incoming() {
                thread::spawn(move || serve(&client?, gateway, habit));
            }
            io::Result::Ok(())
        });
        Middlebox { port }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

fn serve(client: &TcpStream, gateway: u16, habit: Habit) -> io::Result<()> {
    client.set_nodelay(true)?;
    if habit == Habit::Refuses {
        head(&mut &*client)?;
        return (&*client)
            .write_all(b"HTTP/1.1 403 Not here\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    }
    let server = TcpStream::connect(("127.0.0.1", gateway))?;
    server.set_nodelay(true)?;
    match habit {
        Habit::HoldsBack => hold(client, &server),
        Habit::CutsQuiet => {
            client.set_read_timeout(Some(Duration::from_secs(2)))?;
            relay(client, &server, false)
        }
        Habit::Strips | Habit::Refuses => relay(client, &server, true),
    }
}

/// Both ways, until one way ends; the client's heads without what asks for an upgrade.
fn relay(mut client: &TcpStream, mut server: &TcpStream, strips: bool) -> io::Result<()> {
    let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
    let down = thread::spawn(move || {
        let copied = io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
        copied
    });
    if strips {
        while let Ok((head, length)) = head(&mut client) {
            server.write_all(stripped(&head, false).as_bytes())?;
            io::copy(&mut client.take(length), &mut server)?;
        }
    } else {
        let _ = io::copy(&mut client, &mut server);
    }
    let _ = server.shutdown(Shutdown::Both);
    let _ = down.join();
    Ok(())
}

fn hold(client: &TcpStream, server: &TcpStream) -> io::Result<()> {
    let (mut client, mut server) = (client, server);
    let (head, length) = head(&mut client)?;
    let mut body = vec![0; usize::try_from(length).unwrap()];
    client.read_exact(&mut body)?;
    server.write_all(stripped(&head, true).as_bytes())?;
    server.write_all(&body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    client.write_all(&answer)
}

/// The head of a request, and how long its body is.
fn head(client: &mut &TcpStream) -> io::Result<(String, u64)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).map_err(io::Error::other)?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    Ok((head.clone(), length.map_or(0, |length| length.parse().unwrap())))
}

/// Without an upgrade; with `closes` the server ends the connection behind its answer.
fn stripped(head: &str, closes: bool) -> String {
    let kept = head.lines().filter(|line| {
        let name = line.split(':').next().unwrap_or_default();
        !name.eq_ignore_ascii_case("upgrade") && !name.eq_ignore_ascii_case("connection")
    });
    let mut out: String = kept.filter(|line| !line.is_empty()).flat_map(|line| [line, "\r\n"]).collect();
    if closes {
        out.push_str("connection: close\r\n");
    }
    out + "\r\n"
}
