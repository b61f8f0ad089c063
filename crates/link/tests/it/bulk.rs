//! Much, both ways, to the last byte.

use pageport_testkit::Pattern;

use crate::support::{Exchange, Gateway, KINDS, exchange, guard};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_mebibytes_each_way_arrive_as_they_were_sent() {
    const LEN: u64 = 16 << 20;
    for kind in KINDS {
        let gateway = Gateway::start().await;
        let (page, _) = gateway.connect(kind).await;
        let what = Exchange { seed: 16, up: LEN, down: LEN };
        let hash = guard(exchange(&page, what)).await.unwrap();
        assert_eq!(hash, Pattern::new(!16).sha256(LEN));
        println!("{kind}: 2 x {LEN} bytes, sha256 of what came {hash}, {:?}", page.stats());
    }
}
