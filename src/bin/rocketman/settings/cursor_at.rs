//! Where the cursor of `rocketman cursor` is kept: a file, or a key in a bucket of NATS.

use std::{fmt, path::PathBuf};

#[cfg(feature = "nats")]
use super::nats::KeySettings;

/// Where a cursor is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CursorAt {
    File(PathBuf),
    #[cfg(feature = "nats")]
    Key(Box<KeySettings>),
}

impl CursorAt {
    /// The path, where it is a file.
    #[cfg_attr(
        not(feature = "nats"),
        expect(clippy::unnecessary_wraps, reason = "without NATS it is always a file")
    )]
    pub(crate) fn file(&self) -> Option<String> {
        match self {
            Self::File(path) => Some(path.to_string_lossy().into_owned()),
            #[cfg(feature = "nats")]
            Self::Key(_) => None,
        }
    }

    /// The address, where it is a key.
    pub(crate) fn key(&self) -> Option<String> {
        match self {
            Self::File(_) => None,
            #[cfg(feature = "nats")]
            Self::Key(settings) => Some(settings.address.to_string()),
        }
    }

    /// The path or the address.
    pub(crate) fn name(&self) -> String {
        self.file().or_else(|| self.key()).unwrap_or_default()
    }
}

impl fmt::Display for CursorAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "cursor file '{}'", path.display()),
            #[cfg(feature = "nats")]
            Self::Key(settings) => write!(f, "cursor '{}'", settings.address),
        }
    }
}
