//! Whole files of an archive, copied into a folder: each is verified before it gets its name, and a
//! copy that was broken off goes on at the byte where it was.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::{StreamExt, stream::FuturesOrdered};
use tokio::{task::spawn_blocking, time::sleep};
use tracing::info;

use super::{
    History, HistorySettings,
    beginning::Found,
    calls::{Generation, PlannedFile},
    client::Client,
    error::HistoryError,
    fetch::{Fetched, MAX_CHANGES, change_wait},
};
use crate::{
    error::MemberError,
    log::{STATE, printable, throttle::Throttle},
    platform::{paths::regular, sync_folder},
    segment::{
        BlockReader, Copied, CopiedFile, HEADER_BYTES, MAX_BLOCK_BYTES, Manifest, Opening,
        SegmentFile,
    },
    source::segments::ReplayError,
};

/// How much is fetched at once, and how much of that at the same time.
const PART_BYTES: u64 = 1024 * 1024;
const PARTS: usize = 4;

/// What the name of a file ends in that is not whole yet.
const UNFINISHED: &str = ".partial";

/// What became of a download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Downloaded {
    /// Files of the copy, all of them verified.
    pub files: u64,
    /// Files that were fetched, by this call.
    pub fetched: u64,
    /// Bytes that were fetched.
    pub bytes: u64,
    /// All that was asked for is there; otherwise as many bytes were read as may be.
    pub is_whole: bool,
}

impl History {
    /// Copies the files that hold what is wanted into a folder, which is made, with a manifest of
    /// what they are. What is there already of the same archive and filter is kept.
    ///
    /// Cancel safety: what was copied stays, and another call goes on there.
    pub async fn download(
        settings: HistorySettings,
        folder: &Path,
    ) -> Result<Downloaded, MemberError> {
        let mut history = Self::new(settings);
        let client = history.client()?;
        let from = match history.find(&client).await? {
            Found::Archive(from) => from.seq,
            Found::Live => u64::MAX,
        };
        let from = *history.settings.bounds(from, None).numbers.start();
        let filter = history.filter();
        let mut manifest = open(folder, &client, filter, from - 1)?;
        let (mut files, tip) = history.plan_all(&client, from).await?;
        files.dedup_by(|next, one| next.name == one.name);
        let n_files = files.len();
        let mut done = Downloaded {
            files: 0,
            fetched: 0,
            bytes: 0,
            is_whole: true,
        };
        let mut pace = Throttle::sparse();
        for file in files {
            let most = history.settings.max_bytes;
            if most.is_some_and(|most| client.meter.received() >= most) {
                done.is_whole = false;
                break;
            }
            let copied = history.copy_file(&client, file, folder, &manifest).await?;
            done.files += 1;
            if let Some(file) = copied {
                done.fetched += 1;
                manifest.put(file);
                let written = manifest.write(folder);
                written.map_err(failed("write the manifest in", folder))?;
            }
            done.bytes = client.meter.received();
            if pace.check().is_some() {
                let (files, bytes) = (done.files, done.bytes);
                info!(target: STATE, files, bytes, "{files} of {n_files} files are here, {bytes} bytes were fetched");
            }
        }
        if done.is_whole {
            manifest.tip = tip;
            let written = manifest.write(folder);
            written.map_err(failed("write the manifest in", folder))?;
        }
        Ok(done)
    }

    fn filter(&self) -> Copied {
        let asked = self.asked(0);
        Copied {
            kinds: asked.kinds.into_iter().map(str::to_owned).collect(),
            collections: asked.collections,
            dids: asked.dids,
        }
    }

    /// Copies a file; `None` where it is there already.
    async fn copy_file(
        &self,
        client: &Arc<Client>,
        mut file: PlannedFile,
        folder: &Path,
        manifest: &Manifest,
    ) -> Result<Option<CopiedFile>, MemberError> {
        for change in 0..MAX_CHANGES {
            sleep(change_wait(change)).await;
            let path = folder.join(&file.name);
            let generation = Generation::new(&client.url(), &file);
            let generation = generation.ok_or_else(|| HistoryError::Plan(client.url()))?;
            let is_here = manifest.checksum(&file.name) == Some(&file.checksum) && path.is_file();
            if is_here {
                return Ok(None);
            }
            if let Fetched::Here(bytes) = fetch(client, &generation, &path).await? {
                let PlannedFile { name, checksum, .. } = file;
                return Ok(Some(CopiedFile {
                    name,
                    checksum,
                    bytes,
                    pruned: Vec::new(),
                }));
            }
            // Another generation: its numbers are those that it had, and its checksum is another.
            let mut asked = self.asked(file.min_seq.saturating_sub(1));
            asked.before_seq = Some(file.max_seq.max(1));
            let page = client.plan(&asked).await?;
            let again = page.segments.into_iter().find(|one| one.name == file.name);
            file = again.ok_or_else(|| HistoryError::Plan(client.url()))?;
        }
        let path = format!("{}/{}", client.url(), file.name);
        Err(HistoryError::Restless { path, block: 0 }.into())
    }
}

