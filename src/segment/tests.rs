//! Files that are whole, torn and damaged.

use std::{fs, io::Write, os::unix::fs::FileExt, path::PathBuf};

use tempfile::TempDir;

use super::{
    error::{Damage, Fault},
    file::SegmentFile,
    header::Opening,
    reader::BlockReader,
    *,
};

#[allow(
    dead_code,
    unreachable_pub,
    reason = "whole-program tests use the rest of it"
)]
#[path = "../../tests/it/support/segment_file.rs"]
mod made;

use made::{MadeRow, active, created, identity, resealed, sealed};

const LIKE: &str = "app.bsky.feed.like";
const POST: &str = "app.bsky.feed.post";

/// Two blocks of three collections and a marker.
fn blocks() -> Vec<Vec<MadeRow>> {
    vec![
        vec![created(1, LIKE), created(2, POST), identity(5)],
        vec![created(7, "a.b.c")],
    ]
}

struct Made {
    folder: TempDir,
    path: PathBuf,
}

impl Made {
    fn new(file: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seg_0000000000.jss");
        fs::write(&path, file).unwrap();
        Self { folder, path }
    }

    fn verified(&self) -> Result<Inspection, SegmentError> {
        let verify = true;
        let settings = InspectSettings {
            verify,
            ..InspectSettings::default()
        };
        inspect(&self.path, &settings)
    }

    /// What is wrong with it, and in which block.
    fn fault(&self) -> (Option<u32>, String) {
        let error = self.verified().unwrap_err();
        assert_eq!(error.path(), self.path);
        assert!(error.to_string().contains("seg_0000000000.jss"), "{error}");
        (error.block(), error.fault().to_string())
    }

    /// All rows, of an active file those before its torn end.
    fn rows(&self) -> Result<Vec<MadeRow>, SegmentError> {
        let file = SegmentFile::open(&self.path)?;
        let mut reader = BlockReader::new(MAX_BLOCK_BYTES);
        let mut rows: Vec<MadeRow> = Vec::new();
        match file.opening() {
            Opening::Sealed(header) => {
                let mut footer = file.footer(&header, reader.inflater())?;
                for block in 0.. {
                    let Some(entry) = footer.entry(&file, block)? else {
                        break;
                    };
                    rows.extend(reader.sealed(&file, block, &entry)?.map(|row| owned(&row)));
                }
            }
            Opening::Active => {
                let mut at = HEADER_BYTES as u64;
                for block in 0.. {
                    let after = rows.last().map(|row| row.seq);
                    let Some((read, next)) = reader.active(&file, block, at, after)? else {
                        break;
                    };
                    rows.extend(read.map(|row| owned(&row)));
                    at = next;
                }
            }
        }
        Ok(rows)
    }

    /// Flips each bit, one after the other, and tells what is read then.
    fn flip(&self, mut tell: impl FnMut(usize, Result<Vec<MadeRow>, SegmentError>)) {
        let whole = fs::read(&self.path).unwrap();
        let file = fs::File::options().write(true).open(&self.path).unwrap();
        for (at, byte) in whole.iter().enumerate() {
            for bit in 0..8 {
                file.write_all_at(&[byte ^ 1 << bit], at as u64).unwrap();
                let rows = self.rows();
                if let Err(error) = &rows {
                    assert_eq!(error.path(), self.path, "bit {bit} of byte {at}");
                }
                tell(at, rows);
            }
            file.write_all_at(&[*byte], at as u64).unwrap();
        }
        self.rows().unwrap();
    }
}

fn owned(row: &Row<'_>) -> MadeRow {
    let text = |text: &[u8]| String::from_utf8(text.to_vec()).unwrap();
    MadeRow {
        seq: row.seq,
        witnessed_at: row.witnessed_at,
        indexed_at: row.indexed_at,
        kind: row.kind as u8,
        collection: text(row.collection),
        did: text(row.did),
        rkey: text(row.rkey),
        rev: text(row.rev),
        payload: row.payload.to_vec(),
    }
}

#[test]
fn a_sealed_file_is_read_as_it_was_written() {
    let made = Made::new(&sealed(&blocks()));
    assert_eq!(made.rows().unwrap(), blocks().concat());
    let found = made.verified().unwrap();
    assert!(found.is_sealed);
    assert_eq!((found.blocks, found.events, found.accounts), (2, 4, 2));
    assert_eq!(found.numbers, Some(1..=7));
    assert_eq!(
        found.times_us,
        Some(made::EPOCH + 1_000_000..=made::EPOCH + 7_000_000)
    );
    let kinds = KindCounts {
        create: 3,
        identity: 1,
        ..KindCounts::default()
    };
    assert_eq!(found.kinds, Some(kinds));
    let holding = |events, block| Holding {
        events: Some(events),
        blocks: vec![block..=block],
    };
    let expected = [
        ("$identity", 1, 0),
        ("a.b.c", 1, 1),
        (LIKE, 1, 0),
        (POST, 1, 0),
    ];
    let expected = expected.map(|(name, events, block)| (name.to_owned(), holding(events, block)));
    assert_eq!(found.collections, expected.into());
    let footer_alone = inspect(&made.path, &InspectSettings::default()).unwrap();
    assert_eq!(footer_alone.collections["$identity"].events, None);
    assert_eq!(footer_alone.collections[POST], found.collections[POST]);
}

