//! `rocketman tail`: puts the members together, runs them, and listens for signals meanwhile.

mod hang_up;
pub(crate) mod members;
pub(crate) mod price;

use std::{io, net::SocketAddr, pin::pin, process::ExitCode, sync::Arc, time::Duration};

use indicatif::HumanCount;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::settings::TimeUs;
use crate::signals::{Signals, StopSignal};
use crate::{
    command::{
        demo_server::DemoServer,
        tail::{
            hang_up::HangUp,
            members::{AnyCursorStore, AnySource},
        },
    },
    failure::{Failure, INTERRUPTED},
    monitor::{Monitor, metrics_page::Exporter, systemd::Service},
    settings::{AnySink, Cursor, Environment, MetricsSettings, SourceSettings, TailSettings},
    terminal::{
        progress,
        status_line::{Names, StatusLine, Ticker},
    },
};
#[cfg(feature = "nats")]
use rocketman::source::nats::NatsSource;
use rocketman::{
    Ended, Error, ErrorKind, Pipeline, PipelineSettings, Stats, Summary,
    cursor::FileCursor,
    sink::{Fate, Sink},
    source::{history::History, jetstream::Jetstream, segments::Segments},
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
    let has_cursor = cursor != Cursor::Nowhere;
    let cursor = match cursor {
        Cursor::File(path) => AnyCursorStore::File(FileCursor::open(path).map_err(Error::Cursor)?),
        #[cfg(feature = "nats")]
        Cursor::Kv(settings) => AnyCursorStore::Kv(Box::new(settings.cursor())),
        Cursor::Nowhere => AnyCursorStore::None(()),
    };
    let mut monitor = Monitor {
        ticker: Ticker::new(line, names),
        exporter: open_exporter(metrics).await?,
        service: Service::from_env(environment.lookup()),
    };
    // After the metrics page: what is counted before there is one goes nowhere.
    let stats = Arc::new(Stats::default());
    let mut fate = fate.map(announce_fate);
    let sink = output.open(&mut fate).map_err(Error::Sink)?;
    info!(target: PipelineSettings::STATE_TARGET, "{introduction}");
    if let (AnySink::File(_), false) = (&sink, has_cursor) {
        info!(
            target: PipelineSettings::STATE_TARGET,
            "without --cursor-file, events may be in {} twice after a crash, or be missing",
            sink.name()
        );
    }
    // The demo is held to the end: dropped, it serves no more.
    let (source, _demo) = open_source(source)?;
    let mut hang_up = HangUp::of(&source, &sink, account_files);
    signals.reload_on_hang_up(!hang_up.stops());
    let stop = CancellationToken::new();
    let pipeline = Pipeline::new(source, sink)
        .filter(filter)
        .settings(pipeline)
        .stats(Arc::clone(&stats))
        .fate(fate)
        .cursor(cursor);
    let mut run = pin!(pipeline.run(stop.clone().cancelled_owned()));
    let mut asked = None;
    let result = loop {
        tokio::select! {
            result = &mut run => break result,
            signal = signals.next() => {
                if signal == StopSignal::HangUp && !hang_up.stops() {
                    hang_up.heed();
                    continue;
                }
                if asked.is_some() {
                    warn!(target: PipelineSettings::STATE_TARGET, "stopped at once by a second signal; the cursor stays where it was last saved");
                    return Ok(ExitCode::from(INTERRUPTED));
                }
                asked = Some(signal);
                signals.reload_on_hang_up(!hang_up.stops());
                signals.heed(signal);
                stop.cancel();
                monitor.notify_stopping();
                let again = match signal {
                    StopSignal::Interrupt => "press Ctrl-C again",
                    _ => "send a second signal",
                };
                info!(target: PipelineSettings::STATE_TARGET, "{}: stopping gracefully; {again} to stop now", signal.name());
            }
            never = hang_up.attend() => match never {},
            never = monitor.attend(&stats) => match never {},
        }
    };
    monitor.notify_stopping();
    line.clear();
    let summary = result?;
    if asked.is_none() && summary.ended == Ended::OutputClosed {
        // A Ctrl-C ends the reader of the pipe too, and its end may be seen first.
        asked = timeout(SAME_KEY_WINDOW, signals.next()).await.ok();
    }
    log_end(&summary, &stats, asked, has_cursor);
    Ok(match asked {
        Some(StopSignal::Interrupt)
            if matches!(summary.ended, Ended::Stopped | Ended::OutputClosed) =>
        {
            ExitCode::from(INTERRUPTED)
        }
        _ => ExitCode::SUCCESS,
    })
}

