//! Lines to an archive of one's own: a folder of sealed segment files.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::{
    Row, SegmentWriter, names,
    unline::{LineReader, UnlineError},
};
use crate::platform::{paths::regular, sync_folder};

/// How long a file becomes, about: what servers have.
const FILE_BYTES: u64 = 256 << 20;

/// How lines are packed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PackSettings {
    /// Count events anew from 1 on, whatever numbers their lines have.
    pub renumber: bool,
    /// A file is sealed once it has this many bytes.
    pub file_bytes: u64,
}

impl Default for PackSettings {
    fn default() -> Self {
        Self {
            renumber: false,
            file_bytes: FILE_BYTES,
        }
    }
}

/// Why lines cannot be packed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// The folder has segment files already.
    #[error("'{}' has segment files already", .0.display())]
    Occupied(PathBuf),
    /// Another process packs into the folder.
    #[error("another process packs into '{}'", .0.display())]
    InUse(PathBuf),
    /// The disk refused.
    #[error("cannot {action} '{}'", path.display())]
    Disk {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The line has no number.
    #[error("the event has no number")]
    NoNumber,
    /// The number of a line is not above that of the line before.
    #[error("the number {seq} follows {after}, and numbers have to rise")]
    NotRising {
        /// Its number.
        seq: u64,
        /// That of the event before.
        after: u64,
    },
    /// The line is no event that a segment file can hold.
    #[error("{0}")]
    Line(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The line's record is not the one that its `cid` stands for, or cannot be told; the line can
    /// be left out.
    #[error("{0}")]
    Content(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What was packed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Packed {
    /// Events.
    pub events: u64,
    /// Files.
    pub files: u64,
    /// Bytes of those files.
    pub bytes: u64,
}

/// Packs lines into the files of a folder. A file gets its name once it is whole and on the disk.
#[derive(Debug)]
pub struct Packer {
    folder: PathBuf,
    settings: PackSettings,
    reader: LineReader,
    open: Option<(PathBuf, SegmentWriter<File>)>,
    /// The number of the last event.
    last: Option<u64>,
    /// The number that the file begins with which is written, once that is known.
    first: Option<u64>,
    /// How many events are in that file.
    n_open: u64,
    packed: Packed,
}

impl Packer {
    /// Makes the folder where there is none; it must not have segment files.
    pub fn create(folder: &Path, settings: PackSettings) -> Result<Self, PackError> {
        fs::create_dir_all(folder).map_err(failed("make", folder))?;
        let files = names::files(folder).map_err(failed("look into", folder))?;
        if !files.is_empty() {
            return Err(PackError::Occupied(folder.to_owned()));
        }
        Ok(Self {
            folder: folder.to_owned(),
            settings,
            reader: LineReader::default(),
            open: None,
            last: None,
            first: None,
            n_open: 0,
            packed: Packed::default(),
        })
    }

    /// Packs a line, without its line end. Nothing of one that is refused is packed.
    pub fn add(&mut self, line: &[u8]) -> Result<(), PackError> {
        if self.open.is_none() {
            self.open = Some(self.begin()?);
        }
        let Some((path, writer)) = &mut self.open else {
            return Ok(());
        };
        let (last, renumber) = (self.last, self.settings.renumber);
        let added = self.reader.read(line, |row, seq| {
            let seq = match seq {
                _ if renumber => last.unwrap_or_default() + 1,
                None | Some(0) => return Err(PackError::NoNumber),
                Some(seq) => seq,
            };
            if let Some(after) = last.filter(|last| *last >= seq) {
                return Err(PackError::NotRising { seq, after });
            }
            let row = Row { seq, ..row };
            SegmentWriter::<File>::check(&row)
                .map_err(|error| refused(UnlineError::TooLong(error)))?;
            writer.add(&row).map_err(failed("write", path))?;
            Ok(seq)
        });
        let seq = added.map_err(refused)??;
        self.first.get_or_insert(seq);
        self.last = Some(seq);
        self.packed.events += 1;
        self.n_open += 1;
        let is_full = writer.bytes() >= self.settings.file_bytes;
        if is_full { self.seal() } else { Ok(()) }
    }

    /// Seals the last file.
    pub fn finish(mut self) -> Result<Packed, PackError> {
        if self.n_open > 0 {
            self.seal()?;
        }
        Ok(self.packed)
    }

    fn begin(&self) -> Result<(PathBuf, SegmentWriter<File>), PackError> {
        let name = names::name(self.packed.files);
        let path = self.folder.join(format!("{name}{UNFINISHED}"));
        let mut options = File::options();
        let file = regular::open_no_link(options.write(true).create(true), &path);
        let file = file.map_err(failed("make", &path))?;
        match file.try_lock() {
            Err(fs::TryLockError::WouldBlock) => return Err(PackError::InUse(self.folder.clone())),
            other => other
                .map_err(io::Error::from)
                .map_err(failed("lock", &path))?,
        }
        // One that was left behind is of no use: lines are read anew.
        file.set_len(0).map_err(failed("empty", &path))?;
        match SegmentWriter::new(file) {
            Ok(writer) => Ok((path, writer)),
            Err(source) => {
                fs::remove_file(&path).ok();
                Err(failed("write", &path)(source))
            }
        }
    }

    /// Seals the file that is written, and gives it its name.
    fn seal(&mut self) -> Result<(), PackError> {
        let Some((path, writer)) = self.open.take() else {
            return Ok(());
        };
        self.publish(&path, writer).inspect_err(|_| {
            fs::remove_file(&path).ok();
        })
    }

    fn publish(&mut self, path: &Path, writer: SegmentWriter<File>) -> Result<(), PackError> {
        let sealed = writer.seal(self.first).and_then(|file| {
            file.sync_all()?;
            Ok(file.metadata()?.len())
        });
        self.packed.bytes += sealed.map_err(failed("write", path))?;
        let named = self.folder.join(names::name(self.packed.files));
        fs::rename(path, &named).map_err(failed("name", &named))?;
        let synced = sync_folder(&self.folder);
        synced.map_err(failed("sync", &self.folder))?;
        self.packed.files += 1;
        // Numbers that no line has belong to the file that comes next, so that files join.
        self.first = self.last.map(|last| last + 1);
        self.n_open = 0;
        Ok(())
    }
}

/// What is not whole is of no use to anybody.
impl Drop for Packer {
    fn drop(&mut self) {
        if let Some((path, _)) = self.open.take() {
            fs::remove_file(path).ok();
        }
    }
}

/// What the name of a file ends in that is not whole yet.
const UNFINISHED: &str = ".partial";

fn refused(error: UnlineError) -> PackError {
    if error.is_of_content() {
        PackError::Content(Box::new(error))
    } else {
        PackError::Line(Box::new(error))
    }
}

fn failed<'a>(action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> PackError + 'a {
    move |source| PackError::Disk {
        action,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::{InspectSettings, Seam, inspect, seams};

    fn line(seq: u64) -> Vec<u8> {
        format!(r#"{{"did":"did:plc:{seq}","time_us":{seq},"cursor":{seq},"kind":"commit","commit":{{"rev":"3r","operation":"delete","collection":"a.b.c","rkey":"{seq}"}}}}"#).into_bytes()
    }

    #[test]
    fn files_join_where_numbers_have_holes() {
        let folder = tempfile::tempdir().unwrap();
        let settings = PackSettings {
            file_bytes: 1000,
            ..PackSettings::default()
        };
        let mut packer = Packer::create(folder.path(), settings).unwrap();
        for seq in 0..9000 {
            packer.add(&line(5 + seq * 10)).unwrap();
        }
        let packed = packer.finish().unwrap();
        assert_eq!((packed.events, packed.files), (9000, 3));
        let verify = true;
        let settings = InspectSettings {
            verify,
            ..InspectSettings::default()
        };
        let files = names::files(folder.path()).unwrap();
        let found = files.iter().map(|file| inspect(file, &settings).unwrap());
        let mut ranges: Vec<_> = found.map(|found| found.range()).collect();
        let seams: Vec<Seam> = seams(&mut ranges);
        assert!(seams.is_empty(), "{seams:?}");
        assert!(files.iter().all(|file| !file.ends_with(UNFINISHED)));
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let kept = folder.path().join("kept");
        fs::write(&kept, "precious").unwrap();
        let draft = format!("{}{UNFINISHED}", names::name(0));
        std::os::unix::fs::symlink(&kept, folder.path().join(draft)).unwrap();
        let mut packer = Packer::create(folder.path(), PackSettings::default()).unwrap();
        let error = packer.add(&line(7)).unwrap_err();
        assert!(matches!(error, PackError::Disk { .. }), "{error:?}");
        assert_eq!(fs::read(&kept).unwrap(), b"precious");
    }

    #[test]
    fn what_is_not_whole_is_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let n_files = || fs::read_dir(folder.path()).unwrap().count();
        let mut packer = Packer::create(folder.path(), PackSettings::default()).unwrap();
        packer.add(&line(7)).unwrap();
        assert_eq!(n_files(), 1);
        let other = Packer::create(folder.path(), PackSettings::default())
            .unwrap()
            .add(&line(7));
        assert!(matches!(other, Err(PackError::InUse(_))), "{other:?}");
        assert_eq!(n_files(), 1);
        drop(packer);
        assert_eq!(n_files(), 0);
    }
}
