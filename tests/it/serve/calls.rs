//! The calls by which the files of an archive are fetched.

mod faulty;
mod guarded;
mod official;

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::support::{
    kept::{Got, Kept},
    program::Rocketman,
    segment_file::{MadeRow, created, identity, sealed},
    serve::Serving,
};

const LIKE: &str = "app.bsky.feed.like";
const POST: &str = "app.bsky.feed.post";
const FIRST: &str = "seg_0000000000.jss";

fn posts(from: u64, to: u64) -> Vec<MadeRow> {
    (from..=to).map(|seq| created(seq, POST)).collect()
}

/// Three files: with posts, with one like and one identity among posts, and with posts again.
fn archive() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        vec![posts(1, 5), posts(6, 10)],
        vec![
            posts(11, 15),
            vec![created(16, LIKE)],
            vec![identity(17)],
            posts(18, 20),
            posts(21, 22),
        ],
        vec![posts(23, 30)],
    ];
    for (index, blocks) in files.iter().enumerate() {
        write(folder.path(), index, blocks);
    }
    folder
}

fn write(folder: &Path, index: usize, blocks: &[Vec<MadeRow>]) {
    let path = folder.join(format!("seg_{index:010}.jss"));
    // As servers do: readers have the one or the other.
    let new = path.with_extension("new");
    fs::write(&new, sealed(blocks)).unwrap();
    fs::rename(new, path).unwrap();
}

fn serving(folder: &Path, flags: &str) -> Serving {
    let call = Rocketman::new(["serve", "."]).with(flags).inside(folder);
    Serving::start(call)
}

/// The error by its name, and what is said of it.
fn error(got: &Got) -> (u16, String, String) {
    let json = got.json();
    let text = |member: &str| json[member].as_str().unwrap_or_default().to_owned();
    (got.status, text("error"), text("message"))
}

#[test]
fn files_and_blocks_come_byte_for_byte_on_one_connection() {
    let folder = archive();
    let server = serving(folder.path(), "");
    let mut kept = Kept::open(server.address());
    let list = kept.get("listSegments", "").json();
    let files = list["segments"].as_array().unwrap();
    assert_eq!(files.len(), 3);
    for file in files {
        let name = file["name"].as_str().unwrap();
        let bytes = fs::read(folder.path().join(name)).unwrap();
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let checksum = format!("{:016x}", number(4));
        assert_eq!(file["checksum"], checksum);
        assert_eq!(file["sizeBytes"], bytes.len());
        assert_eq!(
            (&file["minSeq"], &file["maxSeq"]),
            (&json!(number(26)), &json!(number(34)))
        );
        let whole = kept.get(&format!("getSegment?name={name}"), "");
        assert!(whole.status == 200 && whole.body == bytes, "{name}");
        assert_eq!(whole.field("etag"), format!("\"{checksum}\""));
        assert_eq!(whole.field("cache-control"), "public, no-cache");
        let mut at = 256;
        for block in 0..u32::from_le_bytes(bytes[14..18].try_into().unwrap()) {
            let end = at + 8 + usize::try_from(number(at)).unwrap();
            let got = kept.get(&format!("getBlock?segment={name}&blockIndex={block}"), "");
            assert!(
                got.status == 200 && got.body == bytes[at + 8..end],
                "{name} {block}"
            );
            assert_eq!(got.field("etag"), format!("\"{checksum}:{block}\""));
            at = end;
        }
    }
}

#[test]
fn a_part_of_a_file_comes_on_its_conditions() {
    let folder = archive();
    let server = serving(folder.path(), "");
    let mut kept = Kept::open(server.address());
    let bytes = fs::read(folder.path().join(FIRST)).unwrap();
    let size = bytes.len();
    let call = format!("getSegment?name={FIRST}");
    let whole = kept.get(&call, "");
    let (tag, modified) = (whole.field("etag"), whole.field("last-modified"));
    let range = "Range: bytes=10-19\r\n";
    for (fields, status, body) in [
        (range.to_owned(), 206, &bytes[10..20]),
        (format!("{range}If-Range: {tag}\r\n"), 206, &bytes[10..20]),
        (format!("{range}If-Range: \"x\"\r\n"), 200, &bytes[..]),
        (format!("If-Match: {tag}\r\n"), 200, &bytes[..]),
        ("If-Match: \"x\"\r\n".to_owned(), 412, &[]),
        (format!("If-None-Match: {tag}\r\n"), 304, &[]),
        (format!("If-Modified-Since: {modified}\r\n"), 304, &[]),
    ] {
        let got = kept.get(&call, &fields);
        assert!(
            got.status == status && got.body == body,
            "{fields}: {got:?}"
        );
        assert_eq!(got.field("etag"), tag, "{fields}");
        let range = format!("bytes 10-19/{size}");
        let expected = if status == 206 { &*range } else { "" };
        assert_eq!(got.field("content-range"), expected);
    }
    let beyond = kept.get(&call, &format!("Range: bytes={size}-\r\n"));
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.field("content-range"), format!("bytes */{size}"));
    assert_eq!(beyond.field("etag"), "");
}

