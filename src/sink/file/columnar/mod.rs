//! Output files that are made of row groups: the finished ones are in the file, and the lines of the
//! open one are in a journal beside it, until they are a group.
//!
//! A saved cursor counts both. When a group is finished, it is appended to the file, and a new
//! journal is begun, whose name has the new length of the file; the one before it stays until a
//! saved cursor counts that. So a crash at any moment finds the file and the journal that the
//! cursor counts, each with something behind its end or not.

mod keep;
#[cfg(test)]
mod tests;

use std::{
    fs::{self, File},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::Path,
    sync::Arc,
};

use tracing::warn;

pub(super) use self::keep::keep;
use super::{
    FileSettings,
    amends::Amends,
    disk::{self, Disk, failed},
    kept_file::{KeptFile, appending},
    names::journal_path,
    whole,
};
pub(super) use crate::table::parquet::Layout;
use crate::{
    compressed::{FrameFormat, Frames},
    error::{ErrorKind, MemberError},
    event::{FileMark, Point},
    log::STATE,
    sink::FileError,
    table::parquet::{Groups, MAGIC, Rows},
};

/// What is left of a group that is finished.
#[derive(Debug)]
pub(super) struct Spent {
    /// The journal, which is of no use once a saved cursor counts the group.
    pub(super) journal: FileMark,
    /// Values that their column cannot hold.
    pub(super) n_unfit: u64,
}

/// The row groups of a file.
#[derive(Debug)]
pub(super) struct Columnar {
    groups: Groups,
    /// Those of the open group.
    rows: Rows,
    /// How many bytes of lines they are made of.
    open_bytes: u64,
    /// Where those lines are kept.
    journal: KeptFile,
}

impl Columnar {
    pub(super) fn journal(&self) -> &KeptFile {
        &self.journal
    }

    pub(super) fn journal_mut(&mut self) -> &mut KeptFile {
        &mut self.journal
    }

    pub(super) fn open_bytes(&self) -> u64 {
        self.open_bytes
    }

    /// Takes lines, which are this frame in the journal. Returns how long that is then.
    pub(super) fn take(
        &mut self,
        lines: &[u8],
        frame: &[u8],
        disk: &Disk,
    ) -> Result<u64, MemberError> {
        self.journal.append(frame, disk)?;
        let read = self.rows.push_lines(lines);
        read.map_err(failed("write to", &self.journal.mark.path))?;
        self.open_bytes += lines.len() as u64;
        Ok(self.journal.mark.bytes)
    }

    /// The journal, to which nothing more is written.
    fn spent(&self, n_unfit: u64) -> Spent {
        let journal = FileMark {
            complete: true,
            ..self.journal.mark.clone()
        };
        Spent { journal, n_unfit }
    }
}

/// The columns of files by these settings; `None` where they are not made of row groups.
pub(super) fn layout(settings: &FileSettings) -> Result<Option<Arc<Layout>>, MemberError> {
    if !settings.is_parquet() {
        return Ok(None);
    }
    if !settings.format.is_json() {
        let why = "files of Parquet have columns, and no other format";
        return Err(MemberError::other(why).with_kind(ErrorKind::Usage));
    }
    let (columns, level) = (settings.columns.clone(), settings.compression_level);
    let layout = Layout::new(columns, settings.has_record, level);
    let path = settings.pattern.to_string();
    let layout = layout.map_err(|error| {
        failed("compress for", Path::new(&path))(io::Error::new(io::ErrorKind::InvalidInput, error))
    });
    Ok(Some(Arc::new(layout?)))
}

/// The places of the events in the finished groups of a file up to here that are at most `back_us`
/// older than the latest of them, and some before them; at most this many and those of one group.
pub(super) fn latest(file: &File, end: u64, back_us: u64, most: usize) -> io::Result<Vec<Point>> {
    let groups = Groups::read(file, end)?;
    let mut points = Vec::new();
    let mut since_us = 0;
    for at in (0..groups.len()).rev() {
        let latest_us = groups.latest_us(at);
        if latest_us.is_some_and(|latest_us| latest_us < since_us) || points.len() >= most {
            break;
        }
        since_us = since_us.max(latest_us.unwrap_or(0).saturating_sub(back_us));
        points.extend(groups.points(file, at)?);
    }
    Ok(points)
}

/// Makes sure that a file has these columns, if it has groups.
pub(super) fn check(path: &Path, layout: &Layout) -> Result<(), MemberError> {
    let file = File::open(path).map_err(failed("open", path))?;
    let length = file.metadata().map_err(failed("read", path))?.len();
    groups_of(&file, path, length, layout).map(|_| ())
}

fn groups_of(
    file: &File,
    path: &Path,
    length: u64,
    layout: &Layout,
) -> Result<Groups, MemberError> {
    let groups = Groups::read(file, length).map_err(failed("read", path))?;
    if groups.len() > 0 && groups.layout() != Some(&layout.text()) {
        return Err(FileError::OtherColumns(path.to_owned()).into());
    }
    Ok(groups)
}

