//! A live stream that is served: a pipeline fills the store that consumers read.

use std::{net::SocketAddr, path::Path, process::ExitCode, sync::Arc};

use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{ServeError, attend, bind};
use crate::settings::TimeUs;
use crate::{
    failure::Failure,
    settings::{LiveSettings, Upstream},
    signals::Signals,
};
#[cfg(feature = "nats")]
use rocketman::source::nats::NatsSource;
use rocketman::{
    Error, Pipeline, PipelineSettings, Reason, Stats,
    cursor::{CursorStore, FileCursor},
    filter::Filter,
    serve::{AnyFeed, Retention, ServerSettings, Stdin, Store, StoreError, StoreSink},
    source::{Source, jetstream::Jetstream},
};

/// The cursor of upstream, in the folder of a store.
const CURSOR: &str = "upstream.cursor";

/// Serves until an end that was asked for, or upstream cannot be read.
pub(super) async fn run(
    settings: LiveSettings,
    listen: SocketAddr,
    mut server: ServerSettings,
    signals: Signals,
) -> Result<ExitCode, Failure> {
    let LiveSettings {
        upstream,
        filter,
        folder,
        retention,
        what,
    } = settings;
    let opened = spawn_blocking({
        let folder = folder.clone();
        move || open(folder.as_deref(), retention)
    });
    let store = opened
        .await
        .map_err(|error| Failure::system("open the store")(error.into()))?
        .map_err(ServeError::from)?;
    introduce(&store, &what, &filter, folder.as_deref());
    let cursor = folder.map(|folder| FileCursor::open(folder.join(CURSOR)));
    let cursor = cursor.transpose().map_err(Error::Cursor)?;
    let (sink, feed) = store.split(&what);
    let stats = Arc::new(Stats::default());
    // Who writes to stdin may take as long as they like.
    let is_watched = !matches!(upstream, Upstream::Stdin);
    server.upstream = is_watched.then(|| Arc::clone(&stats));
    let server = bind(listen, AnyFeed::Live(feed), server).await?;
    let stop = CancellationToken::new();
    let parts = Parts {
        filter,
        sink,
        cursor,
        stats,
    };
    let filling = Box::pin(fill(upstream, parts, stop.clone()));
    attend(server, signals, stop, filling).await
}

fn open(folder: Option<&Path>, retention: Retention) -> Result<Store, StoreError> {
    match folder {
        Some(folder) => Store::open(folder, retention),
        None => Ok(Store::temporary(retention)),
    }
}

/// Says what is read, and where it is kept.
fn introduce(store: &Store, what: &str, filter: &Filter, folder: Option<&Path>) {
    let filter = filter.description();
    let Some(folder) = folder.map(Path::display) else {
        info!(target: PipelineSettings::STATE_TARGET, "reading {what}: {filter}, kept in temporary files until the end; --store keeps it for the next start");
        return;
    };
    let held = store.latest_us().map_or_else(
        || ", which is empty".to_owned(),
        |latest_us| format!(", which has events up to {}", TimeUs(latest_us)),
    );
    info!(target: PipelineSettings::STATE_TARGET, "reading {what}: {filter}, kept in '{folder}'{held}");
}

/// All of a pipeline but its source.
struct Parts {
    filter: Filter,
    sink: StoreSink,
    cursor: Option<FileCursor>,
    stats: Arc<Stats>,
}

/// Reads upstream into the store.
async fn fill(upstream: Upstream, parts: Parts, stop: CancellationToken) -> Result<(), Failure> {
    match upstream {
        Upstream::Jetstream(settings) => {
            Box::pin(pump(Jetstream::new(*settings), parts, stop)).await
        }
        #[cfg(feature = "nats")]
        Upstream::Nats(settings) => pump(NatsSource::new(*settings), parts, stop).await,
        Upstream::Stdin => {
            let stdin = Stdin::open().map_err(Failure::system("read stdin"))?;
            pump(stdin, parts, stop.clone()).await?;
            if !stop.is_cancelled() {
                info!(target: PipelineSettings::STATE_TARGET, "stdin has ended; what came is served on");
            }
            Ok(())
        }
    }
}

async fn pump(source: impl Source, parts: Parts, stop: CancellationToken) -> Result<(), Failure> {
    let Parts {
        filter,
        sink,
        cursor,
        stats,
    } = parts;
    let pipeline = Pipeline::new(source, sink).filter(filter).stats(stats);
    let run = match cursor {
        Some(cursor) => run_with(pipeline.cursor(cursor), stop).await,
        None => run_with(pipeline, stop).await,
    };
    run.map_err(|error| {
        let is_foreign = matches!(
            &error,
            Error::Source(error) if matches!(error.reason(), Some(Reason::CursorForeign))
        );
        let failure = Failure::from(error);
        if is_foreign {
            failure.hint("give each source a --store of its own".to_owned())
        } else {
            failure
        }
    })
}

async fn run_with<S: Source, C: CursorStore>(
    pipeline: Pipeline<S, StoreSink, C>,
    stop: CancellationToken,
) -> Result<(), Error> {
    pipeline.run(stop.cancelled_owned()).await.map(drop)
}
