//! Saves of the cursor, as a source sees them that has reason to wish for one.

use std::{future::pending, sync::Arc};

use tokio::sync::{Notify, watch};

use crate::event::Point;

/// Wishes for saves, and what was saved.
#[derive(Debug, Clone)]
pub(crate) struct Saves {
    wishes: Arc<Notify>,
    saved: watch::Receiver<Option<Point>>,
    keeps: bool,
}

impl Saves {
    /// Those of a run. `keeps` says whether anything is saved at all.
    pub(crate) fn new(saved: watch::Receiver<Option<Point>>, keeps: bool) -> Self {
        Self {
            wishes: Arc::default(),
            saved,
            keeps,
        }
    }

    /// Nothing is ever saved.
    pub(crate) fn none() -> Self {
        Self::new(watch::channel(None).1, false)
    }

    /// Whether anything is saved at all.
    pub(crate) fn keeps(&self) -> bool {
        self.keeps
    }

    /// Wishes for a save as soon as it is possible.
    pub(crate) fn ask(&self) {
        if self.keeps {
            self.wishes.notify_one();
        }
    }

    /// Resolves once a save is wished for.
    ///
    /// Cancel safety: no wish is lost.
    pub(crate) async fn asked(&self) {
        self.wishes.notified().await;
    }

    /// The place that was saved last in this run.
    pub(crate) fn saved(&mut self) -> Option<Point> {
        *self.saved.borrow_and_update()
    }

    /// Waits until another place is saved. Never ends where none will be.
    ///
    /// Cancel safety: dropped and asked again at any time.
    pub(crate) async fn changed(&mut self) {
        if self.saved.changed().await.is_err() {
            pending::<()>().await;
        }
    }
}
