use std::{ffi::OsStr, path::PathBuf};

use tempfile::TempDir;

use super::*;
use crate::{
    compressed::Encoder,
    event::Batch,
    platform::MetadataExt,
    sink::file::{
        Pattern,
        names::{journal_of, name_of},
        output_file::OutputFile,
        recall, recovery,
    },
};

const NAME: &str = "x.parquet.partial";
const SECOND: u64 = 1_000_000;

/// Event `n`, a second after the one before.
fn line(n: u64) -> Vec<u8> {
    let time_us = 1_790_000_000_000_000 + n * SECOND;
    // One that comes in parts when its frame is read.
    let long = "x".repeat(if n == 9 { 300_000 } else { 0 });
    let text = if n.is_multiple_of(5) {
        format!(
            r#"{{"did":"did:plc:a","time_us":{time_us},"cursor":{n},"kind":"account","account":{{"active":true,"seq":{n}}}}}"#
        )
    } else {
        format!(
            r#"{{"did":"did:plc:\u0061","time_us":{time_us},"cursor":{n},"kind":"commit","commit":{{"rev":"{n:013}","operation":"create","collection":"a.b.c","rkey":"{n}","record":{{"text":"h\u00e9{long}"}},"cid":"c"}}}}"#
        )
    };
    (text + "\n").into_bytes()
}

/// A file that is written to, and how.
struct Desk {
    folder: TempDir,
    layout: Arc<Layout>,
    encoder: Encoder,
    disk: Disk,
}

impl Desk {
    fn new() -> Self {
        let settings = FileSettings::new(Pattern::fixed(Path::new("x.parquet")));
        Self {
            folder: tempfile::tempdir().unwrap(),
            layout: layout(&settings).unwrap().unwrap(),
            encoder: Encoder::new(FrameFormat::Zstd, Some(1)).unwrap(),
            disk: Disk::new(false, Arc::default()),
        }
    }

    fn begin(&self) -> OutputFile {
        let path = self.folder.path().join(NAME);
        let file = appending().create_new(true).open(&path).unwrap();
        let mut output = OutputFile::new(None, path, file).unwrap();
        output.begin_columnar(&self.layout, &self.disk).unwrap();
        output
    }

    fn write(&mut self, output: &mut OutputFile, n: u64) {
        output.pending.extend(line(n));
        output.flush(&mut self.encoder, &self.disk).unwrap();
    }

    /// The same files in another folder, for what a crash leaves of them.
    fn copy(&self) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
        }
        copy
    }

    fn keep(&self, folder: &Path) -> Vec<u64> {
        let path = folder.join(NAME);
        let journals: Vec<u64> = fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| Some(journal_of(&entry.unwrap().path())?.1))
            .collect();
        let has_any = keep(&path, None, &journals, &self.layout, &self.disk).unwrap();
        if has_any { numbers(&path) } else { Vec::new() }
    }
}

/// The numbers of the events in a complete file.
fn numbers(path: &Path) -> Vec<u64> {
    let file = File::open(path).unwrap();
    let length = file.metadata().unwrap().len();
    let groups = Groups::read(&file, length).unwrap();
    assert!(groups.is_complete());
    let all = (0..groups.len()).flat_map(|at| groups.points(&file, at).unwrap());
    all.map(|point| point.seq.unwrap()).collect()
}

fn cut(path: &Path, length: u64) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(length).unwrap();
}

#[test]
fn what_a_cursor_counts_is_gone_on_with() {
    let mut desk = Desk::new();
    let mut output = desk.begin();
    let mut marks = vec![(output.mark.clone(), 0)];
    for n in 0..14 {
        desk.write(&mut output, n);
        marks.push((output.mark.clone(), n + 1));
        if n % 4 == 3 {
            output.close_group(&desk.disk).unwrap();
            marks.push((output.mark.clone(), n + 1));
        }
    }
    output.complete_columnar(&desk.disk).unwrap();
    for (mark, n) in marks {
        let copy = desk.copy();
        let path = copy.path().join(NAME);
        let inode = fs::metadata(&path).unwrap().ino();
        let mark = FileMark {
            path,
            inode,
            ..mark
        };
        let mut amends = Amends::default();
        let mut output = recovery::reopen(&mark, &mut amends).unwrap();
        output
            .restore_columnar(mark.journal.unwrap(), &desk.layout, &mut amends)
            .unwrap();
        assert_eq!(output.mark.journal, mark.journal);
        // The rest comes again.
        for n in n..14 {
            desk.write(&mut output, n);
        }
        output.complete_columnar(&desk.disk).unwrap();
        assert_eq!(numbers(&mark.path), (0..14).collect::<Vec<_>>(), "{mark:?}");
    }
}

