use std::io::Cursor;

use super::{super::*, *};

#[allow(unreachable_pub, reason = "whole-program tests use it too")]
#[path = "../../../tests/it/support/archive.rs"]
mod archive;

struct Made {
    folder: tempfile::TempDir,
    path: std::path::PathBuf,
}

fn row<'a>(seq: u64, kind: Kind, did: &'a str, payload: &'a [u8]) -> Row<'a> {
    let is_commit = kind.is_commit();
    let text = |text: &'static [u8]| if is_commit { text } else { b"" };
    Row {
        seq,
        witnessed_at: 1_800_000_000_000_000 - seq.cast_signed(),
        indexed_at: if seq == 5 { 7 } else { 0 },
        kind,
        collection: text(if seq.is_multiple_of(2) {
            b"a.b.c"
        } else {
            b"app.bsky.feed.post"
        }),
        did: did.as_bytes(),
        rkey: text(b"3key"),
        rev: b"3rev",
        payload,
    }
}

/// What lines cannot say: all kinds, an imported time, blocks without rows, a payload that is no
/// record, wider ranges.
fn file() -> Vec<u8> {
    let mut writer = SegmentWriter::new(Cursor::new(Vec::new())).unwrap();
    let kinds = [
        Kind::Create,
        Kind::Update,
        Kind::Delete,
        Kind::Identity,
        Kind::Account,
        Kind::Sync,
        Kind::CreateResync,
    ];
    writer.empty_block(3..=4, -5..=9).unwrap();
    for (seq, kind) in (5..).zip(kinds) {
        writer
            .add(&row(seq, kind, &format!("did:plc:{seq}"), &[0xff; 3]))
            .unwrap();
    }
    writer.empty_block(12..=20, 0..=0).unwrap();
    writer.add(&row(21, Kind::Create, "", &[0xa0])).unwrap();
    writer.seal(Some(1)).unwrap().into_inner()
}

