//! Where events go, from what was typed.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::SettingsError;
use crate::{cli::OutputArgs, event::LineRules};

/// Where events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    Stdout {
        print0: bool,
    },
    File(PathBuf),
    Exec {
        program: OsString,
        arguments: Vec<OsString>,
    },
}

impl Output {
    /// Checks the flags of sinks against each other. Nothing is opened.
    pub(super) fn resolve(args: OutputArgs) -> Result<(Self, LineRules), SettingsError> {
        let OutputArgs {
            output,
            exec,
            raw,
            print0,
            validate,
            bad_events: _,
        } = args;
        let mut exec = exec.into_iter();
        let output = match (exec.next(), output) {
            (Some(program), _) => Self::Exec {
                program,
                arguments: exec.collect(),
            },
            (None, Some(path)) if path != Path::new("-") => Self::File(path),
            (None, _) => Self::Stdout { print0 },
        };
        if print0 && matches!(output, Self::File(_)) {
            return Err(SettingsError::Print0ToFile);
        }
        Ok((output, LineRules { raw, validate }))
    }
}
