//! What a sink keeps in the cursor beside the place of the stream, and its wish to have that saved.

use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock},
};

use tokio::sync::watch;

use super::ledger::held;

/// What a sink keeps in the cursor beside the place, in a form of its own.
pub(crate) trait Note: fmt::Debug + Send + Sync {
    /// What is saved with a place before the event of this number, counted from 0 at the first that
    /// the sink was given; empty where that is nothing.
    fn text(&self, from: u64) -> String;

    /// The text that was asked for last is saved.
    fn saved(&self);
}

/// The note of a run.
#[derive(Debug, Default)]
pub(super) struct NoteBook {
    note: OnceLock<Arc<dyn Note>>,
    /// What the run before has saved.
    earlier: Mutex<Option<String>>,
    /// A save is wished for.
    is_wanted: watch::Sender<bool>,
}

impl NoteBook {
    #[cfg(any(feature = "http", test))]
    pub(super) fn keep(&self, note: Arc<dyn Note>) {
        self.note.set(note).ok();
    }

    #[cfg(any(feature = "http", test))]
    pub(super) fn take_earlier(&self) -> Option<String> {
        held(&self.earlier).take()
    }

    pub(super) fn set_earlier(&self, text: Option<String>) {
        *held(&self.earlier) = text;
    }

    pub(super) fn text(&self, from: u64) -> Option<String> {
        self.is_wanted.send_replace(false);
        let text = self.note.get()?.text(from);
        Some(text).filter(|text| !text.is_empty())
    }

    pub(super) fn saved(&self) {
        if let Some(note) = self.note.get() {
            note.saved();
        }
    }

    pub(super) fn want(&self) {
        self.is_wanted.send_replace(true);
    }

    /// What was to be saved was not: where there is a note, it is wished for again.
    pub(super) fn failed(&self) {
        if self.note.get().is_some() {
            self.want();
        }
    }

    pub(super) fn is_wanted(&self) -> bool {
        *self.is_wanted.borrow()
    }

    pub(super) async fn wanted(&self) {
        let mut is_wanted = self.is_wanted.subscribe();
        // The sender is ours.
        is_wanted.wait_for(|wanted| *wanted).await.ok();
    }
}