/// The same kinds with payloads that can be read.
fn readable_file() -> Vec<u8> {
    let mut writer = SegmentWriter::new(Cursor::new(Vec::new())).unwrap();
    writer.empty_block(3..=4, -5..=9).unwrap();
    let said = |more: &str| {
        let json = format!(r#"{{"did":"did:plc:x","seq":3,"time":"2026-09-01T00:00:00Z"{more}}}"#);
        let mut payload = Vec::new();
        crate::wire::cbor::Encoder::default()
            .append(json.as_bytes(), &mut payload)
            .unwrap();
        payload
    };
    let rows = [
        (Kind::Create, vec![0xa0]),
        (Kind::Update, vec![0xa1, 0x61, b'a', 1]),
        (Kind::Delete, Vec::new()),
        (Kind::Identity, said("")),
        (Kind::Account, said(r#","active":true"#)),
        (
            Kind::Sync,
            said(r#","rev":"3rev","blocks":{"$bytes":"YQ"}"#),
        ),
        (Kind::CreateResync, vec![0xa0]),
    ];
    for (seq, (kind, payload)) in (5..).zip(rows) {
        writer.add(&row(seq, kind, "did:plc:x", &payload)).unwrap();
    }
    writer.empty_block(12..=20, 0..=0).unwrap();
    writer.seal(Some(1)).unwrap().into_inner()
}

impl Made {
    fn new(file: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seg_0000000000.jss");
        std::fs::write(&path, file).unwrap();
        Self { folder, path }
    }

    fn verified(&self) -> Inspection {
        let verify = true;
        let settings = InspectSettings {
            verify,
            ..InspectSettings::default()
        };
        assert!(self.folder.path().exists());
        inspect(&self.path, &settings).unwrap()
    }
}

#[test]
fn a_file_of_everything_is_whole() {
    let found = Made::new(&file()).verified();
    assert_eq!((found.blocks, found.events, found.accounts), (4, 8, 7));
    assert_eq!(found.numbers, Some(1..=21));
    let kinds = found.kinds.unwrap();
    assert_eq!((kinds.create, kinds.sync, kinds.create_resync), (2, 1, 1));
    assert_eq!(found.collections["a.b.c"].blocks, [1..=1]);
    assert_eq!(found.collections["$sync"].blocks, [1..=1]);
    assert_eq!(found.collections["app.bsky.feed.post"].events, Some(4));
}

#[test]
fn a_block_ends_at_its_rows_and_at_its_bytes() {
    let mut writer = SegmentWriter::new(Cursor::new(Vec::new())).unwrap();
    let large = vec![0; MAX_BODY_BYTES / 2];
    for seq in 1..=3 {
        writer
            .add(&row(seq, Kind::Create, "did:plc:a", &large))
            .unwrap();
    }
    for seq in 4..5000 {
        writer
            .add(&row(
                seq,
                Kind::Create,
                &format!("did:plc:{}", seq % 1000),
                b"",
            ))
            .unwrap();
    }
    let found = Made::new(&writer.seal(None).unwrap().into_inner()).verified();
    assert_eq!((found.events, found.accounts), (4999, 1001));
    assert_eq!(found.blocks, 4);
}

#[test]
fn a_footer_of_more_blocks_than_are_held_at_once_is_whole() {
    let mut writer = SegmentWriter::new(Cursor::new(Vec::new())).unwrap();
    for seq in 1..2100 {
        writer
            .add(&row(seq, Kind::Delete, "did:plc:a", b""))
            .unwrap();
        if seq.is_multiple_of(2) {
            writer.end_block().unwrap();
        }
    }
    let found = Made::new(&writer.seal(None).unwrap().into_inner()).verified();
    assert_eq!((found.blocks, found.events), (1050, 2099));
}

#[test]
fn a_name_that_a_file_cannot_hold_is_refused() {
    let long = "x".repeat(256);
    let whole = row(1, Kind::Create, "did:plc:a", b"");
    let check = SegmentWriter::<Cursor<Vec<u8>>>::check;
    assert_eq!(check(&whole), Ok(()));
    let rkey = Row {
        rkey: long.as_bytes(),
        ..whole
    };
    assert_eq!(check(&rkey), Err(TooLong("record key")));
    let record = vec![0; MAX_BODY_BYTES + 1];
    assert_eq!(
        check(&Row {
            payload: &record,
            ..whole
        }),
        Err(TooLong("record"))
    );
}

#[test]
fn a_file_without_rows_is_whole() {
    let writer = SegmentWriter::new(Cursor::new(Vec::new())).unwrap();
    let found = Made::new(&writer.seal(None).unwrap().into_inner()).verified();
    assert_eq!((found.blocks, found.events), (0, 0));
}

#[test]
fn the_official_client_reads_our_files() {
    let Some(bin) = std::env::var_os("ROCKETMAN_JETSTREAM_BIN") else {
        println!("the official client: skipped, for ROCKETMAN_JETSTREAM_BIN is not set");
        return;
    };
    let made = Made::new(&readable_file());
    let output = std::process::Command::new(std::path::Path::new(&bin).join("client"))
        .args(["--host", &archive::serve(made.folder.path())])
        .args(["--after-seq", "0", "--backfill-only", "--print"])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && !errors.contains("error"),
        "{errors}"
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let events = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let events: Vec<serde_json::Value> = events.collect();
    let read: Vec<_> = events
        .iter()
        .map(|event| {
            let operation = &event["commit"]["operation"];
            let kind = event["kind"].as_str().unwrap();
            (
                event["cursor"].as_u64().unwrap(),
                operation.as_str().unwrap_or(kind),
            )
        })
        .collect();
    let expected = [
        (5, "create"),
        (6, "update"),
        (7, "delete"),
        (8, "identity"),
        (9, "account"),
        (10, "sync"),
        (11, "create"),
    ];
    assert_eq!(read, expected);
    assert_eq!(events[0]["time_us"], 7);
    assert_eq!(events[1]["time_us"], 1_799_999_999_999_994_u64);
    assert_eq!(events[5]["sync"]["rev"], "3rev");
}

#[test]
fn the_official_reader_takes_our_files() {
    let Some(bin) = std::env::var_os("ROCKETMAN_JETSTREAM_BIN") else {
        println!("the official reader: skipped, for ROCKETMAN_JETSTREAM_BIN is not set");
        return;
    };
    let made = Made::new(&file());
    let program = std::path::Path::new(&bin).join("jetstream");
    let output = std::process::Command::new(program)
        .args(["inspect-segment", "--blocks", "full"])
        .arg(&made.path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    for words in ["app.bsky.feed.post", "a.b.c"] {
        assert!(text.contains(words), "{text}");
    }
}
