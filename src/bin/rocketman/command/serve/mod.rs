//! `rocketman serve`, from its settings to its last line.

mod calls;
mod live;
mod receive;

use std::{
    future::ready,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::pin,
    process::ExitCode,
};

use indicatif::{HumanBytes, HumanCount};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::calls::CallsError;
use crate::signals::{Signals, StopSignal};
use crate::{
    failure::{Failure, INTERRUPTED},
    platform::descriptors,
    settings::{ServeSettings, Served},
};
use rocketman::{
    ErrorKind, PipelineSettings, Shown,
    segment::Seam,
    serve::{
        AnyFeed, Archive, ArchiveError, Damaged, Feed, Playback, Recording, RecordingError, Server,
        ServerSettings, StoreError,
    },
};

/// How many damaged lines are named; the others are counted.
const MAX_NAMED_LINES: u64 = 10;

/// How many gaps between files are named; the others are counted.
const MAX_NAMED_HOLES: usize = 10;

/// Descriptors for what is not a consumer: requests under way, recordings, the runtime.
const OTHER_DESCRIPTORS: u64 = 600;

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error(transparent)]
    Recording(#[from] RecordingError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Calls(CallsError),
    #[error("--listen: cannot listen on {address}")]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
}

impl From<CallsError> for ServeError {
    fn from(error: CallsError) -> Self {
        match error {
            CallsError::Archive(error) => Self::Archive(error),
            error => Self::Calls(error),
        }
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        let kind = match &error {
            ServeError::Store(error) => error.kind(),
            ServeError::Archive(ArchiveError::File(_) | ArchiveError::Misplaced { .. }) => {
                ErrorKind::Failed
            }
            ServeError::Recording(_)
            | ServeError::Archive(_)
            | ServeError::Calls(_)
            | ServeError::Listen { .. } => ErrorKind::Usage,
        };
        let hint = match &error {
            ServeError::Store(StoreError::InUse(_)) => "give each process a --store of its own",
            ServeError::Store(StoreError::Damaged { .. }) => {
                "move that file away and start again: its events are then missing from the store, and all others are served"
            }
            ServeError::Store(StoreError::Foreign(_)) => {
                "name a folder of its own with --store, or move that file away"
            }
            ServeError::Store(_) => "name a folder with --store that can be written to",
            ServeError::Archive(ArchiveError::File(_) | ArchiveError::Misplaced { .. }) => {
                "rocketman inspect --verify says what is wrong in all files; serve those that are whole"
            }
            ServeError::Archive(_) => {
                "segment files are those of a server, or what rocketman pack makes: seg_0000000000.jss and so on"
            }
            ServeError::Calls(CallsError::Unheeded { .. }) => {
                "leave the flag off, or name the files as servers and rocketman pack do: seg_0000000000.jss and so on"
            }
            ServeError::Calls(_) => "have the file hold the key on one line, and nothing else",
            ServeError::Recording(_) => {
                "a recording is what rocketman tail -o FILE writes: one event a line"
            }
            ServeError::Listen { .. } => {
                "if another program uses it, choose another port, or 0 for any that is free"
            }
        };
        Self::new(kind, error).hint(hint.to_owned())
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
    let opening = match served {
        Served::Live(live) => return live::run(*live, listen, server, signals).await,
        Served::Received(settings) => return receive::run(*settings, listen, signals).await,
        Served::Demo(demo) => {
            let server = bind(listen, AnyFeed::Demo(demo), server).await?;
            return attend(server, signals, CancellationToken::new(), ready(Ok(()))).await;
        }
        Served::Recordings(paths, playback) => spawn_blocking(move || {
            let recording = open(&paths, playback)?;
            Ok((AnyFeed::Recording(Box::new(recording)), None))
        }),
        Served::Archive(paths, speed, settings) => spawn_blocking(move || {
            let archive = open_archive(&paths, speed)?;
            let calls = calls::offer(&archive, settings)?;
            Ok((AnyFeed::Archive(Box::new(archive)), calls))
        }),
    };
    let (feed, calls) = tokio::select! {
        opened = opening => opened
            .map_err(|error| Failure::system("read what is to be served")(error.into()))?
            .map_err(|error: ServeError| Failure::from(error))?,
        signal = signals.next() => return Ok(code_of(signal)),
    };
    server.archive = calls;
    let server = bind(listen, feed, server).await?;
    attend(server, signals, CancellationToken::new(), ready(Ok(()))).await
}

/// Listens, and says where.
async fn bind(
    listen: SocketAddr,
    feed: AnyFeed,
    mut settings: ServerSettings,
) -> Result<Server<AnyFeed>, Failure> {
    settings.max_consumers = settings.max_consumers.min(room_for_consumers());
    let failed = |source| ServeError::Listen {
        address: listen,
        source,
    };
    let (description, has_v2) = (feed.describe(), !settings.legacy);
    let server = Server::bind(listen, feed, settings).await.map_err(failed)?;
    let address = server.address().map_err(failed)?;
    let of_v2 = if has_v2 {
        format!(", and over v2 at http://{address}")
    } else {
        String::new()
    };
    info!(target: PipelineSettings::STATE_TARGET, %address, "serving {description} at ws://{address}/subscribe{of_v2}");
    Ok(server)
}

/// Serves until a signal comes, everything is served, or what fills the feed has failed; `stop`
/// ends both.
async fn attend(
    server: Server<AnyFeed>,
    mut signals: Signals,
    stop: CancellationToken,
    filling: impl Future<Output = Result<(), Failure>>,
) -> Result<ExitCode, Failure> {
    let mut run = pin!(server.run(stop.cancelled()));
    let mut filling = pin!(filling);
    let (mut asked, mut filled, mut served) = (None, None, None);
    let served = loop {
        if let (Some(served), Some(_)) = (served, &filled) {
            break served;
        }
        tokio::select! {
            ended = &mut run, if served.is_none() => {
                stop.cancel();
                served = Some(ended);
            }
            result = &mut filling, if filled.is_none() => {
                if result.is_err() {
                    stop.cancel();
                }
                filled = Some(result);
            }
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
    filled.unwrap_or(Ok(()))?;
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
    let fetched = match served.archive_calls {
        0 => String::new(),
        1 => format!(
            ", and 1 archive call answered with {}",
            HumanBytes(served.archive_bytes)
        ),
        n => format!(
            ", and {} archive calls answered with {}",
            HumanCount(n),
            HumanBytes(served.archive_bytes)
        ),
    };
    info!(target: PipelineSettings::STATE_TARGET, consumers = served.consumers, events = served.events, over_budget = served.over_budget, archive_calls = served.archive_calls, archive_bytes = served.archive_bytes, "{why}: {} events sent to {consumers}{over_budget}{fetched}", HumanCount(served.events));
    Ok(asked.map_or(ExitCode::SUCCESS, code_of))
}

fn code_of(signal: StopSignal) -> ExitCode {
    match signal {
        StopSignal::Interrupt => ExitCode::from(INTERRUPTED),
        StopSignal::Terminate | StopSignal::HangUp => ExitCode::SUCCESS,
    }
}

fn open(paths: &[PathBuf], playback: Playback) -> Result<Recording, RecordingError> {
    let mut n_named = 0;
    let tell = |path: &Path, damaged: Damaged| {
        n_named += 1;
        if n_named <= MAX_NAMED_LINES {
            let Damaged { line, why } = damaged;
            warn!(target: PipelineSettings::STATE_TARGET, line, "line {line} of '{}' is skipped: {why}", path.display());
        }
    };
    let recording = Recording::open(paths, playback, tell)?;
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
    Ok(recording)
}

fn open_archive(paths: &[PathBuf], speed: Option<f64>) -> Result<Archive, ArchiveError> {
    let archive = Archive::open(paths, speed)?;
    let shown = |path: &Path| Shown::text(&path.to_string_lossy()).to_string();
    for path in archive.unsealed() {
        warn!(target: PipelineSettings::STATE_TARGET, "'{}' is left out: it is not sealed", shown(path));
    }
    let holes = archive.holes().iter().filter_map(|seam| match seam {
        Seam::Hole { after, before, .. } => Some((after, before)),
        _ => None,
    });
    for (after, before) in holes.clone().take(MAX_NAMED_HOLES) {
        warn!(target: PipelineSettings::STATE_TARGET, "what lies between '{}' and '{}' is missing, and nobody is told", shown(after), shown(before));
    }
    let more = holes.count().saturating_sub(MAX_NAMED_HOLES);
    if more > 0 {
        warn!(target: PipelineSettings::STATE_TARGET, "and {more} more gaps; rocketman inspect lists all of them");
    }
    Ok(archive)
}

/// Raises the limit of open descriptors as far as it goes, and returns how many are left for
/// consumers.
fn room_for_consumers() -> usize {
    let room = descriptors().map_or(u64::MAX, |most| {
        most.saturating_sub(OTHER_DESCRIPTORS).max(16)
    });
    usize::try_from(room).unwrap_or(usize::MAX)
}
