//! `rocketman tail`: puts the members together, runs them, and listens for signals meanwhile.

pub(crate) mod download;
mod hang_up;
pub(crate) mod members;
pub(crate) mod price;
mod summary;

use std::{
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::signals::{Signals, StopSignal};
use crate::{
    command::{
        demo_server::DemoServer,
        tail::{
            hang_up::HangUp,
            members::{AnyCursorStore, AnySource},
            summary::log_end,
        },
    },
    failure::{Failure, INTERRUPTED},
    monitor::{Monitor, metrics_page::Exporter, systemd::Service},
    settings::{AnySink, Cursor, Environment, MetricsSettings, SourceSettings, TailSettings},
    terminal::status_line::{Names, StatusLine, Ticker},
};
#[cfg(feature = "nats")]
use rocketman::source::nats::NatsSource;
use rocketman::{
    Ended, Error, ErrorKind, Pipeline, PipelineSettings, Stats, Summary,
    cursor::{CursorStore, FileCursor},
    sink::{Fate, Sink},
    source::{history::History, jetstream::Jetstream, segments::Segments},
    table::sqlite::{SqliteAccounts, SqliteCursor},
};

/// How far apart the ends of a pipeline may hear of the same Ctrl-C.
const SAME_KEY_WINDOW: Duration = Duration::from_millis(50);

/// Runs until an end that was asked for.
pub(crate) async fn run(
    settings: TailSettings,
    environment: &Environment,
    line: &StatusLine,
) -> Result<ExitCode, Failure> {
    let TailSettings {
        source,
        filter,
        output,
        cursor,
        pipeline,
        fate,
        metrics,
        account_files,
        introduction,
    } = settings;
    let names = Names {
        source: source.demo_name(),
        output: output.name(),
        has_end: matches!(source, SourceSettings::Segments(_)),
    };
    let mut signals = Signals::listen().map_err(Failure::system("listen for signals"))?;
    let cursor = open_cursor(cursor)?;
    let monitor = Monitor {
        ticker: Ticker::new(line, names),
        exporter: open_exporter(metrics).await?,
        service: Service::from_env(environment.lookup()),
    };
    // After the metrics page: what is counted before there is one goes nowhere.
    let stats = Arc::new(Stats::default());
    let mut fate = fate.map(announce_fate);
    let (sink, own_cursor) = output.open(&mut fate).map_err(Error::Sink)?;
    let accounts = own_cursor.as_ref().map(SqliteCursor::accounts);
    let cursor = match own_cursor {
        Some(own) => AnyCursorStore::Sqlite(Box::new(own)),
        None => cursor,
    };
    let has_cursor = cursor.keeps();
    info!(target: PipelineSettings::STATE_TARGET, "{introduction}");
    if let (AnySink::File(_), false) = (&sink, has_cursor) {
        let name = sink.name();
        info!(target: PipelineSettings::STATE_TARGET, "without --cursor-file, events may be in {name} twice after a crash, or be missing");
    }
    // The demo is held to the end: dropped, it serves no more.
    let (source, _demo) = open_source(source, accounts)?;
    let hang_up = HangUp::of(&source, &sink, account_files);
    signals.reload_on_hang_up(!hang_up.stops());
    let stop = CancellationToken::new();
    let pipeline = Pipeline::new(source, sink)
        .filter(filter)
        .settings(pipeline)
        .stats(Arc::clone(&stats))
        .fate(fate)
        .cursor(cursor);
    let mut run = pin!(pipeline.run(stop.clone().cancelled_owned()));
    let mut around = Around {
        signals,
        hang_up,
        monitor,
        stats: &stats,
        stop,
    };
    let Some((result, mut asked)) = around.attend(run.as_mut()).await else {
        return Ok(ExitCode::from(INTERRUPTED));
    };
    around.monitor.notify_stopping();
    line.clear();
    let summary = result?;
    if asked.is_none() && summary.ended == Ended::OutputClosed {
        // A Ctrl-C ends the reader of the pipe too, and its end may be seen first.
        asked = timeout(SAME_KEY_WINDOW, around.signals.next()).await.ok();
    }
    log_end(&summary, &stats, asked, has_cursor);
    let is_interrupted = asked == Some(StopSignal::Interrupt)
        && matches!(summary.ended, Ended::Stopped | Ended::OutputClosed);
    Ok(if is_interrupted {
        ExitCode::from(INTERRUPTED)
    } else {
        ExitCode::SUCCESS
    })
}

/// What goes on beside the pipeline.
struct Around<'a> {
    signals: Signals,
    hang_up: HangUp,
    monitor: Monitor,
    stats: &'a Arc<Stats>,
    stop: CancellationToken,
}

