//! What to do with a cursor, from what was typed.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};

#[cfg(feature = "nats")]
use super::nats::{self, KeySettings};
use super::{
    Environment, SettingsError,
    beginning::place,
    in_state_directory, roles,
    source::{endpoints, is_nats},
    table::{TableFlagError, database},
};
use crate::{
    args::{CursorAtArgs, CursorCommand, FilesArgs, RewindArgs, SetArgs, ShowArgs},
    settings::CursorAt,
};
#[cfg(not(feature = "nats"))]
use rocketman::Shown;
use rocketman::{
    event::{Origin, Start},
    source::jetstream::Endpoint,
};

/// Where the cursor is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cursor {
    Nowhere,
    File(PathBuf),
    #[cfg(feature = "nats")]
    Kv(Box<KeySettings>),
}

#[cfg(feature = "nats")]
impl Cursor {
    /// A key in a bucket of NATS.
    pub(super) fn of_key(key: KeySettings) -> Self {
        Self::Kv(Box::new(key))
    }
}

/// All that `rocketman cursor` needs to begin.
#[derive(Debug)]
pub(crate) enum CursorSettings {
    Show {
        at: CursorAt,
        json: bool,
    },
    /// The places in a database.
    ShowTable {
        path: PathBuf,
        json: bool,
    },
    Move {
        at: CursorAt,
        target: Target,
        forget_files: bool,
    },
}

/// Where a cursor is to stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// There, in this stream if one was named.
    Start(Start, Option<Origin>),
    /// So long before where it stands now.
    Back(Duration),
}

impl CursorSettings {
    /// Checks everything that can be checked without reading the cursor. `now` is what ages are
    /// counted from.
    pub(crate) fn resolve(
        command: CursorCommand,
        environment: &Environment,
        now: SystemTime,
    ) -> Result<Self, SettingsError> {
        let resolved = |at| cursor_at(at, environment);
        Ok(match command {
            CursorCommand::Show(ShowArgs { at, json }) => match database(&at.file) {
                Some(path) => Self::ShowTable {
                    path: path.to_owned(),
                    json,
                },
                None => Self::Show {
                    at: resolved(at)?,
                    json,
                },
            },
            CursorCommand::Set(SetArgs {
                at,
                value,
                source,
                files: FilesArgs { forget_files },
            }) => {
                let start = place(&value, now)?;
                let origin = match source {
                    Some(source) => endpoints(&[source])?.first().map(Endpoint::origin),
                    None => None,
                };
                let target = Target::Start(start, origin);
                Self::Move {
                    at: resolved(at)?,
                    target,
                    forget_files,
                }
            }
            CursorCommand::Rewind(RewindArgs {
                at,
                duration,
                files: FilesArgs { forget_files },
            }) => Self::Move {
                at: resolved(at)?,
                target: Target::Back(duration),
                forget_files,
            },
        })
    }
}

/// Which cursor is meant. A name means the same file here as it does to tail, and an address the
/// same key.
fn cursor_at(args: CursorAtArgs, environment: &Environment) -> Result<CursorAt, SettingsError> {
    let CursorAtArgs {
        file,
        #[cfg(feature = "nats")]
        nats,
    } = args;
    if let Some(address) = file.to_str().filter(|text| is_key(text)) {
        #[cfg(feature = "nats")]
        {
            roles::of_key(&nats)?;
            let settings = nats::key(address, *nats, environment)?;
            return Ok(CursorAt::Key(Box::new(settings)));
        }
        #[cfg(not(feature = "nats"))]
        return Err(SettingsError::WithoutNats(
            Shown::address(address).to_string(),
        ));
    }
    #[cfg(feature = "nats")]
    if let Some(flag) = nats.typed {
        return Err(SettingsError::ForKeys { flag, path: file });
    }
    if let Some(path) = database(&file) {
        return Err(TableFlagError::NotMoved(path.to_owned()).into());
    }
    let path = in_state_directory(file, environment);
    roles::of_cursor(&path)?;
    Ok(CursorAt::File(path))
}

/// Whether an address of a server of NATS is meant, and no file.
fn is_key(text: &str) -> bool {
    is_nats(text)
        || ["ws://", "wss://"]
            .iter()
            .any(|start| text.starts_with(start))
}
