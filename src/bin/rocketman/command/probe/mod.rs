//! `rocketman probe`: looks at servers, and shows their answers as a table or lines of JSON, and as
//! an exit code.
//!
//! What is asked of a server is in [`rocketman::source::jetstream`]; nothing is printed before all
//! have answered.

mod json;
mod table;

use std::{pin::pin, process::ExitCode, time::Duration};

use tracing::warn;

pub(crate) use self::{json::json_lines, table::table};
use crate::signals::{Signals, StopSignal};
use crate::{
    command::with_runtime,
    failure::{Failure, INTERRUPTED},
    settings::ProbeSettings,
    terminal::{
        print, print_json,
        status_line::{StatusLine, short},
    },
};
use rocketman::{
    Error, ErrorKind, PipelineSettings,
    source::jetstream::{self, ProbeReport},
};

/// Why there is no server to choose.
#[derive(Debug, thiserror::Error)]
enum ProbeError {
    #[error("every server refused")]
    AllRefused,
    #[error("no server is usable")]
    NoneUsable,
    #[error("stopped by {0} before every server had answered")]
    Stopped(&'static str),
}

impl From<ProbeError> for Failure {
    fn from(error: ProbeError) -> Self {
        let kind = match error {
            ProbeError::AllRefused => ErrorKind::Refused,
            ProbeError::NoneUsable => ErrorKind::Unreachable,
            ProbeError::Stopped(_) => ErrorKind::Failed,
        };
        Self::new(kind, error)
    }
}

/// Looks at servers, and shows their answers.
pub(crate) fn run(settings: ProbeSettings, line: &StatusLine) -> Result<ExitCode, Failure> {
    let json = settings.json;
    let Some(reports) = with_runtime(look(settings, line))? else {
        return Ok(ExitCode::from(INTERRUPTED));
    };
    if json {
        print_json(&json_lines(&reports))?;
    } else {
        print(table(&reports).as_bytes())?;
    }
    verdict(&reports)
}

/// Looks at all servers; `None` when that was interrupted.
async fn look(
    settings: ProbeSettings,
    line: &StatusLine,
) -> Result<Option<Vec<ProbeReport>>, Failure> {
    let ProbeSettings {
        servers,
        timeout,
        json: _,
    } = settings;
    let mut signals = Signals::listen().map_err(Failure::system("listen for signals"))?;
    let n = servers.endpoints.len();
    let answered = |done: usize| line.show(format!("asking servers: {done} of {n} done"));
    answered(0);
    let mut probe = pin!(jetstream::probe(&servers, timeout, answered));
    let reports = tokio::select! {
        reports = &mut probe => reports.map_err(Error::Source)?,
        signal = signals.next() => return match signal {
            StopSignal::Interrupt => Ok(None),
            other => Err(ProbeError::Stopped(other.name()).into()),
        },
    };
    for report in &reports {
        warn_of_clock(report);
    }
    // What is printed next comes after what was logged.
    line.clear();
    Ok(Some(reports))
}

/// Warns of a clock that is wrong: this machine's, most often.
fn warn_of_clock(report: &ProbeReport) {
    let Some(ahead_us) = report.clock_ahead_us.filter(|ahead_us| *ahead_us != 0) else {
        return;
    };
    // The second of a `Date` hides as much.
    let rounded = Duration::from_micros(ahead_us.unsigned_abs()) + Duration::from_millis(500);
    let by = short(rounded);
    let direction = if ahead_us > 0 { "ahead of" } else { "behind" };
    let endpoint = &report.endpoint;
    warn!(target: PipelineSettings::STATE_TARGET, %endpoint, ahead_us, "the clock of this machine is {by} {direction} that of {endpoint}; ages such as --since 2h go by it");
}

/// The end of the command: success with one usable server.
fn verdict(reports: &[ProbeReport]) -> Result<ExitCode, Failure> {
    let errors: Vec<_> = reports
        .iter()
        .filter_map(|report| report.error.as_ref())
        .collect();
    if errors.len() < reports.len() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(if errors.iter().all(|error| error.is_refusal()) {
        ProbeError::AllRefused
    } else {
        ProbeError::NoneUsable
    }
    .into())
}
