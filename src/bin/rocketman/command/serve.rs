//! `rocketman serve`, from its settings to its last line.

use std::{io, net::SocketAddr, path::Path, pin::pin, process::ExitCode};

use indicatif::HumanCount;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::signals::{Signals, StopSignal};
use crate::{
    failure::{Failure, INTERRUPTED},
    settings::{ServeSettings, Served},
};
use rocketman::{
    ErrorKind, PipelineSettings,
    serve::{AnyFeed, Damaged, Feed, Recording, RecordingError, Server},
};

/// How many damaged lines are named; the others are counted.
const MAX_NAMED_LINES: u64 = 10;

/// Descriptors for what is not a consumer: requests under way, recordings, the runtime.
const OTHER_DESCRIPTORS: u64 = 600;

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error(transparent)]
    Recording(#[from] RecordingError),
    #[error("--listen: cannot listen on {address}")]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        let hint = match error {
            ServeError::Recording(_) => {
                "a recording is what rocketman tail -o FILE writes: one event a line"
            }
            ServeError::Listen { .. } => {
                "if another program uses it, choose another port, or 0 for any that is free"
            }
        };
        Self::new(ErrorKind::Usage, error).hint(hint.to_owned())
    }
}

/// Serves until an end that was asked for.
pub(crate) async fn run(settings: ServeSettings) -> Result<ExitCode, Failure> {
    let ServeSettings {
        served,
        listen,
        mut server,
    } = settings;
    let mut signals = Signals::listen().map_err(Failure::system("listen for signals"))?;
    let opened = spawn_blocking(move || open(served));
    let feed = tokio::select! {
        opened = opened => opened
            .map_err(|error| Failure::system("read the recordings")(error.into()))?
            .map_err(ServeError::from)?,
        signal = signals.next() => return Ok(code_of(signal)),
    };
    server.max_consumers = server.max_consumers.min(room_for_consumers());
    let failed = |source| ServeError::Listen {
        address: listen,
        source,
    };
    let (description, has_v2) = (feed.describe(), !server.legacy);
    let server = Server::bind(listen, feed, server).await.map_err(failed)?;
    let address = server.address().map_err(failed)?;
    let of_v2 = if has_v2 {
        format!(", and over v2 at http://{address}")
    } else {
        String::new()
    };
    info!(target: PipelineSettings::STATE_TARGET, %address, "serving {description} at ws://{address}/subscribe{of_v2}");
    let stop = CancellationToken::new();
    let mut run = pin!(server.run(stop.clone()));
    let mut asked = None;
    let served = loop {
        tokio::select! {
            served = &mut run => break served,
            signal = signals.next() => {
                if asked.is_some() {
                    warn!(target: PipelineSettings::STATE_TARGET, "stopped at once by a second signal");
                    return Ok(ExitCode::from(INTERRUPTED));
                }
                asked = Some(signal);
                signals.heed(signal);
                stop.cancel();
            }
        }
    };
    let why = asked.map_or_else(
        || "everything is served".to_owned(),
        |signal| format!("stopped by {}", signal.name()),
    );
    let consumers = match served.consumers {
        1 => "1 consumer".to_owned(),
        n => format!("{} consumers", HumanCount(n)),
    };
    let over_budget = match served.over_budget {
        0 => String::new(),
        n => format!(", {} turned away to save memory", HumanCount(n)),
    };
    info!(target: PipelineSettings::STATE_TARGET, consumers = served.consumers, events = served.events, over_budget = served.over_budget, "{why}: {} events sent to {consumers}{over_budget}", HumanCount(served.events));
    Ok(asked.map_or(ExitCode::SUCCESS, code_of))
}

fn code_of(signal: StopSignal) -> ExitCode {
    match signal {
        StopSignal::Interrupt => ExitCode::from(INTERRUPTED),
        StopSignal::Terminate | StopSignal::HangUp => ExitCode::SUCCESS,
    }
}

fn open(served: Served) -> Result<AnyFeed, RecordingError> {
    match served {
        Served::Demo(demo) => Ok(AnyFeed::Demo(demo)),
        Served::Recordings(paths, playback) => {
            let mut n_named = 0;
            let tell = |path: &Path, damaged: Damaged| {
                n_named += 1;
                if n_named <= MAX_NAMED_LINES {
                    let Damaged { line, why } = damaged;
                    warn!(target: PipelineSettings::STATE_TARGET, line, "line {line} of '{}' is skipped: {why}", path.display());
                }
            };
            let recording = Recording::open(&paths, playback, tell)?;
            let n_damaged = recording.damaged();
            if n_damaged > 0 {
                let lines = if n_damaged == 1 {
                    "line that is not an event is"
                } else {
                    "lines that are not events are"
                };
                warn!(target: PipelineSettings::STATE_TARGET, damaged = n_damaged, "{} {lines} skipped in {}", HumanCount(n_damaged), recording.describe());
            }
            let messages = recording.messages();
            if messages > 0 {
                warn!(target: PipelineSettings::STATE_TARGET, messages, "messages of NATS that are not events are skipped in {}: {}", recording.describe(), HumanCount(messages));
            }
            Ok(AnyFeed::Recording(Box::new(recording)))
        }
    }
}

/// Raises the limit of open descriptors as far as it goes, and returns how many are left for
/// consumers.
fn room_for_consumers() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let most = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        // Then there are fewer.
        Err(_) => limit.current,
    };
    let room = most.map_or(u64::MAX, |most| {
        most.saturating_sub(OTHER_DESCRIPTORS).max(16)
    });
    usize::try_from(room).unwrap_or(usize::MAX)
}
