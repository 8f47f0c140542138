//! The key of an archive: who may read it, never shown.

use std::fmt;

use hyper::header::HeaderValue;

use crate::error::ParseError;

/// The longest key that is sent: it is a part of the head of each request.
const MAX_BYTES: usize = 4096;

/// What the operator of an archive gives those who may read it.
///
/// It goes to the calls of the archive at the host that was named, over TLS or on loopback, and
/// nowhere else: not where a server points to another host, not to its socket, and not into any
/// message.
#[derive(Clone)]
pub struct ArchiveKey(HeaderValue);

/// Why a text is no key. The text is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum KeyError {
    #[error("the key is empty")]
    Empty,
    #[error("the key has {0} bytes, and at most {MAX_BYTES} are sent")]
    TooLong(usize),
    #[error("the key has a blank, a line end or another character in it that no key has")]
    Characters,
}

impl ArchiveKey {
    /// Reads a key; blanks and line ends around it are left off.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let key = text.trim();
        if key.is_empty() {
            return Err(ParseError::new(KeyError::Empty));
        }
        if key.len() > MAX_BYTES {
            return Err(ParseError::new(KeyError::TooLong(key.len())));
        }
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ParseError::new(KeyError::Characters));
        }
        let bearer = HeaderValue::from_str(&format!("Bearer {key}"));
        let mut bearer = bearer.map_err(|_| ParseError::new(KeyError::Characters))?;
        bearer.set_sensitive(true);
        Ok(Self(bearer))
    }

    /// The value of the header `Authorization`.
    pub(super) fn bearer(&self) -> &HeaderValue {
        &self.0
    }
}

impl fmt::Debug for ArchiveKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ArchiveKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_sent_as_it_is_and_never_shown() {
        let key = ArchiveKey::parse(" s3cret-key\n").unwrap();
        assert_eq!(key.bearer(), "Bearer s3cret-key");
        assert!(key.bearer().is_sensitive());
        assert!(!format!("{key:?} {:?}", key.bearer()).contains("s3cret"));
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_repeated() {
        let long = "x".repeat(MAX_BYTES + 1);
        for text in ["", " \n", "s3cret two", "s3cret\rX: y", "s3crét", &long] {
            let error = ArchiveKey::parse(text).unwrap_err().to_string();
            assert!(!error.contains("s3c"), "{error}");
        }
    }
}
