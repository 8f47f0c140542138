//! The order of stopping: the source closes, the sink comes to its end, the cursor is saved.

use std::pin::pin;

use tokio::time::Instant;
use tracing::warn;

use super::{
    Ended, Error, Pipeline, Summary,
    clock::{begin_save, count_save, note_save, save_wanted},
    ending::Ending,
};
use crate::{
    cursor::CursorStore,
    error::MemberError,
    event::FileMark,
    log::{STATE, chain},
    sink::Sink,
    source::Source,
};

/// How many of the events that were read last a cursor knows after a run that came to an end.
const MAX_KNOWN: usize = 10_000;

/// What came of the last save; `Ok(None)` where there was nothing to save.
type Saved = Result<Option<u64>, MemberError>;

impl<S: Source, K: Sink, C: CursorStore> Pipeline<S, K, C> {
    /// Brings everything to its end after the loop, which ended so.
    pub(super) async fn end(
        &mut self,
        flowed: Result<Ended, Error>,
        ending: &mut Ending,
    ) -> Result<Summary, Error> {
        self.source.close().await;
        let is_hung = matches!(flowed, Err(Error::Hung { .. }));
        let finished = if is_hung {
            self.sink.abandon().await;
            Ok(())
        } else {
            self.finish(ending).await
        };
        let finished = finished.and_then(|()| self.check_accepted(0));
        if let Err(Error::Hung { .. }) = finished {
            self.sink.abandon().await;
        }
        let deadline = ending.deadline(self.settings.grace);
        let (accepted, files) = self.context.read();
        let is_overrun = |error: &Error| matches!(error, Error::Overrun { .. });
        let saved =
            if flowed.as_ref().is_err_and(is_overrun) || finished.as_ref().is_err_and(is_overrun) {
                // Up to where anything is done is not known.
                Ok(None)
            } else {
                self.save_last(accepted, files, deadline).await
            };
        count_save(&saved, &self.stats);
        let finished = match (&saved, finished) {
            (Ok(_), Ok(())) if self.cursor.keeps() && !is_hung => {
                self.context.note_saved(self.cursor.saved_files());
                self.sink
                    .on_cursor_saved(&self.context)
                    .map_err(Error::Sink)
            }
            (_, finished) => finished,
        };
        self.stats.add_accepted(self.context.uncounted());
        self.source
            .ack_rest(flowed.is_ok() && finished.is_ok())
            .await;
        let is_cut_short = ending.is_wanted() && accepted < self.cursor.kept();
        let ended = match outcome(flowed, finished, saved)? {
            // What was wanted is not all delivered.
            Ended::Count | Ended::Until | Ended::End | Ended::EndAssumed if is_cut_short => {
                ending.wanted().await
            }
            ended => ended,
        };
        Ok(Summary {
            ended,
            accepted,
            position: self.cursor.position().cloned(),
            highest_us: self.cursor.highest_us(),
        })
    }

    /// Saves the place up to which everything is accepted, and what is known around it.
    async fn save_last(&mut self, accepted: u64, files: Vec<FileMark>, deadline: Instant) -> Saved {
        self.cursor.settle(accepted);
        if let Some(point) = self.cursor.point() {
            let known = self.source.recollect(point, MAX_KNOWN);
            self.cursor.remember(known);
        }
        let note = |from| self.context.note(from);
        self.cursor.save_last(accepted, files, note, deadline).await
    }

    /// Brings the sink to its end. A slow reader has all the time it needs, until somebody asks for
    /// a stop.
    async fn finish(&mut self, ending: &mut Ending) -> Result<(), Error> {
        let sink_name = self.sink.name();
        let grace = self.settings.grace;
        if ending.is_wanted() {
            self.context.stop();
        }
        let mut finish = pin!(self.sink.finish(&self.context));
        loop {
            let free_at = self.cursor.free_at(Instant::now());
            tokio::select! {
                biased;
                result = &mut finish => return result.map_err(Error::Sink),
                saved = self.cursor.finished() => {
                    note_save(saved, &self.cursor, &self.context, &self.stats).map_err(Error::Cursor)?;
                }
                () = save_wanted(&self.context, free_at) => {
                    begin_save(&mut self.cursor, &self.context, &self.stats);
                }
                _ = ending.wanted(), if ending.deadline.is_none() => {
                    ending.deadline(grace);
                    self.context.stop();
                }
                () = ending.expired() => return Err(Error::Hung { sink: sink_name, grace }),
            }
        }
    }
}

/// Why the run is over, or the first error that there was.
fn outcome(
    flowed: Result<Ended, Error>,
    finished: Result<(), Error>,
    saved: Saved,
) -> Result<Ended, Error> {
    let ended = match (flowed, finished) {
        (Err(Error::Sink(error)), _) | (Ok(_), Err(Error::Sink(error))) if error.is_closed() => {
            Ended::OutputClosed
        }
        (Err(error), _) | (Ok(_), Err(error)) => {
            if let Err(unsaved) = saved
                && !unsaved.is_final()
            {
                warn!(target: STATE, error = chain(&unsaved), "the cursor could not be saved at the end: {}", chain(&unsaved));
            }
            return Err(error);
        }
        (Ok(ended), Ok(())) => ended,
    };
    saved.map_err(Error::Cursor)?;
    Ok(ended)
}
