//! The accounts that are wanted: those that were typed, and those of files, which may be read
//! again.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use rocketman::event::Did;

use super::SettingsError;

/// The longest line of a file of DIDs; a DID has at most 2048 bytes.
const LONGEST_LINE: usize = 4096;

/// Stands for stdin, as the name of a file.
const STDIN: &str = "-";

/// The accounts, and where they stand.
#[derive(Debug)]
pub(super) struct Accounts {
    pub(super) all: Vec<Did>,
    /// `None` where no file was named.
    pub(super) files: Option<AccountFiles>,
}

/// Files of accounts, and the accounts besides.
#[derive(Debug, Clone)]
pub(crate) struct AccountFiles {
    typed: HashSet<Did>,
    paths: Vec<PathBuf>,
}

impl Accounts {
    /// Reads DIDs, `@FILE`, and `@-`; `flag` is what to call them in an error.
    pub(super) fn resolve(texts: Vec<String>, flag: &'static str) -> Result<Self, SettingsError> {
        let mut files = AccountFiles {
            typed: HashSet::new(),
            paths: Vec::new(),
        };
        for text in texts {
            match text.strip_prefix('@') {
                // It is there only once.
                Some(STDIN) => read(io::stdin().lock(), Path::new(STDIN), &mut files.typed)?,
                Some(path) => files.paths.push(path.into()),
                None => {
                    let did = Did::parse(&text);
                    let did = did.map_err(|source| SettingsError::Did { flag, text, source })?;
                    files.typed.insert(did);
                }
            }
        }
        Ok(Self {
            all: files.read()?,
            files: Some(files).filter(|files| !files.paths.is_empty()),
        })
    }
}

impl AccountFiles {
    /// All accounts, in order; the files are read.
    pub(crate) fn read(&self) -> Result<Vec<Did>, SettingsError> {
        let mut dids = self.typed.clone();
        for path in &self.paths {
            let file = File::open(path).map_err(|source| SettingsError::DidFile {
                path: path.clone(),
                source,
            })?;
            read(BufReader::new(file), path, &mut dids)?;
        }
        let mut dids: Vec<_> = dids.into_iter().collect();
        dids.sort_unstable();
        Ok(dids)
    }
}

/// Reads one DID a line. Blank lines, and what follows a `#`, are ignored.
fn read(mut file: impl BufRead, path: &Path, dids: &mut HashSet<Did>) -> Result<(), SettingsError> {
    let failed = |source| SettingsError::DidFile {
        path: path.to_owned(),
        source,
    };
    let (mut line, mut number) = (Vec::new(), 0);
    loop {
        line.clear();
        number += 1;
        let read = io::Read::take(&mut file, LONGEST_LINE as u64)
            .read_until(b'\n', &mut line)
            .map_err(failed)?;
        if read == 0 {
            break;
        }
        if !line.ends_with(b"\n") {
            // Longer than any DID: the rest, of a comment most likely, is no line of its own.
            file.skip_until(b'\n').map_err(failed)?;
        }
        let text = String::from_utf8_lossy(&line);
        let text = text
            .split('#')
            .next()
            .unwrap_or_default()
            .trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        if !text.is_empty() {
            dids.insert(Did::parse(text).map_err(|source| SettingsError::DidLine {
                path: path.to_owned(),
                line: number,
                source,
            })?);
        }
    }
    if dids.is_empty() {
        return Err(SettingsError::NoDid(path.to_owned()));
    }
    Ok(())
}
