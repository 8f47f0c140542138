//! The dictionary of the v2 wire: what is one, and where it is kept between runs.
//!
//! Keeping one is a convenience, so that nothing here ever fails: what cannot be read or written is
//! as if it were not there.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use tracing::debug;

use crate::platform::paths::regular;

/// The largest that is taken; those of servers have 64 KiB.
pub(super) const MAX_BYTES: usize = 1024 * 1024;

/// How a structured dictionary begins (RFC 8878, section 5).
const MAGIC: [u8; 4] = [0x37, 0xa4, 0x30, 0xec];

/// How many are kept: servers may have different ones, and each has a new one now and then.
const KEPT: usize = 4;

/// A dictionary and its id.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Dictionary {
    id: u32,
    bytes: Arc<[u8]>,
}

impl Dictionary {
    /// Reads the id of what is said to be one; `None` where it is not.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let id = bytes.strip_prefix(&MAGIC)?.first_chunk()?;
        let id = u32::from_le_bytes(*id);
        (id != 0 && bytes.len() <= MAX_BYTES).then(|| Self {
            id,
            bytes: bytes.into(),
        })
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dictionary")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The folder in which dictionaries are kept; none where there is no such folder.
#[derive(Debug, Clone, Default)]
pub(super) struct Cache(Option<PathBuf>);

impl Cache {
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        Self(folder)
    }

    /// The dictionary that was put here last.
    pub(super) fn latest(&self) -> Option<Dictionary> {
        let files = self.files();
        let mut latest_first = files.iter().rev();
        latest_first.find_map(|(_, path)| read(path))
    }

    /// Puts a dictionary here, or marks it as the latest; the oldest of too many goes.
    pub(super) fn keep(&self, dictionary: &Dictionary) {
        let Some(folder) = &self.0 else { return };
        if let Err(error) = write(folder, dictionary) {
            debug!(folder = %folder.display(), %error, "cannot keep a dictionary");
        }
        let files = self.files();
        for (_, path) in files.iter().take(files.len().saturating_sub(KEPT)) {
            // It is in nobody's way.
            fs::remove_file(path).ok();
        }
    }

    /// Its files, the latest last.
    fn files(&self) -> Vec<(SystemTime, PathBuf)> {
        let entries = self.0.as_ref().and_then(|folder| fs::read_dir(folder).ok());
        let mut files: Vec<_> = entries
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let path = entry.path();
                id_of(&path)?;
                Some((entry.metadata().ok()?.modified().ok()?, path))
            })
            .collect();
        files.sort();
        files
    }
}

fn name(id: u32) -> String {
    format!("jetstream-{id}.zdict")
}

/// The id that a file of this name should have.
fn id_of(path: &Path) -> Option<u32> {
    let name = path.file_name()?.to_str()?;
    let id = name.strip_prefix("jetstream-")?.strip_suffix(".zdict")?;
    id.parse().ok()
}

fn read(path: &Path) -> Option<Dictionary> {
    let file = regular::open(File::options().read(true), path).ok()?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .ok()?;
    Dictionary::parse(&bytes).filter(|dictionary| Some(dictionary.id) == id_of(path))
}

fn write(folder: &Path, dictionary: &Dictionary) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let path = folder.join(name(dictionary.id));
    let draft = folder.join(format!(".{}.{}", name(dictionary.id), std::process::id()));
    // One that was left behind by a process of the same number.
    fs::remove_file(&draft).ok();
    File::create_new(&draft)?.write_all(dictionary.bytes())?;
    fs::rename(&draft, &path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dictionary(id: u32) -> Dictionary {
        let bytes = [&MAGIC[..], &id.to_le_bytes(), b"and so on"].concat();
        Dictionary::parse(&bytes).unwrap()
    }

    #[test]
    fn only_what_has_an_id_is_a_dictionary() {
        assert_eq!(dictionary(20_260_811).id(), 20_260_811);
        let nameless = [&MAGIC[..], &[0; 40]].concat();
        let large = [dictionary(7).bytes(), &vec![0; MAX_BYTES]].concat();
        for bytes in [&b""[..], b"<html>", &MAGIC, &nameless, &large] {
            assert_eq!(Dictionary::parse(bytes), None);
        }
    }

    #[test]
    fn the_latest_dictionary_is_kept_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        let cache = Cache::new(Some(path.clone()));
        assert_eq!(cache.latest(), None);
        for id in 1..=9 {
            cache.keep(&dictionary(id));
            assert_eq!(cache.latest().unwrap().id(), id);
            // Files of one moment have no order.
            let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(id.into());
            let file = File::options()
                .append(true)
                .open(path.join(name(id)))
                .unwrap();
            file.set_modified(time).unwrap();
        }
        assert_eq!(cache.files().len(), KEPT);
        assert_eq!(fs::read_dir(&path).unwrap().count(), KEPT);
    }

    #[test]
    fn what_is_no_dictionary_is_as_if_it_were_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        put("jetstream-7.zdict", dictionary(8).bytes());
        put("jetstream-8.zdict", b"torn");
        put("jetstream-x.zdict", dictionary(9).bytes());
        fs::create_dir(folder.path().join("jetstream-9.zdict")).unwrap();
        assert_eq!(Cache::new(Some(folder.path().into())).latest(), None);
        let nowhere = Cache::new(Some(folder.path().join("jetstream-8.zdict/a")));
        nowhere.keep(&dictionary(1));
        assert_eq!(nowhere.latest(), None);
        let none = Cache::default();
        none.keep(&dictionary(1));
        assert_eq!(none.latest(), None);
    }
}
