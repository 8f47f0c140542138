//! What the fuzz target reaches of segment files. It decides nothing: it only makes nameable what
//! is private.

#![allow(missing_docs, reason = "nobody else sees it")]

use std::{fs, ops::RangeInclusive, path::Path};

use xxhash_rust::xxh3::xxh3_64;

use super::{
    block::Rows,
    bytes::u64_at,
    error::SegmentError,
    file::SegmentFile,
    header::{HASHED_FROM, HEADER_BYTES, Opening},
    inspect::{InspectSettings, inspect},
    line::{LinePrinter, Printed},
    reader::BlockReader,
};

/// More is not worth the time.
const MAX_BLOCK_BYTES: u64 = 1024 * 1024;

/// What was read of a file.
#[derive(Debug)]
pub struct Verified {
    pub events: u64,
    pub range: Option<RangeInclusive<u64>>,
    /// Those of its rows.
    pub numbers: Vec<u64>,
}

/// A file that is as its header and footer say; `None` where it is not.
pub fn verified(file: &[u8]) -> Option<Verified> {
    let path = std::env::temp_dir().join(format!("rocketman-segment-{}", std::process::id()));
    fs::write(&path, file).ok()?;
    let mut settings = InspectSettings::default();
    settings.verify = true;
    settings.max_block_bytes = MAX_BLOCK_BYTES;
    let found = inspect(&path, &settings).ok()?;
    let numbers = numbers(&path).expect("what verifies can be read");
    Some(Verified {
        events: found.events,
        range: found.numbers,
        numbers,
    })
}

fn numbers(path: &Path) -> Result<Vec<u64>, SegmentError> {
    let file = SegmentFile::open(path)?;
    let mut reader = BlockReader::new(MAX_BLOCK_BYTES);
    let mut numbers = Vec::new();
    match file.opening() {
        Opening::Sealed(header) => {
            let mut footer = file.footer(&header, reader.inflater())?;
            for block in 0..header.blocks {
                let Some(entry) = footer.entry(&file, block)? else {
                    break;
                };
                numbers.extend(reader.sealed(&file, block, &entry)?.map(|row| row.seq));
            }
        }
        Opening::Active => {
            let mut at = HEADER_BYTES as u64;
            for block in 0.. {
                let last = numbers.last().copied();
                let Some((rows, next)) = reader.active(&file, block, at, last)? else {
                    break;
                };
                numbers.extend(rows.map(|row| row.seq));
                at = next;
            }
        }
    }
    Ok(numbers)
}

/// The file with the checksum that its header and footer have.
pub fn resealed(file: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    let footer = usize::try_from(u64_at(&file, 58)).unwrap_or(usize::MAX);
    let header = file.get(HASHED_FROM..HEADER_BYTES).unwrap_or_default();
    let hashed = [header, file.get(footer..).unwrap_or_default()].concat();
    if let Some(checksum) = file.get_mut(4..12) {
        checksum.copy_from_slice(&xxh3_64(&hashed).to_le_bytes());
    }
    file
}

/// How long the texts of each row of a block are, and its line, where it has one.
pub fn rows(body: &[u8]) -> Option<Vec<(usize, Option<Vec<u8>>)>> {
    let rows = Rows::read(body).ok()?;
    let mut printer = LinePrinter::default();
    let rows = rows.map(|row| {
        let texts = [row.collection, row.did, row.rkey, row.rev, row.payload];
        let mut line = Vec::new();
        let printed = printer.append(&row, &mut line);
        let line = (printed == Ok(Printed::Line)).then_some(line);
        (texts.iter().map(|text| text.len()).sum(), line)
    });
    Some(rows.collect())
}
