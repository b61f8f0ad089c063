//! Bodies on their way up, at the gateway's end of a carrier `http`: whose memory they are.

use pageport_link::{Budget, Carrier, HttpLimits, HttpLine, Session, Settings, Upload};
use pageport_proto::{Code, Limits, Role};

use crate::support::{greet, guard, welcome};

const MIB: u64 = 1 << 20;
const BODY: usize = 256 * 1024;

#[tokio::test]
async fn uploads_that_nobody_finishes_are_their_sessions_memory() {
    let budget = Budget::new(MIB);
    let (carrier, line) = Carrier::http_server(HttpLimits::default(), budget.clone());
    let session = Session::new_gateway(Settings::new(Role::Gateway), budget.clone());
    let arrival = greet(carrier, &line, Limits::default()).await;
    tokio::spawn(session.attach(arrival, &welcome(Limits::default())).unwrap());
    let mut uploads = Vec::new();
    for nth in 1..=3 {
        uploads.push(unfinished(&line, 1, BODY));
        assert!(budget.used() >= nth * BODY as u64, "{} bytes are counted", budget.used());
    }
    // What is more than all sessions may have together is more than its share.
    uploads.push(unfinished(&line, 1, BODY));
    assert_eq!(guard(session.closed()).await, Code::ERR_OVERLOADED);
}

#[tokio::test]
async fn a_second_body_of_a_message_that_was_taken_is_not_kept() {
    let budget = Budget::new(MIB);
    let (carrier, line) = Carrier::http_server(HttpLimits::default(), budget.clone());
    let mut second = unfinished(&line, 0, 1_000);
    assert_eq!(budget.used(), 1_000);
    let _arrival = greet(carrier, &line, Limits::default()).await;
    second.push(&[0; 1_000]).unwrap();
    assert_eq!(budget.used(), 0);
    // It is answered as the first was.
    second.finish().await.unwrap();
}

/// A body of a message, of which so many bytes have come.
fn unfinished(line: &HttpLine, seq: u64, length: usize) -> Upload {
    let mut upload = line.upload(seq).unwrap().unwrap();
    upload.push(&vec![0; length]).unwrap();
    upload
}
