//! The key that requests have to carry, which a file holds: another one in it is taken up, and it
//! may expire on purpose.

use std::{
    fs::File,
    io::{self, Read},
    num::NonZeroU64,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use hyper::{HeaderMap, header::AUTHORIZATION};
use sha2::{Digest, Sha256};
use tracing::info;

use crate::log::STATE;

/// A key is shorter, in any service.
const MAX_BYTES: u64 = 4096;

/// What is kept of a key.
type Hash = [u8; 32];

/// The key of a file.
#[derive(Debug)]
pub(super) struct FileKey {
    path: PathBuf,
    /// How many requests a key is good for.
    expires_after: Option<NonZeroU64>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    key: Hash,
    /// How many requests it has let through.
    n_passed: u64,
    /// Said that it is of no use any more.
    is_said: bool,
}

impl FileKey {
    /// Reads the file. Blocks the thread.
    pub(super) fn open(path: PathBuf, expires_after: Option<NonZeroU64>) -> io::Result<Self> {
        let key = read(&path)?;
        let state = Mutex::new(State::new(key));
        Ok(Self {
            path,
            expires_after,
            state,
        })
    }

    /// Whether a request may pass. The file is read again before one is refused, which blocks the
    /// thread.
    pub(super) fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(carried) = carried(headers) else {
            return false;
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.key == carried && !self.has_expired(&state) {
            state.n_passed += 1;
            return true;
        }
        if let Ok(key) = read(&self.path)
            && key != state.key
        {
            *state = State::new(key);
        }
        let is_good = state.key == carried && !self.has_expired(&state);
        if is_good {
            state.n_passed += 1;
        } else if state.key == carried && !state.is_said {
            state.is_said = true;
            info!(target: STATE, "the key has expired, by the fault sink-expire: requests are refused until '{}' has another", self.path.display());
        }
        is_good
    }

    fn has_expired(&self, state: &State) -> bool {
        let most = self.expires_after.map_or(u64::MAX, NonZeroU64::get);
        state.n_passed >= most
    }
}

impl State {
    fn new(key: Hash) -> Self {
        Self {
            key,
            n_passed: 0,
            is_said: false,
        }
    }
}

/// The key that a request carries.
fn carried(headers: &HeaderMap) -> Option<Hash> {
    const SCHEME: &[u8] = b"bearer ";
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, key) = value.split_at_checked(SCHEME.len())?;
    let is_bearer = scheme.eq_ignore_ascii_case(SCHEME);
    is_bearer.then(|| Sha256::digest(key.trim_ascii()).into())
}

fn read(path: &Path) -> io::Result<Hash> {
    let mut text = Vec::new();
    File::open(path)?.take(MAX_BYTES).read_to_end(&mut text)?;
    Ok(Sha256::digest(text.trim_ascii()).into())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use hyper::header::HeaderValue;

    use super::*;

    fn headers(value: &str) -> HeaderMap {
        let value = HeaderValue::from_str(value).unwrap();
        [(AUTHORIZATION, value)].into_iter().collect()
    }

    #[test]
    fn another_key_in_the_file_is_taken_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "one\n").unwrap();
        let key = FileKey::open(path.clone(), None).unwrap();
        assert!(key.admits(&headers("Bearer one")) && key.admits(&headers("bearer one ")));
        assert!(!key.admits(&headers("Bearer two")) && !key.admits(&headers("one")));
        assert!(!key.admits(&HeaderMap::new()));
        fs::write(&path, "two").unwrap();
        assert!(key.admits(&headers("Bearer two")) && !key.admits(&headers("Bearer one")));
    }

    #[test]
    fn a_key_expires_until_there_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "one").unwrap();
        let key = FileKey::open(path.clone(), NonZeroU64::new(2)).unwrap();
        let admits = |text: &str| key.admits(&headers(&format!("Bearer {text}")));
        assert!(admits("one") && admits("one") && !admits("one") && !admits("one"));
        fs::write(&path, "two").unwrap();
        assert!(!admits("one") && admits("two") && admits("two") && !admits("two"));
    }
}
