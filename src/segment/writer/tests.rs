use std::io::Cursor;

use super::{super::*, *};

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
