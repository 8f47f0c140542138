//! Run after run, for programs that restart in process.

use std::{pin::pin, time::Duration};

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{Ended, Error, Pipeline, Summary};
use crate::{
    backoff::Backoff,
    cursor::CursorStore,
    error::ErrorKind,
    log::{STATE, chain},
    sink::Sink,
    source::Source,
};

/// The longest wait between two runs.
const MAX_BACKOFF: Duration = Duration::from_secs(60);

/// A run that lasted this long was well: the wait after it is a short one again.
const LONG_RUN: Duration = Duration::from_secs(60);

impl<S: Source, K: Sink, C: CursorStore> Pipeline<S, K, C> {
    /// Runs pipelines one after the other, until `stop` resolves: after a failure that may pass
    /// another one is made and run, after a wait that grows from a quarter of a second to a minute.
    ///
    /// Sources survive lost connections by themselves, and need none of this. It is for failures of
    /// a sink, as of a database that is restarted, and of cursors that could not be saved; each run
    /// goes on where the cursor is, so give the pipeline one. What is to survive a restart is made
    /// outside of `make` and lent or cloned into it: connections, [`Stats`](crate::Stats), a
    /// [`Fate`](crate::sink::Fate).
    ///
    /// ```no_run
    /// use rocketman::{Pipeline, cursor::FileCursor, sink::ingest::Ingest, source::jetstream::JetstreamSettings};
    ///
    /// # async fn run() -> Result<(), rocketman::Error> {
    /// let pipeline = || {
    ///     let ingest = Ingest::new(); // …with its routes
    ///     let cursor = FileCursor::open("posts.cursor")?;
    ///     Ok(Pipeline::ingest(JetstreamSettings::default(), ingest).cursor(cursor))
    /// };
    /// let summary = Pipeline::run_forever(pipeline, std::future::pending()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// It ends when `stop` resolves, when a run ends without a failure (a limit, the end of the
    /// source), and with an error that would only come again: what was asked for makes no sense
    /// ([`ErrorKind::Usage`]), another process has the cursor ([`ErrorKind::CursorTaken`]), the
    /// server refuses ([`ErrorKind::Refused`]), or events are missing that nobody has any more
    /// ([`ErrorKind::Gap`]). The summary, or the error, is that of the last run.
    ///
    /// Cancel safety: as [`Pipeline::run`].
    pub async fn run_forever(
        make: impl FnMut() -> Result<Self, Error>,
        stop: impl Future<Output = ()>,
    ) -> Result<Summary, Error> {
        let token = CancellationToken::new();
        let mut runs = pin!(run_until(make, token.clone()));
        tokio::select! {
            biased;
            () = stop => token.cancel(),
            summary = &mut runs => return summary,
        }
        runs.await
    }
}

async fn run_until<S: Source, K: Sink, C: CursorStore>(
    mut make: impl FnMut() -> Result<Pipeline<S, K, C>, Error>,
    stop: CancellationToken,
) -> Result<Summary, Error> {
    let mut backoff = Backoff::new(MAX_BACKOFF);
    loop {
        let began = Instant::now();
        let ended = match make() {
            Ok(pipeline) => pipeline.run(stop.cancelled()).await,
            Err(error) => Err(error),
        };
        let error = match ended {
            Err(error) if may_pass(&error) && !stop.is_cancelled() => error,
            ended => return ended,
        };
        if began.elapsed() >= LONG_RUN {
            backoff.reset();
        }
        let wait = backoff.next_wait();
        let (error, seconds) = (chain(&error), wait.as_secs_f64());
        warn!(target: STATE, error, seconds, "the run failed: {error}; another one begins in {seconds:.1} s");
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(Summary {
                ended: Ended::Stopped,
                accepted: 0,
                position: None,
                highest_us: None,
            }),
            () = sleep(wait) => {}
        }
    }
}

/// Whether the next run may come further than one that ended with this.
fn may_pass(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Failed | ErrorKind::Unreachable | ErrorKind::Stalled => {
            !matches!(error, Error::NoOrigin | Error::Overrun { .. })
        }
        ErrorKind::Usage | ErrorKind::Gap | ErrorKind::Refused | ErrorKind::CursorTaken => false,
    }
}
