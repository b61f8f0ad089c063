//! The file of names: what a crash may leave behind, what is damage, and one gateway at a time.

use std::fs;
use std::path::{Path, PathBuf};

use pageport_gateway::{Config, DataError, Gateway, GatewayError};

use crate::claimant::Claimant;
use crate::client::soon;
use crate::door;
use crate::page::attach;

/// A directory that is gone after the test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        Place(std::env::temp_dir().join(format!("pageport-{name}-{}", std::process::id())))
    }

    fn lines(&self) -> String {
        format!("data = {:?}", self.0.display().to_string())
    }

    fn file(&self) -> PathBuf {
        self.0.join("names")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn refused(config: Config) -> DataError {
    match Gateway::bind(config) {
        Err(GatewayError::Data(error)) => error,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it starts"),
    }
}

/// A gateway on this directory, on which these names are claimed, and which ends.
async fn claim(place: &Place, names: &[(&str, u8)]) {
    let door = door::open(&place.lines());
    let session = attach(&door).await;
    for (name, owner) in names {
        Claimant::new(&door, *owner).listen(&session, name).await.expect(name);
    }
    soon(door.close()).await.expect("ends");
}

/// Whether a stranger gets the name from a gateway on this directory.
async fn is_free(place: &Place, name: &str) -> bool {
    let door = door::open(&place.lines());
    let free = Claimant::new(&door, 99).listen(&attach(&door).await, name).await.is_ok();
    soon(door.close()).await.expect("ends");
    free
}

#[tokio::test]
async fn two_gateways_do_not_share_a_directory() {
    let place = Place::new("shared");
    let door = door::open(&place.lines());
    let error = refused(door::config(&place.lines()));
    assert!(matches!(&error, DataError::InUse { path } if *path == place.0), "{error}");
    soon(door.close()).await.expect("ends");
    soon(door::open(&place.lines()).close()).await.expect("free again");
}

#[tokio::test]
async fn an_end_that_was_not_written_whole_costs_nothing_else() {
    let place = Place::new("torn");
    claim(&place, &[("one", 1), ("two", 2)]).await;
    let whole = fs::read(place.file()).expect("the file");
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').expect("several lines") + 1;
    // A crash leaves any beginning of what was appended last.
    for torn in [whole.len() - 2, last + 20, last + 1, last] {
        fs::write(place.file(), &whole[..torn]).expect("written");
        let door = door::open(&place.lines());
        assert_eq!(fs::read(place.file()).expect("rewritten").len(), last, "{torn}");
        soon(door.close()).await.expect("ends");
    }
    let zeros = [&whole[..], &[0; 4096]].concat();
    fs::write(place.file(), zeros).expect("written");
    assert!(!is_free(&place, "one").await && !is_free(&place, "two").await);
}

#[tokio::test]
async fn every_byte_that_turns_is_noticed_and_no_name_changes_hands_by_it() {
    let place = Place::new("damaged");
    claim(&place, &[("one", 1), ("two", 2), ("three", 3)]).await;
    let whole = fs::read(place.file()).expect("the file");
    let mut noticed = 0;
    // All but the very last newline, without which the end just looks torn.
    for at in 0..whole.len() - 1 {
        let mut turned = whole.clone();
        turned[at] ^= 1 << (at % 8);
        fs::write(place.file(), &turned).expect("written");
        let error = refused(door::config(&place.lines()));
        let DataError::Damaged { path, line } = &error else { panic!("{at}: {error}") };
        assert_eq!(*path, place.file());
        let lines_before = whole[..at].iter().filter(|byte| **byte == b'\n').count();
        assert!((lines_before + 1..=lines_before + 2).contains(line), "{at}: {error}");
        noticed += 1;
    }
    println!("turned bytes noticed: {noticed}");
    fs::write(place.file(), &whole).expect("written");
    soon(door::open(&place.lines()).close()).await.expect("control: the file as it was");
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let place = Place::new("impossible");
    let inside = |path: &Path| format!("data = {:?}", path.display().to_string());
    fs::write(&place.0, "a file").expect("written");
    for path in [place.0.clone(), place.0.join("below")] {
        let error = refused(door::config(&inside(&path)));
        assert!(
            matches!(&error, DataError::Io { .. }) && error.to_string().contains("impossible"),
            "{error}"
        );
    }
    fs::remove_file(&place.0).expect("removed");
    let error = refused(door::config(&inside(&place.0.join("missing").join("parent"))));
    assert!(matches!(error, DataError::Io { .. }));
}