#[test]
fn a_journal_torn_at_any_byte_keeps_its_whole_frames() {
    let mut desk = Desk::new();
    let mut output = desk.begin();
    (0..3).for_each(|n| desk.write(&mut output, n));
    let spent = output.close_group(&desk.disk).unwrap().unwrap();
    fs::remove_file(spent.journal.path).unwrap();
    let mut ends = vec![0];
    for n in 3..6 {
        desk.write(&mut output, n);
        ends.push(output.mark.journal.unwrap());
    }
    let journal = journal_path(Path::new(NAME), output.mark.bytes).unwrap();
    for length in 0..=ends[3] {
        let copy = desk.copy();
        cut(&copy.path().join(&journal), length);
        let n_whole = ends.iter().filter(|end| **end <= length).count() as u64 - 1;
        let expected: Vec<_> = (0..3 + n_whole).collect();
        assert_eq!(desk.keep(copy.path()), expected, "{length}");
        let left = fs::read_dir(copy.path()).unwrap();
        let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [OsStr::new(NAME)]);
    }
}

#[test]
fn a_file_torn_at_any_byte_keeps_its_groups() {
    let mut desk = Desk::new();
    let mut output = desk.begin();
    let mut ends = vec![(0, 3)];
    for group in 0..3 {
        (group * 3..group * 3 + 3).for_each(|n| desk.write(&mut output, n));
        ends.push((output.mark.bytes, group * 3 + 3));
        output.close_group(&desk.disk).unwrap();
    }
    let length = output.mark.bytes;
    for length in (0..length).step_by(7).chain([length]) {
        let copy = desk.copy();
        cut(&copy.path().join(NAME), length);
        // What is torn of a group is still in the journal.
        let known = ends.iter().rfind(|(end, _)| *end <= length);
        let expected: Vec<_> = (0..known.unwrap().1).collect();
        assert_eq!(desk.keep(copy.path()), expected, "{length}");
    }
}

#[test]
fn events_are_read_back_from_groups_and_journals() {
    let mut desk = Desk::new();
    let mut output = desk.begin();
    let mut batch = Batch::new();
    for n in 1..=40 {
        desk.write(&mut output, n);
        batch.push(line(n).trim_ascii_end()).unwrap();
        if n % 9 == 0 {
            output.close_group(&desk.disk).unwrap();
        }
    }
    let all: Vec<_> = batch.events().map(|event| *event.point()).collect();
    let mut found = recall::read(&[output.mark.clone()], 12 * SECOND);
    found.sort_unstable_by_key(|point| point.seq);
    // Twelve seconds begin in the second group from the end; what is older of it comes with it.
    let found: Vec<_> = found
        .iter()
        .map(|point| (point.seq, point.identity))
        .collect();
    let expected: Vec<_> = all[18..]
        .iter()
        .map(|point| (point.seq, point.identity))
        .collect();
    assert_eq!(found, expected);
    output.complete_columnar(&desk.disk).unwrap();
    let name = name_of(&output.mark.path).unwrap().0;
    fs::rename(&output.mark.path, &name).unwrap();
    let complete = FileMark {
        path: PathBuf::from(&name),
        ..output.mark
    };
    let found = recall::read(&[complete], 2 * SECOND);
    assert_eq!(found.len(), 4, "those of the last group");
}

#[test]
fn other_columns_are_refused() {
    let mut desk = Desk::new();
    let mut output = desk.begin();
    desk.write(&mut output, 1);
    output.complete_columnar(&desk.disk).unwrap();
    check(&output.mark.path, &desk.layout).unwrap();
    let other = Layout::new(Vec::new(), false, None).unwrap();
    let error = check(&output.mark.path, &other).unwrap_err();
    assert!(error.to_string().contains("has other columns"), "{error}");
    let strange = desk.folder.path().join("strange.parquet");
    fs::write(&strange, "no table at all, though it is called so").unwrap();
    assert!(check(&strange, &desk.layout).is_err());
}