/// Two blocks of a row each, and where the second one begins.
fn two_blocks(make: fn(&[Vec<MadeRow>]) -> Vec<u8>) -> (Made, [MadeRow; 2], usize) {
    let rows = [created(1, "a.b.c"), identity(2)];
    let blocks = rows.clone().map(|row| vec![row]);
    let second = active(&blocks[..1]).len();
    (Made::new(&make(&blocks)), rows, second)
}

#[test]
fn any_bit_that_flips_is_seen_or_changes_nothing() {
    let (made, rows, second) = two_blocks(sealed);
    let footer = active(&rows.clone().map(|row| vec![row])).len();
    let mut n_harmless = 0;
    made.flip(|at, found| match found {
        Ok(found) => {
            assert_eq!(found, rows, "byte {at}");
            n_harmless += 1;
        }
        Err(error) => {
            let block = match at {
                0..256 => None,
                at if at < second => Some(0),
                at if at < footer => Some(1),
                _ => None,
            };
            assert_eq!(error.block(), block, "byte {at}: {error}");
        }
    });
    assert!(n_harmless < 16, "{n_harmless} bits");
}

#[test]
fn a_bit_of_an_active_file_ends_it_within_its_block() {
    let (made, rows, second) = two_blocks(active);
    let (mut n_harmless, mut n_torn) = (0, 0);
    made.flip(|at, found| match found {
        Ok(found) if found == rows => n_harmless += 1,
        // What is damaged at the very end may have been torn.
        Ok(found) => {
            assert!(at >= second && found == rows[..1], "byte {at}: {found:?}");
            n_torn += 1;
        }
        Err(error) => {
            let block = (at >= 256).then_some(u32::from(at >= second));
            assert_eq!(error.block(), block, "byte {at}: {error}");
        }
    });
    assert!(n_harmless < 16 && n_torn > 100, "{n_harmless} {n_torn}");
}

#[test]
fn a_file_cut_anywhere_is_no_whole_file() {
    let whole = sealed(&[vec![created(1, "a.b.c")], vec![identity(2)]]);
    let made = Made::new(&whole);
    for length in (0..whole.len()).rev() {
        fs::File::options()
            .write(true)
            .open(&made.path)
            .unwrap()
            .set_len(length as u64)
            .unwrap();
        made.rows().unwrap_err();
    }
}

#[test]
fn numbers_that_cannot_be_are_refused_under_a_good_checksum() {
    let whole = sealed(&blocks());
    // Counts and places of the header, and each number of the index, at their most.
    let footer_at = u64::from_le_bytes(whole[58..66].try_into().unwrap());
    let footer_at = usize::try_from(footer_at).unwrap();
    let of_header = [
        (14, 4),
        (18, 4),
        (22, 4),
        (66, 8),
        (74, 8),
        (82, 8),
        (58, 8),
        (90, 8),
    ];
    let of_entry = [(0, 8), (8, 4), (12, 4), (16, 4)].map(|(at, n)| (footer_at + 52 + at, n));
    let blooms_at = footer_at + 104 + 89;
    let collections_at = blooms_at + 8 + 2 * 89;
    let of_rest = [blooms_at, blooms_at + 4, collections_at, collections_at + 4];
    let of_rest = of_rest
        .into_iter()
        .chain([collections_at + 8, collections_at + 12]);
    let all = of_header
        .into_iter()
        .chain(of_entry)
        .chain(of_rest.map(|at| (at, 4)));
    for (at, n) in all {
        for value in [u8::MAX, 0] {
            let mut file = whole.clone();
            file[at..at + n].fill(value);
            let made = Made::new(&resealed(file));
            made.verified().unwrap_err();
        }
    }
}

#[test]
fn what_is_wrong_is_named_with_its_block_and_number() {
    let order = [
        vec![created(1, LIKE), created(1, POST)],
        vec![created(7, POST)],
    ];
    let order = Made::new(&sealed(&order)).fault();
    let expected = "is damaged: number 1 does not come after number 1, the last one before";
    assert_eq!(order, (Some(0), expected.to_owned()));
    let overlap = [vec![created(5, LIKE)], vec![created(5, POST)]];
    let overlap = Made::new(&sealed(&overlap)).fault();
    let expected = "is damaged: number 5 does not come after number 5, the last one before";
    assert_eq!(overlap, (Some(1), expected.to_owned()));
    let unknown = MadeRow {
        kind: 8,
        ..created(3, LIKE)
    };
    let unknown = Made::new(&sealed(&[vec![unknown]])).fault();
    assert_eq!(
        unknown,
        (
            Some(0),
            "is damaged: a row is of a kind that is not known".to_owned()
        )
    );
    assert_eq!(Made::new(b"{}").fault().1, Fault::Foreign.to_string());
    assert_eq!(Made::new(b"").fault().1, Fault::Foreign.to_string());
    assert_eq!(
        Made::new(b"jss0").fault().1,
        Fault::from(Damage::Short).to_string()
    );
}

