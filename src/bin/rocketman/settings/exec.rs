//! How programs are run, from what was typed.

use std::ffi::{OsStr, OsString};

use tracing::warn;

use super::{SettingsError, suffix};
use crate::args::{ExecArgs, ExecModeArg, OnExecErrorArg, is_flag_of_tail};
use rocketman::{
    PipelineSettings,
    sink::{DeadLetterFile, ExecSettings, OnFailure},
};

/// Checks the flags of programs, and opens the file of dead letters.
pub(super) fn resolve(
    args: ExecArgs,
    program: &OsStr,
    arguments: &[OsString],
) -> Result<ExecSettings, SettingsError> {
    let ExecArgs {
        exec_mode,
        in_flight,
        jobs,
        exec_timeout,
        exec_retries,
        on_exec_error,
        no_output,
    } = args;
    let lives_on = exec_mode == Some(ExecModeArg::Stream);
    warn_of_our_flags(program, arguments);
    if !lives_on && in_flight.is_some() {
        return Err(SettingsError::InFlight);
    }
    if lives_on
        && let Some(name) = arguments
            .iter()
            .find_map(|argument| ExecSettings::name_in(argument))
    {
        return Err(SettingsError::NameInStream(name));
    }
    let usual = ExecSettings::default();
    let on_error = match on_exec_error {
        None | Some(OnExecErrorArg::Stop) => OnFailure::Stop,
        Some(OnExecErrorArg::Skip) => OnFailure::Skip,
        Some(OnExecErrorArg::DeadLetter(path)) => {
            suffix::check_plain("--on-exec-error", &path)?;
            OnFailure::DeadLetter(DeadLetterFile::open(path).map_err(SettingsError::DeadLetter)?)
        }
    };
    Ok(ExecSettings {
        in_flight: lives_on.then(|| in_flight.unwrap_or(ExecSettings::IN_FLIGHT)),
        format: usual.format,
        jobs: jobs.unwrap_or(usual.jobs),
        timeout: exec_timeout.unwrap_or(usual.timeout),
        retries: exec_retries.unwrap_or(usual.retries),
        on_error,
        has_output: !no_output,
    })
}

/// All that follows `--exec` goes to the program, also what was meant for us.
fn warn_of_our_flags(program: &OsStr, arguments: &[OsString]) {
    let ours = arguments
        .iter()
        .filter_map(|argument| argument.to_str())
        .find(|argument| is_flag_of_tail(argument));
    if let Some(flag) = ours.filter(|_| !program.to_string_lossy().ends_with("rocketman")) {
        warn!(target: PipelineSettings::STATE_TARGET, flag, "{flag} stands after --exec and goes to '{}'; put flags of rocketman before --exec, or after a lone ';'", program.to_string_lossy());
    }
}
