//! How programs are run, from what was typed.

use super::SettingsError;
use crate::{
    cli::{ExecArgs, OnExecErrorArg},
    sink::{DeadLetterFile, ExecSettings, OnExecError},
};

/// Checks the flags of programs, and opens the file of dead letters.
pub(super) fn resolve(args: ExecArgs) -> Result<ExecSettings, SettingsError> {
    let ExecArgs {
        jobs,
        exec_timeout,
        exec_retries,
        on_exec_error,
        no_output,
    } = args;
    let usual = ExecSettings::default();
    let on_error = match on_exec_error {
        None | Some(OnExecErrorArg::Stop) => OnExecError::Stop,
        Some(OnExecErrorArg::Skip) => OnExecError::Skip,
        Some(OnExecErrorArg::DeadLetter(path)) => {
            OnExecError::DeadLetter(DeadLetterFile::open(path).map_err(SettingsError::DeadLetter)?)
        }
    };
    Ok(ExecSettings {
        jobs: jobs.unwrap_or(usual.jobs),
        timeout: exec_timeout.unwrap_or(usual.timeout),
        retries: exec_retries.unwrap_or(usual.retries),
        on_error,
        has_output: !no_output,
    })
}
