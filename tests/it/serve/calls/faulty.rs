//! What goes wrong with archive calls on purpose.

use std::{collections::BTreeSet, fs, path::Path};

use super::{FIRST, archive, serving};
use crate::support::{kept::Kept, program::Rocketman};

fn segment() -> String {
    format!("getSegment?name={FIRST}")
}

/// The statuses of this many calls, each on a connection of its own.
fn statuses(folder: &Path, faults: &str, n: usize) -> Vec<u16> {
    let server = serving(folder, faults);
    let call = || Kept::open(server.address()).get(&segment(), "").status;
    (0..n).map(|_| call()).collect()
}

#[test]
fn errors_come_as_often_as_typed_and_the_same_again() {
    let folder = archive();
    let faults = "--fault archive-errors=1/4 --fault archive-429=1/4";
    let first = statuses(folder.path(), faults, 60);
    let of = |status| first.iter().filter(|found| **found == status).count();
    for status in [200, 429, 500, 503] {
        assert!(of(status) > 0, "{first:?}");
    }
    assert_eq!(statuses(folder.path(), faults, 60), first);
    let other = format!("{faults} --fault seed=1");
    assert_ne!(statuses(folder.path(), &other, 60), first);
    let server = serving(folder.path(), "--fault archive-429=1/1");
    let mut kept = Kept::open(server.address());
    let waits = (0..20).map(|_| kept.get("listSegments", "").field("retry-after").to_owned());
    let waits: BTreeSet<_> = waits.map(|wait| wait.ends_with(" gmt")).collect();
    assert_eq!(waits.len(), 2, "in seconds and as a date");
}

#[test]
fn a_body_is_cut_or_stops_before_its_end() {
    let folder = archive();
    let server = serving(folder.path(), "--fault archive-cut=1/1");
    let size = fs::metadata(folder.path().join(FIRST)).unwrap().len();
    let mut lengths = BTreeSet::new();
    for _ in 0..5 {
        let mut kept = Kept::open(server.address());
        kept.send("GET", &segment(), "", b"");
        let (head, body) = kept.receive_to_the_end();
        assert!(
            head.contains(&format!("content-length: {size}\r\n")),
            "{head}"
        );
        assert!((body.len() as u64) < size);
        lengths.insert(body.len());
    }
    assert!(lengths.len() > 1, "{lengths:?}");
    let server = serving(folder.path(), "--fault archive-stall=1/1");
    let mut kept = Kept::open(server.address());
    kept.send("GET", &segment(), "", b"");
    kept.give_up_after_a_second();
    let stalled = kept.receive().unwrap_err();
    let is_silent = matches!(
        stalled.kind(),
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
    );
    assert!(is_silent, "{stalled}");
}

#[test]
fn a_range_is_answered_otherwise() {
    let folder = archive();
    let range = "Range: bytes=5-9\r\n";
    let size = fs::metadata(folder.path().join(FIRST)).unwrap().len();
    let server = serving(folder.path(), "--fault archive-200=1/1");
    let got = Kept::open(server.address()).get(&segment(), range);
    assert_eq!((got.status, got.body.len() as u64), (200, size));
    let server = serving(folder.path(), "--fault archive-416=1/1");
    let mut kept = Kept::open(server.address());
    let got = kept.get(&segment(), range);
    assert_eq!((got.status, got.field("etag")), (416, ""));
    assert_eq!(kept.get(&segment(), "").status, 200);
}

#[test]
fn files_become_another_generation_that_is_whole_as_well() {
    let folder = archive();
    let server = serving(folder.path(), "--fault archive-etag@3");
    let mut kept = Kept::open(server.address());
    let block = format!("getBlock?segment={FIRST}&blockIndex=1");
    let (old, part) = (kept.get(&segment(), ""), kept.get(&block, ""));
    let tag = old.field("etag").to_owned();
    let resumed = format!("Range: bytes=300-\r\nIf-Range: {tag}\r\n");
    assert_eq!(kept.get(&segment(), &resumed).status, 206);
    let new = kept.get(&segment(), &resumed);
    assert_eq!(new.status, 200, "the whole of another one");
    assert_ne!(new.field("etag"), tag);
    let again = kept.get(&block, "");
    assert_ne!(again.field("etag"), part.field("etag"));
    assert_eq!(again.body, part.body);
    let checksum = new.field("etag").trim_matches('"');
    for listed in [kept.get("listSegments", ""), kept.plan("{}")] {
        assert_eq!(listed.json()["segments"][0]["checksum"], checksum);
    }
    // It is whole: checksum, footer and rows.
    let copy = tempfile::tempdir().unwrap();
    fs::write(copy.path().join(FIRST), new.body).unwrap();
    let inspect = Rocketman::new(["inspect", "--verify", FIRST]);
    inspect.inside(copy.path()).succeed();
}

#[test]
fn a_redirect_leads_to_a_server_that_wants_no_key() {
    let folder = archive();
    let other = serving(folder.path(), "--fault archive-refuse-authorization");
    let fault = format!("--fault archive-redirect=http://{}", other.address());
    let server = serving(folder.path(), &fault);
    let mut kept = Kept::open(server.address());
    assert_eq!(kept.get("listSegments", "").status, 200);
    let got = kept.get(&segment(), "");
    assert_eq!(got.status, 302);
    let location = got.location();
    let (_, call) = location.split_once("bsky.jetstream.").unwrap();
    assert!(location.contains(other.address()), "{location}");
    let here = Kept::open(other.address()).get(call, "");
    let file = fs::read(folder.path().join(FIRST)).unwrap();
    assert!(here.status == 200 && here.body == file);
    let carrying = Kept::open(other.address()).get(call, "Authorization: Bearer x\r\n");
    assert_eq!(carrying.status, 400);
    other.running.message("carried an Authorization");
}
