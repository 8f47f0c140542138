//! What to do with a cursor file, from what was typed.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};

use super::{SettingsError, beginning::place, in_state_directory, roles, source::endpoints};
use crate::{
    cli::{CursorCommand, FilesArgs, RewindArgs, SetArgs, ShowArgs},
    event::{Origin, Start},
    source::jetstream::Endpoint,
};

/// All that `rocketman cursor` needs to begin.
#[derive(Debug)]
pub(crate) enum CursorSettings {
    Show {
        path: PathBuf,
        json: bool,
    },
    Move {
        path: PathBuf,
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
    /// Checks everything that can be checked without the file. `variable` looks up the environment; `now` is what ages are counted from.
    pub(crate) fn resolve(
        command: CursorCommand,
        variable: impl Fn(&str) -> Option<String>,
        now: SystemTime,
    ) -> Result<Self, SettingsError> {
        // A name means the same file here as it does to tail.
        let path = |file| in_state_directory(file, &variable);
        let path = |file| {
            let path = path(file);
            roles::of_cursor(&path).map(|()| path)
        };
        Ok(match command {
            CursorCommand::Show(ShowArgs { file, json }) => Self::Show {
                path: path(file)?,
                json,
            },
            CursorCommand::Set(SetArgs {
                file,
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
                    path: path(file)?,
                    target,
                    forget_files,
                }
            }
            CursorCommand::Rewind(RewindArgs {
                file,
                duration,
                files: FilesArgs { forget_files },
            }) => Self::Move {
                path: path(file)?,
                target: Target::Back(duration),
                forget_files,
            },
        })
    }
}
