use std::fs;

use super::*;
use crate::{
    segment::{Kind, Row, SegmentWriter},
    serve::{block::Block, encoding::Wire},
};

const FIRST_US: u64 = 1_800_000_000_000_000;

/// A file with one block for each range of numbers, all of them posts of 3,000 bytes.
fn write(folder: &Path, name: &str, blocks: &[std::ops::RangeInclusive<u64>]) -> PathBuf {
    let path = folder.join(name);
    let mut writer = SegmentWriter::new(fs::File::create(&path).unwrap()).unwrap();
    // A map of one text, "a", in DAG-CBOR.
    let mut payload = b"\xa1\x61a\x79\x0b\xb8".to_vec();
    payload.resize(payload.len() + 3000, b'x');
    for numbers in blocks {
        for seq in numbers.clone() {
            let row = Row {
                seq,
                witnessed_at: (FIRST_US + seq).cast_signed(),
                indexed_at: 0,
                kind: Kind::Create,
                collection: b"app.bsky.feed.post",
                did: b"did:plc:a",
                rkey: b"3k",
                rev: b"3r",
                payload: &payload,
            };
            writer.add(&row).unwrap();
        }
        writer.end_block().unwrap();
    }
    writer.seal(None).unwrap();
    path
}

fn block(archive: &Archive, index: u64) -> Option<Block> {
    let mut builder = BlockBuilder::new(false);
    let there_is = archive.read(index, 0, &mut builder).unwrap();
    there_is.then(|| builder.finish())
}

/// All numbers from a block on.
fn numbers(archive: &Archive, mut index: u64) -> Vec<u64> {
    let mut numbers = Vec::new();
    while let Some(block) = block(archive, index) {
        numbers.extend(block.entries().iter().map(|entry| entry.seq));
        assert!(block.bytes() < 200_000, "a block is no piece of a segment");
        assert!(block.next(index) > index);
        index = block.next(index);
    }
    numbers
}

fn made() -> (tempfile::TempDir, Archive) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "seg_0000000000.jss", &[1..=100, 101..=130]);
    write(folder.path(), "seg_0000000001.jss", &[131..=131, 140..=200]);
    let archive = Archive::open(&[folder.path().to_owned()], None).unwrap();
    (folder, archive)
}

#[test]
fn blocks_follow_each_other_through_all_files() {
    let (_folder, archive) = made();
    let all: Vec<u64> = (1..=131).chain(140..=200).collect();
    assert_eq!(numbers(&archive, 0), all);
    let first = block(&archive, 0).unwrap();
    let line = str::from_utf8(first.payload(0, Wire::V1)).unwrap();
    assert!(line.starts_with(r#"{"did":"did:plc:a","time_us":1800000000000001,"cursor":1,"#));
    assert_eq!(archive.describe(), "192 events of 2 segment files");
}

#[test]
fn a_place_is_found_by_number_and_by_time() {
    let (_folder, archive) = made();
    for (seq, first) in [(0, 1), (1, 1), (100, 1), (101, 101), (131, 131), (132, 140)] {
        let index = archive.find(FeedPosition::Seq(seq), 0);
        assert_eq!(numbers(&archive, index).first(), Some(&first), "{seq}");
        let index = archive.find(FeedPosition::Time(FIRST_US + seq), 0);
        assert_eq!(numbers(&archive, index).first(), Some(&first), "{seq}");
    }
    for position in [
        FeedPosition::Seq(201),
        FeedPosition::Time(FIRST_US + 201),
        FeedPosition::End,
    ] {
        assert!(block(&archive, archive.find(position, 0)).is_none());
    }
}

#[test]
fn consumers_at_different_places_do_not_disturb_each_other() {
    let (_folder, archive) = made();
    let places =
        [0, 131, 100, 1, 180, 50, 140, 7].map(|seq| archive.find(FeedPosition::Seq(seq), 0));
    let alone = places.map(|index| numbers(&archive, index));
    let mut at = places;
    let mut together = [const { Vec::new() }; 8];
    while at.iter().any(|index| block(&archive, *index).is_some()) {
        for (index, numbers) in at.iter_mut().zip(&mut together) {
            let Some(block) = block(&archive, *index) else {
                continue;
            };
            numbers.extend(block.entries().iter().map(|entry| entry.seq));
            *index = block.next(*index);
        }
    }
    assert_eq!(together, alone);
    assert!(archive.held().len() <= MAX_OPEN);
}

#[test]
fn what_is_no_archive_is_refused_and_what_is_missing_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Archive::open(&[folder.path().to_owned()], None);
    assert!(matches!(open(), Err(ArchiveError::Empty(_))));
    write(folder.path(), "seg_0000000000.jss", &[1..=10]);
    write(folder.path(), "seg_0000000002.jss", &[21..=30]);
    let mut active = b"jss0".to_vec();
    active.resize(256, 0);
    fs::write(folder.path().join("seg_0000000003.jss"), active).unwrap();
    let archive = open().unwrap();
    assert!(matches!(archive.holes(), [Seam::Hole { .. }]));
    assert_eq!(archive.unsealed().len(), 1);
    write(folder.path(), "seg_0000000004.jss", &[5..=6]);
    assert!(matches!(open(), Err(ArchiveError::Misplaced { .. })));
    fs::write(folder.path().join("seg_0000000005.jss"), "x".repeat(300)).unwrap();
    assert!(matches!(open(), Err(ArchiveError::File(_))));
}

#[test]
fn damaged_blocks_and_replaced_files_are_errors_with_a_name() {
    let (folder, archive) = made();
    let path = folder.path().join("seg_0000000000.jss");
    let mut bytes = fs::read(&path).unwrap();
    bytes[400] ^= 1;
    fs::write(&path, bytes).unwrap();
    let said = |archive: &Archive| {
        let error = archive.read(0, 0, &mut BlockBuilder::new(false));
        crate::log::chain(&error.unwrap_err())
    };
    let damaged = said(&archive);
    assert!(
        damaged.contains("seg_0000000000.jss") && damaged.contains("block 0"),
        "{damaged}"
    );
    // Compaction leaves blocks and ranges as they were, and takes rows away.
    write(folder.path(), "seg_0000000000.jss", &[1..=9, 101..=130]);
    let replaced = said(&Archive {
        open: Mutex::default(),
        ..archive
    });
    assert!(replaced.contains("was replaced"), "{replaced}");
}