#[test]
fn a_frame_without_a_checksum_is_refused() {
    let mut file = active(&[]);
    let frame = zstd::bulk::compress(&made::body(&[created(1, LIKE)]), 3).unwrap();
    file.extend((frame.len() as u64).to_le_bytes());
    file.extend(frame);
    // Something follows, so that it is not the torn end.
    file.extend(&active(&[vec![created(2, LIKE)]])[256..]);
    let made = Made::new(&file);
    let expected = Fault::from(Damage::Unchecked).to_string();
    assert_eq!(made.fault(), (Some(0), expected));
}

#[test]
fn an_active_file_is_read_up_to_its_torn_end() {
    let blocks = blocks();
    let (whole, first) = (active(&blocks), active(&blocks[..1]));
    for length in 256..=whole.len() {
        let found = Made::new(&whole[..length]).verified().unwrap();
        let end = [256, first.len(), whole.len()]
            .into_iter()
            .rfind(|end| *end <= length);
        assert_eq!(found.torn_bytes, (length - end.unwrap()) as u64, "{length}");
        let events = [0, 3, 4][found.blocks as usize];
        assert!(!found.is_sealed && found.events == events, "{length}");
    }
    // What is damaged before the end is no torn end, and neither is what was written whole.
    let mut damaged = whole;
    damaged[300] ^= 1;
    assert_eq!(Made::new(&damaged).fault().0, Some(0));
    let unordered = active(&[vec![created(2, LIKE)], vec![created(1, LIKE)]]);
    assert_eq!(Made::new(&unordered).fault().0, Some(1));
}

#[test]
fn a_block_beyond_the_limit_is_refused_with_both_sizes() {
    let made = Made::new(&sealed(&blocks()));
    let settings = InspectSettings {
        verify: true,
        max_block_bytes: 200,
    };
    let error = inspect(&made.path, &settings).unwrap_err();
    let Fault::TooLarge { bytes, limit } = error.fault() else {
        panic!("{error}")
    };
    assert!(*bytes > 200 && *limit == 200, "{error}");
    // The same where nothing says how large it is.
    let made = Made::new(&active(&blocks()));
    assert!(matches!(
        inspect(&made.path, &settings).unwrap_err().fault(),
        Fault::TooLarge { .. }
    ));
}

#[test]
fn a_large_block_takes_the_room_it_needs() {
    let row = MadeRow {
        payload: vec![7; 20 << 20],
        ..created(1, LIKE)
    };
    let made = Made::new(&sealed(&[vec![row.clone()]]));
    assert!(made.rows().unwrap() == [row]);
}

#[test]
fn a_footer_that_lies_about_rows_is_found_by_verifying() {
    let blocks = blocks();
    let whole = sealed(&blocks);
    let bloom_at = |file: &[u8]| u64::from_le_bytes(file[66..74].try_into().unwrap());
    // No account at all in the bloom of the file, under a good trailer.
    let mut file = whole.clone();
    let at = usize::try_from(bloom_at(&file)).unwrap();
    file[at + 21..at + 85].fill(0);
    let crc = super::bloom::crc32c(&file[at..at + 85]);
    file[at + 85..at + 89].copy_from_slice(&crc.to_le_bytes());
    let denied = Made::new(&resealed(file)).fault();
    assert_eq!(
        denied,
        (Some(0), Fault::from(Damage::Denied(1)).to_string())
    );
    // The same without one: it says nothing.
    let mut file = whole.clone();
    file[at + 21..at + 85].fill(0);
    Made::new(&resealed(file)).verified().unwrap();
    let mut file = whole;
    file[22] += 1;
    let accounts = Made::new(&resealed(file)).fault();
    assert_eq!(accounts, (None, Fault::from(Damage::Accounts).to_string()));
}

#[test]
fn a_folder_stands_for_its_segment_files() {
    let made = Made::new(b"");
    fs::create_dir(made.folder.path().join("x.jss")).unwrap();
    let mut other = fs::File::create(made.folder.path().join("readme")).unwrap();
    other.write_all(b"x").unwrap();
    for path in [made.folder.path(), &made.path] {
        assert_eq!(files(path).unwrap(), std::slice::from_ref(&made.path));
    }
    files(&made.folder.path().join("nothing")).unwrap_err();
}
