//! `pageport connect`: a pipe to a listener.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use pageport_link::Connector;
use pageport_proto::Code;
use pageport_proto::head::{Kind, Listening, Ready, Reply, Request};

use crate::connect_servers::Dev;
use crate::expose::{Exposed, answering};
use crate::program::Place;

/// Runs it with this input: exit code, what came, and what was said.
pub(crate) fn pipe(command: &mut Command, input: &[u8]) -> (Option<i32>, Vec<u8>, String) {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_owned());
    let writing = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    // A pipe that is not read to its end is for the program to report.
    let _ = writing.join().unwrap();
    (output.status.code(), output.stdout, String::from_utf8(output.stderr).unwrap())
}

#[test]
fn the_end_of_stdin_ends_one_direction_only_by_port_and_by_name() {
    for flag in ["--tcp", "--websocket", "--page"] {
        let exposed = Exposed::new(answering(), &[flag]);
        let input = vec![7; 1_000_000];
        let (code, output, said) = pipe(&mut exposed.connect(), &input);
        assert_eq!((code, said.as_str()), (Some(0), ""), "{flag}");
        assert!(output == input, "{flag}: {} bytes", output.len());
    }
}

#[test]
fn the_end_of_what_comes_closes_stdout_while_stdin_stays_open() {
    let greeting = TcpListener::bind("127.0.0.1:0").unwrap();
    for flag in ["--tcp", "--websocket", "--page"] {
        let exposed = Exposed::new(greeting.local_addr().unwrap(), &[flag]);
        let mut command = exposed.connect();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut service, _) = greeting.accept().unwrap();
        service.write_all(b"greeting").unwrap();
        service.shutdown(std::net::Shutdown::Write).unwrap();
        let mut output = String::new();
        child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
        assert_eq!(output, "greeting", "{flag}");
        child.stdin.as_mut().unwrap().write_all(b"thanks").unwrap();
        drop(child.stdin.take());
        let mut thanks = String::new();
        service.read_to_string(&mut thanks).unwrap();
        assert_eq!((thanks.as_str(), child.wait().unwrap().code()), ("thanks", Some(0)), "{flag}");
    }
}

#[test]
fn what_breaks_off_is_a_failure() {
    let breaking = TcpListener::bind("127.0.0.1:0").unwrap();
    for flag in ["--tcp", "--websocket", "--page"] {
        let exposed = Exposed::new(breaking.local_addr().unwrap(), &[flag]);
        let mut command = exposed.connect();
        let piped = std::thread::spawn(move || pipe(&mut command, b"half a question"));
        let (mut service, _) = breaking.accept().unwrap();
        service.read_exact(&mut [0; 4]).unwrap();
        drop(service);
        let (code, output, said) = piped.join().unwrap();
        assert_eq!((code, output.as_slice()), (Some(1), &b""[..]), "{flag} {said}");
        assert!(said.starts_with("error: the connection broke: "), "{flag} {said}");
    }
}

#[test]
fn an_answer_comes_whole_from_who_has_stopped_listening() {
    let dev = Dev::allowing(&[]);
    let token = std::fs::read_to_string(dev.place.path().join(format!("pageport/dev-{}.token", dev.port())));
    // More than any window, both of them: neither direction is at its end when one is stopped.
    let (question, answer) = (vec![7; 8_000_000], vec![9; 8_000_000]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (code, output, said) = runtime.block_on(async {
        let page = Connector::new(&dev.url).unwrap().credential(token.unwrap()).connect().await.unwrap();
        let mut listener = page.open(&Request::from(Kind::Page)).unwrap();
        let reply = Reply::<Listening>::parse(&listener.reply().await.unwrap()).unwrap();
        let Reply::Ok(listening) = reply else { panic!("{reply:?}") };
        let mut connect = dev.connect(&format!("page:{}", listening.name));
        let piped = tokio::task::spawn_blocking(move || pipe(&mut connect, &question));
        let mut stream = page.accept().await.unwrap();
        stream.respond(&Reply::Ok(Ready {})).unwrap();
        assert!(stream.read_chunk().await.unwrap().is_some());
        stream.stop(Code::NO_ERROR);
        stream.write_chunk(answer.clone().into()).await.unwrap();
        stream.finish();
        piped.await.unwrap()
    });
    assert!(output == answer, "{} bytes: {said}", output.len());
    assert_eq!(code, Some(1));
    assert!(said.starts_with("error: ") && said.contains("the connection broke"), "{said}");
}

#[test]
fn who_cannot_connect_learns_why() {
    let place = Place::new();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, _, said) = pipe(&mut place.command(&["connect", &format!("tcp://{nobody}")]), b"");
    assert_eq!(code, Some(1));
    assert!(said.contains("(ERR_GATEWAY_UNREACHABLE)"), "{said}");
    let exposed = Exposed::new(answering(), &["--tcp"]);
    let unknown = exposed.gateway.replace("http://", "ws://nobody-here.");
    let (code, _, said) = pipe(&mut place.command(&["connect", &unknown]), b"");
    assert_eq!(code, Some(1));
    assert!(said.contains("(ERR_LISTENER_UNKNOWN)") && said.contains("hint: nobody listens there"), "{said}");
    let (code, _, said) = pipe(&mut place.command(&["connect", "localhost:1"]), b"");
    assert_eq!(code, Some(1));
    assert!(said.contains("(ERR_INVALID_ARGUMENT)") && said.contains("tcp://HOST:PORT"), "{said}");
    let gateway = exposed.gateway.as_str();
    for (page, code) in [("page:nobody", "ERR_LISTENER_UNKNOWN"), ("page:-", "ERR_NAME_INVALID")] {
        let (exit, _, said) = pipe(&mut exposed.place.command(&["connect", page, "--gateway", gateway]), b"");
        assert_eq!(exit, Some(1));
        assert!(said.contains(&format!("({code})")) && said.contains("hint: "), "{said}");
    }
}