/// The manifest of a folder, which has to be of the same archive and filter, or a new one.
fn open(
    folder: &Path,
    client: &Client,
    filter: Copied,
    after_seq: u64,
) -> Result<Manifest, MemberError> {
    fs::create_dir_all(folder).map_err(failed("make", folder))?;
    let manifest = Manifest::read(folder).map_err(ReplayError::from)?;
    let Some(manifest) = manifest else {
        let files = crate::segment::files(folder).map_err(failed("look into", folder))?;
        if let Some(file) = files.into_iter().next() {
            return Err(HistoryError::ForeignFile(file).into());
        }
        return Ok(Manifest::new(client.url(), filter, after_seq));
    };
    let is_same = manifest.origin == client.url()
        && manifest.filter == filter
        && manifest.after_seq == after_seq;
    if is_same {
        Ok(manifest)
    } else {
        Err(HistoryError::OtherCopy(folder.to_owned()).into())
    }
}

/// Fetches a file to its end, verifies it, and gives it its name. Returns how long it is.
async fn fetch(
    client: &Arc<Client>,
    generation: &Generation,
    path: &Path,
) -> Result<Fetched<u64>, MemberError> {
    let draft = draft_of(path);
    let (mut file, mut at) = begin(&draft, generation).map_err(failed("write", &draft))?;
    let first = client
        .range(generation, at, at + HEADER_BYTES as u64)
        .await?;
    let Fetched::Here((bytes, size)) = first else {
        return Ok(Fetched::Changed);
    };
    file.write_all(&bytes).map_err(failed("write", &draft))?;
    at += bytes.len() as u64;
    let mut parts = FuturesOrdered::new();
    loop {
        while parts.len() < PARTS && at < size {
            let to = size.min(at + PART_BYTES);
            parts.push_back(client.range(generation, at, to));
            at = to;
        }
        let Some(part) = parts.next().await else {
            break;
        };
        let Fetched::Here((bytes, _)) = part? else {
            return Ok(Fetched::Changed);
        };
        file.write_all(&bytes).map_err(failed("write", &draft))?;
    }
    file.sync_all().map_err(failed("write", &draft))?;
    drop(file);
    let (verified, checksum) = (draft.clone(), generation.number().unwrap_or_default());
    let is_whole = spawn_blocking(move || verify(&verified, checksum)).await;
    let is_whole = is_whole.map_err(MemberError::other)?;
    if let Err(error) = is_whole {
        // It would be wrong the next time too.
        fs::remove_file(&draft).map_err(failed("remove", &draft))?;
        return Err(error.into());
    }
    fs::rename(&draft, path).map_err(failed("name", path))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    sync_folder(folder).map_err(failed("sync", folder))?;
    Ok(Fetched::Here(size))
}

fn draft_of(path: &Path) -> PathBuf {
    let mut draft = path.as_os_str().to_owned();
    draft.push(UNFINISHED);
    draft.into()
}

/// Opens what is there of a file, if it is of this generation, and says how long it is.
fn begin(draft: &Path, generation: &Generation) -> io::Result<(File, u64)> {
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true);
    let mut file = regular::open_no_link(options, draft)?;
    file.try_lock()
        .map_err(|_| io::Error::other("another process writes to it"))?;
    let mut begin = Vec::new();
    Read::by_ref(&mut file).take(12).read_to_end(&mut begin)?;
    // The checksum stands behind the magic.
    let checksum = begin.get(4..12).and_then(|bytes| bytes.try_into().ok());
    let checksum = checksum.map(u64::from_le_bytes);
    let mut at = file.metadata()?.len();
    if checksum.is_none() || checksum != generation.number() {
        at = 0;
        file.set_len(0)?;
    }
    // The last bytes say how long the file is, and so they are asked for again.
    at = at.saturating_sub(HEADER_BYTES as u64);
    io::Seek::seek(&mut file, io::SeekFrom::Start(at))?;
    Ok((file, at))
}

/// Reads all of a file: header, footer, and each block.
fn verify(path: &Path, checksum: u64) -> Result<(), ReplayError> {
    let file = SegmentFile::open(path)?;
    let header = match file.opening() {
        Opening::Sealed(header) if header.checksum == checksum => header,
        _ => return Err(file.error(None, crate::segment::Fault::Replaced).into()),
    };
    let mut reader = BlockReader::new(MAX_BLOCK_BYTES);
    let mut footer = file.footer(&header, reader.inflater())?;
    let mut block = 0;
    while let Some(entry) = footer.entry(&file, block)? {
        reader.sealed(&file, block, &entry)?;
        block += 1;
    }
    Ok(())
}

fn failed<'a>(action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> MemberError + 'a {
    move |error| {
        MemberError::caused(
            format!("cannot {action} '{}'", printable(&path.to_string_lossy())),
            error,
        )
    }
}