impl Around<'_> {
    /// Listens for signals until the run is over, and returns its result and the signal that asked
    /// for it; `None` where a second one ends it at once.
    async fn attend(
        &mut self,
        mut run: Pin<&mut impl Future<Output = Result<Summary, Error>>>,
    ) -> Option<(Result<Summary, Error>, Option<StopSignal>)> {
        let mut asked = None;
        loop {
            tokio::select! {
                result = &mut run => return Some((result, asked)),
                signal = self.signals.next() => {
                    if signal == StopSignal::HangUp && !self.hang_up.stops() {
                        self.hang_up.heed();
                        continue;
                    }
                    if asked.is_some() {
                        warn!(target: PipelineSettings::STATE_TARGET, "stopped at once by a second signal; the cursor stays where it was last saved");
                        return None;
                    }
                    asked = Some(signal);
                    self.stop(signal);
                }
                never = self.hang_up.attend() => match never {},
                never = self.monitor.attend(self.stats) => match never {},
            }
        }
    }

    /// Has the run stop, and says so.
    fn stop(&mut self, signal: StopSignal) {
        self.signals.reload_on_hang_up(!self.hang_up.stops());
        self.signals.heed(signal);
        self.stop.cancel();
        self.monitor.notify_stopping();
        let again = match signal {
            StopSignal::Interrupt => "press Ctrl-C again",
            _ => "send a second signal",
        };
        info!(target: PipelineSettings::STATE_TARGET, "{}: stopping gracefully; {again} to stop now", signal.name());
    }
}

/// Opens what keeps the place.
fn open_cursor(cursor: Cursor) -> Result<AnyCursorStore, Failure> {
    Ok(match cursor {
        Cursor::File(path) => AnyCursorStore::File(FileCursor::open(path).map_err(Error::Cursor)?),
        #[cfg(feature = "nats")]
        Cursor::Kv(settings) => AnyCursorStore::Kv(Box::new(settings.cursor())),
        Cursor::Nowhere => AnyCursorStore::None(()),
    })
}

/// Opens what is read, and the server of a demo with it.
fn open_source(
    settings: SourceSettings,
    accounts: Option<SqliteAccounts>,
) -> Result<(AnySource, Option<DemoServer>), Failure> {
    let (settings, demo) = match settings {
        #[cfg(feature = "nats")]
        SourceSettings::Nats(settings) => {
            let source = NatsSource::new(*settings);
            return Ok((AnySource::Nats(Box::new(source)), None));
        }
        SourceSettings::History(settings)
        | SourceSettings::Price(settings)
        | SourceSettings::Download(settings, _) => {
            let mut source = History::new(*settings);
            if let Some(accounts) = accounts {
                source = source.marking(accounts);
            }
            return Ok((AnySource::History(Box::new(source)), None));
        }
        SourceSettings::Segments(settings) => {
            let source = Segments::new(*settings);
            return Ok((AnySource::Segments(Box::new(source)), None));
        }
        SourceSettings::Jetstream(settings) => (settings, None),
        SourceSettings::Demo(demo, mut settings) => {
            let server = DemoServer::start(demo)
                .map_err(Failure::system("serve the demo on this machine"))?;
            settings.endpoints = vec![server.endpoint().clone()];
            (settings, Some(server))
        }
    };
    let source = Jetstream::new(settings);
    Ok((AnySource::Jetstream(Box::new(source)), demo))
}

/// Says loudly that deliveries will fail.
fn announce_fate((probability, seed): (f64, u64)) -> Fate {
    warn!(target: PipelineSettings::STATE_TARGET, probability, seed, "deliveries fail on purpose: --fate {probability} --fate-seed {seed}");
    Fate::new(probability, seed)
}

/// Why there is no metrics page.
#[derive(Debug, thiserror::Error)]
#[error("--metrics-addr: cannot listen on {address}")]
struct MetricsError {
    address: SocketAddr,
    source: io::Error,
}

/// Opens the metrics page if there is to be one, and says where it is.
async fn open_exporter(page: Option<MetricsSettings>) -> Result<Option<Exporter>, Failure> {
    let Some(MetricsSettings { address, hosts }) = page else {
        return Ok(None);
    };
    let failed = |source| {
        let hint = "choose another port, or 0 for any that is free, and an address of this machine";
        let error = MetricsError { address, source };
        Failure::new(ErrorKind::Usage, error).hint(hint.to_owned())
    };
    let exporter = Exporter::open(address, hosts).await.map_err(failed)?;
    let address = exporter.address().map_err(failed)?;
    info!(target: PipelineSettings::STATE_TARGET, %address, "metrics are at http://{address}/metrics, and whether it is alive at http://{address}/healthz");
    Ok(Some(exporter))
}