#[test]
fn a_file_that_was_compacted_is_served_as_it_is_now() {
    let folder = archive();
    let server = serving(folder.path(), "");
    let mut kept = Kept::open(server.address());
    let block = format!("getBlock?segment={FIRST}&blockIndex=1");
    let named = |kept: &mut Kept| {
        let plan = kept.plan("{}").json();
        let list = kept.get("listSegments", "").json();
        let of = |value: &Value| {
            value["segments"][0]["checksum"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        (of(&plan), of(&list))
    };
    let (before, old) = (named(&mut kept), kept.get(&block, ""));
    assert_eq!(before.0, before.1);
    // The numbers at both ends stay, and so the ranges do.
    let rows = |all: Vec<MadeRow>| all.into_iter().filter(|row| row.seq % 5 < 2).collect();
    write(folder.path(), 0, &[rows(posts(1, 5)), rows(posts(6, 10))]);
    let (after, new) = (named(&mut kept), kept.get(&block, ""));
    assert_eq!(after.0, after.1);
    assert_ne!(after, before);
    assert_eq!(new.field("etag"), format!("\"{}:1\"", after.0));
    assert_ne!(new.body, old.body);
    let stale = format!("Range: bytes=5-\r\nIf-Range: {}\r\n", old.field("etag"));
    assert_eq!(kept.get(&block, &stale).status, 200);
    // What has other numbers is another file.
    write(folder.path(), 0, &[posts(1, 4)]);
    assert_eq!(error(&kept.get(&block, "")).0, 500);
    server.running.message("was replaced by another one");
}

#[test]
fn a_plan_has_the_blocks_that_a_filter_needs() {
    let folder = archive();
    let server = serving(folder.path(), "");
    let mut kept = Kept::open(server.address());
    let mut plan = |body: &str| {
        let plan = kept.plan(body).json();
        let units = plan["segments"].as_array().unwrap().iter().map(|unit| {
            let blocks = unit["blocks"].as_array().into_iter().flatten();
            let ranges = blocks.map(|range| format!("{}-{}", range["first"], range["last"]));
            let ranges: Vec<_> = ranges.collect();
            format!(
                "{} {}{}",
                unit["index"],
                unit["mode"].as_str().unwrap(),
                ranges.concat()
            )
        });
        let units: Vec<_> = units.collect();
        let seqs = [&plan["plannedThroughSeq"], &plan["sealedTipSeq"]].map(Value::to_string);
        (units.join(", "), seqs.join(" "))
    };
    let all = "0 segment, 1 segment, 2 segment";
    for (body, units, seqs) in [
        ("{}", all, "30 30"),
        (
            r#"{"collections":["app.bsky.feed.like"],"kinds":["commit"]}"#,
            "1 blocks1-1",
            "30 30",
        ),
        (
            r#"{"collections":["app.bsky.feed.like"]}"#,
            "1 blocks1-2",
            "30 30",
        ),
        (
            r#"{"collections":["app.bsky.feed.*"],"kinds":["commit"]}"#,
            all,
            "30 30",
        ),
        (
            r#"{"collections":["app.bsky.graph.*"],"kinds":["commit"]}"#,
            "",
            "30 30",
        ),
        (r#"{"kinds":["identity"]}"#, "1 blocks2-2", "30 30"),
        (
            r#"{"dids":["did:plc:000000000000000000000001"],"afterSeq":12,"beforeSeq":17}"#,
            "1 blocks0-1",
            "17 17",
        ),
        (r#"{"dids":["did:plc:other"]}"#, "", "30 30"),
        (r#"{"afterSeq":5,"beforeSeq":9}"#, "0 blocks1-1", "9 9"),
        (r#"{"beforeSeq":0}"#, "", "0 0"),
        (r#"{"afterSeq":99}"#, "", "30 30"),
    ] {
        assert_eq!(plan(body), (units.to_owned(), seqs.to_owned()), "{body}");
    }
}

#[test]
fn what_is_no_call_is_refused_by_its_name() {
    let folder = archive();
    let server = serving(folder.path(), "");
    let mut kept = Kept::open(server.address());
    for (call, status, name, words) in [
        (
            "getSegment?name=seg_0000000009.jss",
            404,
            "SegmentNotFound",
            "no sealed segment",
        ),
        (
            "getBlock?segment=seg_0000000009.jss&blockIndex=0",
            404,
            "SegmentNotFound",
            "",
        ),
        (
            "getBlock?segment=seg_0000000000.jss&blockIndex=2",
            404,
            "BlockNotFound",
            "2 blocks",
        ),
        (
            "getSegment?name=../x.jss",
            400,
            "InvalidRequest",
            "10 digits",
        ),
        ("getSegment", 400, "InvalidRequest", "name is missing"),
        (
            "listSegments?limit=0",
            400,
            "InvalidRequest",
            "not positive",
        ),
    ] {
        let (got, error, message) = error(&kept.get(call, ""));
        assert_eq!((got, &*error), (status, name), "{call}");
        assert!(message.contains(words), "{message}");
    }
    assert_eq!(error(&kept.plan(r#"{"kinds":["x"]}"#)).1, "InvalidRequest");
    // What is said before the body came is the last answer of a connection.
    for (method, call, fields, status, name) in [
        ("HEAD", "listSegments", "", 405, "MethodNotAllowed"),
        ("GET", "planSnapshot", "", 405, "MethodNotAllowed"),
        (
            "POST",
            "planSnapshot",
            "Content-Length: 2097153\r\n",
            413,
            "TooLarge",
        ),
        (
            "POST",
            "planSnapshot",
            "Transfer-Encoding: chunked\r\n",
            411,
            "InvalidRequest",
        ),
        ("GET", "getRecord", "", 501, "MethodNotImplemented"),
    ] {
        let mut once = Kept::open(server.address());
        once.send(method, call, fields, b"");
        let got = once.receive().unwrap();
        assert_eq!(
            (got.status, &*error(&got).1),
            (status, name),
            "{method} {call}"
        );
        assert!(once.receive().is_err());
    }
    let mut stranger = Kept::open(server.address());
    stranger.send(
        "GET",
        "listSegments",
        "Origin: https://evil.example\r\n",
        b"",
    );
    assert_eq!(stranger.receive().unwrap().status, 403);
}

#[test]
fn requests_may_come_before_answers_and_bodies_announced() {
    let folder = archive();
    let server = serving(folder.path(), "");
    let mut kept = Kept::open(server.address());
    for _ in 0..100 {
        kept.send("GET", "listSegments?limit=1", "", b"");
        kept.send("POST", "planSnapshot", "", b"{}");
    }
    for _ in 0..100 {
        assert_eq!(kept.receive().unwrap().json()["cursor"], "1");
        assert_eq!(kept.receive().unwrap().json()["sealedTipSeq"], 30);
    }
    kept.send(
        "POST",
        "planSnapshot",
        "Expect: 100-continue\r\nContent-Length: 2\r\n",
        b"",
    );
    assert_eq!(kept.receive().unwrap().status, 100);
    kept.send_bytes(b"{}");
    assert_eq!(kept.receive().unwrap().status, 200);
    let last = kept.get("listSegments", "Connection: close\r\n");
    assert_eq!((last.status, last.field("connection")), (200, "close"));
    assert!(kept.receive().is_err());
}

#[test]
fn files_that_nobody_can_name_are_not_offered() {
    let folder = archive();
    fs::rename(folder.path().join(FIRST), folder.path().join("day.jss")).unwrap();
    let call = Rocketman::new(["serve", ".", "--listen", "127.0.0.1:0"]);
    let running = call.inside(folder.path()).start();
    running.message("archive calls are not answered: './day.jss' is not named");
    let message = running.message("serving ");
    let (_, address) = message.split_once(" at http://").unwrap();
    let got = Kept::open(address.trim_end()).get("listSegments", "");
    assert_eq!(error(&got).0, 501);
}
