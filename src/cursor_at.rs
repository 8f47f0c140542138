//! The cursor that `rocketman cursor` is about: a file, or a key in a bucket of NATS.

use std::{fmt, path::PathBuf};

#[cfg(feature = "nats")]
use std::time::Duration;

use crate::{
    cursor::{AnyCursorStore, CursorError, FileCursor, Saved},
    failure::Failure,
};
#[cfg(feature = "nats")]
use crate::{
    cursor::{KvCursor, KvCursorSettings},
    nats::NatsError,
    pipeline::Error,
};

/// A command that waits for a server in vain ends after this time, whatever it waits for.
#[cfg(feature = "nats")]
const LONGEST: Duration = Duration::from_secs(60);

/// Where a cursor is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CursorAt {
    File(PathBuf),
    #[cfg(feature = "nats")]
    Key(Box<KvCursorSettings>),
}

/// What is there, as far as it can be seen without touching it.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) saved: Option<Saved>,
    /// Whether a process has it; `None` where that cannot be seen.
    pub(crate) in_use: Option<bool>,
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

    /// Reads it without claiming it. Nothing is made or changed, and a process that has it goes on
    /// as if nothing were.
    #[cfg_attr(
        not(feature = "nats"),
        expect(clippy::unused_async, reason = "only a server is waited for")
    )]
    pub(crate) async fn look(&self) -> Result<Found, CursorError> {
        match self {
            Self::File(path) => Ok(Found {
                saved: FileCursor::read(path)?,
                // Whoever has it may have written in between; what was read is true all the same.
                in_use: FileCursor::is_held(path).ok(),
            }),
            #[cfg(feature = "nats")]
            Self::Key(settings) => {
                let (saved, in_use) = KvCursor::look(settings).await?;
                Ok(Found { saved, in_use })
            }
        }
    }

    /// The store that is to be written to. It is ours from here on, or once it was loaded.
    pub(crate) fn open(&self) -> Result<AnyCursorStore, CursorError> {
        Ok(match self {
            Self::File(path) => AnyCursorStore::File(FileCursor::open(path)?),
            #[cfg(feature = "nats")]
            Self::Key(settings) => {
                AnyCursorStore::Kv(Box::new(KvCursor::new((**settings).clone())))
            }
        })
    }

    /// Has a command end, also where a server lets it wait.
    pub(crate) async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        match self {
            Self::File(_) => work.await,
            #[cfg(feature = "nats")]
            Self::Key(settings) => {
                if let Ok(done) = tokio::time::timeout(LONGEST, work).await {
                    return done;
                }
                let silent = NatsError::Silent {
                    action: format!("use the cursor '{}'", settings.address),
                    servers: settings.nats.shown(),
                };
                Err(Error::from(CursorError::from(silent)).into())
            }
        }
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