impl Columnar {
    /// Begins a group behind what is in the file.
    pub(super) fn begin(
        file: &mut KeptFile,
        layout: &Arc<Layout>,
        disk: &Disk,
    ) -> Result<Self, MemberError> {
        if file.mark.bytes == 0 {
            file.append(MAGIC, disk)?;
        }
        let (path, length) = (file.mark.path.clone(), file.mark.bytes);
        Ok(Self {
            groups: groups_of(file.file()?, &path, length, layout)?,
            rows: Rows::new(Arc::clone(layout)),
            open_bytes: 0,
            journal: new_journal(&file.mark, disk)?,
        })
    }

    /// Goes on with the group of which the cursor counts this much of the journal.
    pub(super) fn restore(
        file: &mut KeptFile,
        counted: u64,
        layout: &Arc<Layout>,
        amends: &mut Amends,
    ) -> Result<Self, MemberError> {
        let (path, length) = (file.mark.path.clone(), file.mark.bytes);
        let groups = groups_of(file.file()?, &path, length, layout)?;
        let path = journal_path(&path, length).unwrap_or(path);
        let Some(inode) = disk::inode(&path)? else {
            let why = "is missing, and the cursor counts on it";
            return Err(FileError::Changed { path, why }.into());
        };
        let mut journal = KeptFile::open(path.clone())?;
        journal.lock()?;
        let mark = FileMark::new(path.clone(), inode, counted);
        journal.cut_back(&mark, amends)?;
        let mut rows = Rows::new(Arc::clone(layout));
        let read = read_journal(journal.file()?, counted, &mut rows);
        Ok(Self {
            groups,
            rows,
            open_bytes: read.map_err(failed("read", &path))?,
            journal,
        })
    }

    /// Makes a group of what is open, and begins the next one.
    pub(super) fn close_group(
        &mut self,
        file: &mut KeptFile,
        disk: &Disk,
    ) -> Result<Spent, MemberError> {
        let n_unfit = self.append_group(file, disk)?;
        let spent = self.spent(n_unfit);
        self.journal = new_journal(&file.mark, disk)?;
        Ok(spent)
    }

    /// Makes a group of what is open, and the file complete.
    pub(super) fn complete(
        mut self,
        file: &mut KeptFile,
        disk: &Disk,
    ) -> Result<Spent, MemberError> {
        let mut n_unfit = 0;
        if self.rows.len() > 0 {
            n_unfit = self.append_group(file, disk)?;
        }
        let footer = self.groups.footer(self.rows.layout());
        let footer = footer.map_err(failed("write to", &file.mark.path))?;
        file.append(&footer, disk)?;
        Ok(self.spent(n_unfit))
    }

    /// Returns how many values do not fit.
    fn append_group(&mut self, file: &mut KeptFile, disk: &Disk) -> Result<u64, MemberError> {
        let (path, length) = (file.mark.path.clone(), file.mark.bytes);
        let n_unfit = self.rows.n_unfit();
        if n_unfit > 0 {
            let file = path.display();
            warn!(target: STATE, %file, values = n_unfit, "{n_unfit} values do not fit their columns in '{file}', and are null there");
        }
        let mut end = End {
            file,
            disk,
            refused: None,
        };
        let appended = self.groups.append(&mut self.rows, length, &mut end);
        let refused = end.refused.take();
        if refused.is_some() || appended.is_err() {
            // What is there of the group counts for nothing.
            file.mark.bytes = length;
        }
        refused.map_or(Ok(()), Err)?;
        appended.map_err(failed("write to", &path))?;
        self.open_bytes = 0;
        Ok(n_unfit)
    }
}

/// The end of a file, to which something is written in parts.
struct End<'a> {
    file: &'a mut KeptFile,
    disk: &'a Disk,
    /// Why no more can be written.
    refused: Option<MemberError>,
}

impl Write for End<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(refused) = self.file.append(bytes, self.disk) {
            self.refused = Some(refused);
            return Err(io::ErrorKind::Other.into());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Makes the journal of a file that has become this long. One of that name was of a run whose end
/// is cut off.
fn new_journal(mark: &FileMark, disk: &Disk) -> Result<KeptFile, MemberError> {
    let path = journal_path(&mark.path, mark.bytes).unwrap_or_else(|| mark.path.clone());
    if disk::inode(&path)?.is_some() {
        fs::remove_file(&path).map_err(failed("remove", &path))?;
    }
    let create = || appending().create_new(true).open(&path);
    let file = disk.attempt("make", &path, create)?;
    disk::lock(&file, &path)?;
    KeptFile::new(path, file)
}

/// Reads the lines in a journal up to here. Returns how many bytes they have.
fn read_journal(mut file: &File, length: u64, rows: &mut Rows) -> io::Result<u64> {
    file.seek(SeekFrom::Start(0))?;
    let reader = BufReader::with_capacity(256 * 1024, file.take(length));
    let mut frames = Frames::new(FrameFormat::Zstd, reader);
    let (mut bytes, mut lines) = (0, Vec::new());
    // A frame has whole lines, and comes in parts that may not.
    while frames.read(&mut |part| lines.extend_from_slice(part))? {
        rows.push_lines(&lines)?;
        bytes += lines.len() as u64;
        lines.clear();
    }
    Ok(bytes)
}
