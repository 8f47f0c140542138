//! Where events go, from what was typed.

use std::{ffi::OsString, path::Path};

use super::{SettingsError, exec, files};
use crate::{
    cli::{ExecArgs, FileArgs, OutputArgs},
    event::LineRules,
    sink::{ExecSettings, FileSettings},
};

/// Where events go.
#[derive(Debug, Clone)]
pub(crate) enum Output {
    Stdout {
        print0: bool,
    },
    File(Box<FileSettings>),
    Exec {
        program: OsString,
        arguments: Vec<OsString>,
        settings: ExecSettings,
    },
}

impl Output {
    /// Checks the flags of sinks against each other. Nothing but a file of dead letters is opened.
    pub(super) fn resolve(
        args: OutputArgs,
        file_args: &FileArgs,
        exec_args: ExecArgs,
    ) -> Result<(Self, LineRules), SettingsError> {
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
                settings: exec::resolve(exec_args)?,
            },
            (None, Some(path)) if path != Path::new("-") => {
                Self::File(Box::new(files::resolve(path, file_args)?))
            }
            (None, _) => Self::Stdout { print0 },
        };
        if !matches!(output, Self::File(_)) {
            files::refuse(file_args)?;
        }
        if print0 && matches!(output, Self::File(_)) {
            return Err(SettingsError::Print0ToFile);
        }
        Ok((output, LineRules { raw, validate }))
    }
}