/// Opens what is read, and the server of a demo with it.
fn open_source(settings: SourceSettings) -> Result<(AnySource, Option<DemoServer>), Failure> {
    let (settings, demo) = match settings {
        #[cfg(feature = "nats")]
        SourceSettings::Nats(settings) => {
            let source = NatsSource::new(*settings);
            return Ok((AnySource::Nats(Box::new(source)), None));
        }
        SourceSettings::History(settings) | SourceSettings::Price(settings) => {
            let source = History::new(*settings);
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

/// The last line on stderr.
fn log_end(summary: &Summary, stats: &Stats, asked: Option<StopSignal>, has_cursor: bool) {
    let Summary {
        ended,
        accepted,
        position: _,
        highest_us,
    } = summary;
    let why = why(*ended, asked);
    let until = highest_us.map_or(String::new(), |highest_us| {
        let saved = if has_cursor {
            "cursor saved at"
        } else {
            "read up to"
        };
        format!(", {saved} {}", TimeUs(highest_us))
    });
    let read = stats.progress().map_or(String::new(), |progress| {
        format!(", {}", progress::share(&progress, stats.wire_bytes()))
    });
    let text = format!(
        "{why}: {}{until}{read}{}",
        counted(*accepted, ["event delivered", "events delivered"]),
        exceptions(stats)
    );
    // A reader that leaves is the most ordinary end of a pipe, and not worth a word.
    if *ended == Ended::OutputClosed && asked.is_none() {
        info!("{text}");
    } else {
        info!(target: PipelineSettings::STATE_TARGET, accepted, ?ended, "{text}");
    }
}

/// Why the run is over, in words.
fn why(ended: Ended, asked: Option<StopSignal>) -> String {
    match (ended, asked) {
        (Ended::Stopped, Some(signal)) => format!("stopped by {}", signal.name()),
        (Ended::Stopped, None) => "stopped".to_owned(),
        (Ended::Count, _) => "the count is reached".to_owned(),
        (Ended::Duration, _) => "--duration is reached".to_owned(),
        (Ended::Until, _) => "--until is reached".to_owned(),
        (Ended::End, _) => "the end is reached".to_owned(),
        (Ended::EndAssumed, _) => "the end is assumed, as nothing more came".to_owned(),
        (Ended::OutputClosed, _) => "stdout was closed by its reader".to_owned(),
        _ => "the run has ended".to_owned(),
    }
}

/// How often something was out of the ordinary, as it follows the number of events.
fn exceptions(stats: &Stats) -> String {
    let counts = [
        (
            stats.connects().saturating_sub(1),
            ["reconnect", "reconnects"],
        ),
        (stats.repeats(), ["repeat dropped", "repeats dropped"]),
        (
            stats.repeats_let_through(),
            [
                "possible repeat let through",
                "possible repeats let through",
            ],
        ),
        (
            stats.early(),
            ["earlier event dropped", "earlier events dropped"],
        ),
        (
            stats.oversized(),
            [
                "event above --max-message-size left out",
                "events above --max-message-size left out",
            ],
        ),
        (stats.given_up(), ["event given up", "events given up"]),
        (
            stats.in_others(),
            ["event in the shared file", "events in the shared file"],
        ),
        (
            stats.undelivered_kept(),
            [
                "time an undeliverable message was given back",
                "times an undeliverable message was given back",
            ],
        ),
        (
            stats.undelivered_skipped(),
            [
                "undeliverable message terminated",
                "undeliverable messages terminated",
            ],
        ),
        (
            stats.undelivered_dead_lettered(),
            [
                "undeliverable message kept as a dead letter",
                "undeliverable messages kept as dead letters",
            ],
        ),
        (stats.gaps(), ["gap", "gaps"]),
        (
            stats.bad(),
            ["malformed message skipped", "malformed messages skipped"],
        ),
    ];
    let more = counts.iter().filter(|(n, _)| *n > 0);
    let more: Vec<_> = more
        .map(|(n, what)| format!(", {}", counted(*n, *what)))
        .collect();
    more.concat()
}

/// `1 event`, `1,240 events`.
fn counted(n: u64, [one, many]: [&str; 2]) -> String {
    format!("{} {}", HumanCount(n), if n == 1 { one } else { many })
}
