//! When a position is saved, and which.
//!
//! Between the pipeline, which knows what was read and what is accepted, and the store, which keeps what it is told.

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tracing::{info, warn};

use super::{CursorError, CursorStore, Marks, Saved};
use crate::{
    STATE,
    error::chain,
    event::{Batch, FileMark, Place, Point, Position},
};

/// How long the last save may take when nothing of the grace period is left.
const LAST_SAVE: std::time::Duration = std::time::Duration::from_secs(2);

/// The cursor of a run.
#[derive(Debug)]
pub(crate) struct Keeper<C> {
    store: C,
    filter: String,
    marks: Marks,
    /// Where the stream is done up to.
    position: Option<Position>,
    /// The place up to which every event is accepted, for a source that wants to know.
    accepted: watch::Sender<Option<Point>>,
    saved: Option<Saved>,
    is_failing: bool,
    /// Something has changed since the last save, or is still to be accepted.
    has_news: bool,
}

impl<C: CursorStore> Keeper<C> {
    pub(crate) fn new(store: C) -> Self {
        Self {
            store,
            filter: String::new(),
            marks: Marks::default(),
            position: None,
            accepted: watch::channel(None).0,
            saved: None,
            is_failing: false,
            has_news: true,
        }
    }

    /// Returns what an earlier run saved. From now on saves are made with this filter.
    pub(crate) async fn load(&mut self, filter: &str) -> Result<Option<Saved>, CursorError> {
        filter.clone_into(&mut self.filter);
        self.store.load().await
    }

    /// The source goes on from what was saved, so it stands until something further is accepted. A place that was set
    /// and not reached gives way to the first event, as if there had been none.
    pub(crate) fn go_on_from(&mut self, saved: Saved) {
        if let Place::Reached(position) = &saved.place {
            self.position = Some(position.clone());
        }
        self.saved = Some(saved);
    }

    /// Notes a batch that went through the filter. Returns whether it holds the first event of all, which is then to be
    /// saved as the beginning: until something is accepted, a crash has to come back to it, and not to a later live tip.
    pub(crate) fn add(&mut self, batch: &Batch) -> bool {
        let mut is_beginning = false;
        if let (None, Some(first), Some(origin)) = (&self.position, batch.first(), batch.origin()) {
            let point = Point {
                identity: None,
                ..*first
            };
            self.position = Some(Position {
                origin: (**origin).clone(),
                point,
            });
            is_beginning = true;
        }
        self.marks.add(batch);
        self.has_news |= batch.reached().is_some();
        is_beginning
    }

    /// The sink takes the batch that was added last apart, so that every event of it can be the last one accepted.
    pub(crate) fn note_each(&mut self, batch: &Batch) {
        self.marks.note_each(batch);
    }

    /// What will tell the place up to which every event is accepted.
    pub(crate) fn accepted(&self) -> watch::Receiver<Option<Point>> {
        self.accepted.subscribe()
    }

    /// The sink has accepted so many events.
    pub(crate) fn settle(&mut self, accepted: u64) {
        if let Some(position) = self.marks.settle(accepted) {
            self.accepted.send_replace(Some(position.point));
            self.position = Some(position);
        }
    }

    /// The sink is about to make durable what it was given so far.
    pub(crate) fn pin(&mut self) {
        self.marks.pin();
    }

    /// Whether there is anything to save, or to ask the sink about.
    pub(crate) fn has_news(&self) -> bool {
        self.has_news
    }

    /// Whether anything is kept at all.
    pub(crate) fn keeps(&self) -> bool {
        self.store.keeps()
    }

    /// The files of the cursor that was saved last.
    pub(crate) fn saved_files(&self) -> &[FileMark] {
        self.saved.as_ref().map_or(&[], |saved| &saved.files)
    }

    /// Events given to the sink so far.
    pub(crate) fn kept(&self) -> u64 {
        self.marks.kept()
    }

    /// Where the stream is done up to.
    pub(crate) fn into_position(self) -> Option<Position> {
        self.position
    }

    /// Saves what changed, and returns the time of what was saved. A failure is told once and tried again with the next save.
    pub(crate) async fn save(
        &mut self,
        accepted: u64,
        files: Vec<FileMark>,
    ) -> Result<Option<u64>, CursorError> {
        let saved = self.try_save(accepted, files).await;
        self.has_news = saved.is_err() || self.marks.are_waiting();
        match &saved {
            Ok(_) if self.is_failing => {
                self.is_failing = false;
                info!(target: STATE, "the cursor is saved again");
            }
            Err(error) if !self.is_failing && !error.is_taken() => {
                self.is_failing = true;
                let error = chain(error);
                warn!(target: STATE, error, "the cursor could not be saved, trying again: {error}");
            }
            _ => {}
        }
        saved
    }

    /// Saves what changed, at the end of a run. Returns as [`Keeper::save`] does.
    pub(crate) async fn save_last(
        &mut self,
        accepted: u64,
        files: Vec<FileMark>,
        deadline: Instant,
    ) -> Result<Option<u64>, CursorError> {
        let deadline = deadline.max(Instant::now() + LAST_SAVE);
        timeout_at(deadline, self.try_save(accepted, files))
            .await
            .unwrap_or(Err(CursorError::TimedOut))
    }

    async fn try_save(
        &mut self,
        accepted: u64,
        files: Vec<FileMark>,
    ) -> Result<Option<u64>, CursorError> {
        self.settle(accepted);
        let Some(position) = self
            .position
            .as_ref()
            .filter(|position| position.point.time_us > 0)
        else {
            return Ok(None);
        };
        if !self.store.keeps() {
            return Ok(None);
        }
        let time_us = position.point.time_us;
        let place = Place::Reached(position.clone());
        if self
            .saved
            .as_ref()
            .is_some_and(|saved| saved.place == place && saved.files == files)
        {
            return Ok(None);
        }
        let fresh = Saved {
            place,
            filter: Some(self.filter.clone()),
            files,
        };
        self.store.save(&fresh).await?;
        self.saved = Some(fresh);
        Ok(Some(time_us))
    }
}
