//! A Parquet file: its row groups, and the journal of one that is unfinished.

use std::{
    fs::{self, File},
    io::{self, BufReader},
    path::{Path, PathBuf},
};

use super::{
    found::{Found, State, is_unfinished},
    tally::{Lines, Repeats},
};
use crate::command::recording::finished_name;
use rocketman::{
    compressed::{FrameFormat, Frames},
    table::ParquetFile,
};

/// Whether it is made of row groups, complete or not.
pub(super) fn is_table(path: &Path) -> bool {
    let name = finished_name(path).map_or(path, Path::new);
    name.extension().is_some_and(|suffix| suffix == "parquet")
}

/// A file whose row groups are known.
struct Opened {
    table: ParquetFile,
    /// Up to where it is known.
    end: u64,
    journal: Option<PathBuf>,
}

/// Reads all row groups, and the journal.
pub(super) fn examine(
    path: &Path,
    file: &File,
    found: &mut Found,
    repeats: &mut Repeats,
) -> io::Result<()> {
    let opened = match open(path, file, found.bytes)? {
        Ok(opened) => opened,
        Err(why) => {
            damage(found, format!("it cannot be read as Parquet: {why}"));
            return Ok(());
        }
    };
    for group in 0..opened.table.row_groups() {
        let points = match opened.table.points(group) {
            Ok(points) => points,
            Err(error) => {
                let why = format!("row group {} cannot be read: {error}", group + 1);
                damage(found, why);
                return Ok(());
            }
        };
        found.frames += 1;
        found.tally.events += points.len() as u64;
        for point in &points {
            found.tally.add(point, repeats);
        }
    }
    found.whole_bytes = opened.end;
    let mut torn = (opened.end < found.bytes).then_some("what follows its last row group is torn");
    if let Some(journal) = opened.journal
        && !read_journal(&journal, found, repeats)?
    {
        torn = Some("the end of its journal is torn");
    }
    // What a running process has just written may be on its way.
    if let (Some(why), false) = (torn, found.is_in_use) {
        found.state = State::Torn;
        found.why = Some(why.to_owned());
    }
    Ok(())
}

fn damage(found: &mut Found, why: String) {
    found.state = State::Damaged;
    found.why = Some(why);
}

/// Opens a file with a footer, or one with a journal, or says why it is neither.
fn open(path: &Path, file: &File, bytes: u64) -> io::Result<Result<Opened, String>> {
    let whole = ParquetFile::open(file.try_clone()?, bytes);
    let why = match whole {
        Ok(table) if table.is_complete() => {
            let (end, journal) = (bytes, None);
            return Ok(Ok(Opened {
                table,
                end,
                journal,
            }));
        }
        Ok(_) => "it has no footer, and no journal".to_owned(),
        Err(error) => error.to_string(),
    };
    let found = if is_unfinished(path) {
        with_journal(path, file, bytes)?
    } else {
        None
    };
    Ok(found.ok_or(why))
}

/// The file up to where its journal begins.
fn with_journal(path: &Path, file: &File, bytes: u64) -> io::Result<Option<Opened>> {
    let name = finished_name(path);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut journals = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let length = entry.file_name().to_str().and_then(|journal| {
            let length = journal.strip_suffix(".journal")?.strip_prefix(name?)?;
            length.strip_prefix(".+")?.parse::<u64>().ok()
        });
        journals.extend(length.map(|length| (length, entry.path())));
    }
    journals.retain(|(length, _)| *length <= bytes);
    journals.sort_unstable();
    for (end, journal) in journals.into_iter().rev() {
        if let Ok(table) = ParquetFile::open(file.try_clone()?, end) {
            let journal = Some(journal);
            return Ok(Some(Opened {
                table,
                end,
                journal,
            }));
        }
    }
    Ok(None)
}

/// Counts the events of a journal. Returns whether it is whole.
fn read_journal(journal: &Path, found: &mut Found, repeats: &mut Repeats) -> io::Result<bool> {
    let reader = BufReader::with_capacity(256 * 1024, File::open(journal)?);
    let mut frames = Frames::new(FrameFormat::Zstd, reader);
    let mut lines = Lines::new(repeats);
    lines.tally = found.tally;
    let is_whole = loop {
        found.tally = lines.tally;
        match frames.read(&mut |text| lines.take(text)) {
            Ok(true) => {}
            Ok(false) => break true,
            Err(_) => break false,
        }
    };
    Ok(is_whole)
}
