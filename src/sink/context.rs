//! What a run and its sink share: the count of what is accepted, the files that the cursor counts,
//! the sink's note in it, and the wish to stop.

use std::sync::{Arc, Mutex, OnceLock};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

#[cfg(any(feature = "http", test))]
use super::Note;
use super::{
    ledger::{Ledger, held},
    note::NoteBook,
};
use crate::{event::FileMark, stats::Stats};

/// What a run has for its sink. The sink counts here which events it has accepted, and reads here
/// whether a stop was asked for and which of its files the saved cursor counts.
///
/// A clone is the same context, for a thread or task of the sink's own.
#[derive(Debug, Clone, Default)]
pub struct SinkContext(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    ledger: Ledger,
    stats: OnceLock<Arc<Stats>>,
    /// The complete files of the cursor that was saved last.
    saved: Mutex<Vec<FileMark>>,
    cursor_mode: Mutex<CursorMode>,
    note_book: NoteBook,
    stop: CancellationToken,
    /// How many events the sink works on.
    at_work: watch::Sender<usize>,
}

/// What becomes of the positions that a sink accepts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum CursorMode {
    /// There is no cursor store.
    #[default]
    Off,
    /// They are saved, and the run does not go on from what an earlier one saved.
    Fresh,
    /// They are saved, and the run goes on where an earlier one came to: what that wrote and did
    /// not count comes again.
    Resumed,
}

impl SinkContext {
    /// Accepts the next `n` events.
    pub fn accept(&self, n: u64) {
        self.0.ledger.accept(n);
    }

    /// Accepts everything up to the `total`th event, together with the files that hold it.
    pub fn accept_up_to(&self, total: u64, files: Vec<FileMark>) {
        self.0.ledger.accept_up_to(total, files);
    }

    /// How many events are accepted.
    pub fn accepted(&self) -> u64 {
        self.0.ledger.accepted()
    }

    /// How many events are accepted and were not counted yet; they are from here on.
    pub(crate) fn uncounted(&self) -> u64 {
        self.0.ledger.uncounted()
    }

    /// Where the run is counted.
    pub fn stats(&self) -> &Arc<Stats> {
        self.0.stats.get_or_init(Arc::default)
    }

    /// Says where the run is counted, before the sink begins.
    pub(crate) fn set_stats(&self, stats: Arc<Stats>) {
        self.0.stats.set(stats).ok();
    }

    /// Says how many events the sink works on at this moment: what it has taken and is not done
    /// with, whether that is accepted yet or not. For a sink that says how many it works on
    /// [at once](super::Sink::at_once).
    pub fn set_at_work(&self, n: usize) {
        if self.0.at_work.receiver_count() == 0 {
            return;
        }
        let change = |at_work: &mut usize| std::mem::replace(at_work, n) != n;
        self.0.at_work.send_if_modified(change);
    }

    /// How many events the sink works on, and when that changes.
    pub(crate) fn at_work(&self) -> watch::Receiver<usize> {
        self.0.at_work.subscribe()
    }

    /// Whether positions are saved, and whether the run goes on from a saved one.
    pub(crate) fn cursor_mode(&self) -> CursorMode {
        *held(&self.0.cursor_mode)
    }

    /// Whether the cursor that was saved last counts this file, just so, as complete.
    pub fn is_saved(&self, file: &FileMark) -> bool {
        held(&self.0.saved).contains(file)
    }

    pub(crate) fn set_cursor_mode(&self, cursor_mode: CursorMode) {
        *held(&self.0.cursor_mode) = cursor_mode;
    }

    /// A cursor with these files was saved.
    pub(crate) fn note_saved(&self, files: &[FileMark]) {
        let mut saved = held(&self.0.saved);
        saved.clear();
        saved.extend(files.iter().filter(|file| file.complete).cloned());
        drop(saved);
        self.0.note_book.saved();
    }

    /// The cursor could not be saved.
    pub(crate) fn note_unsaved(&self) {
        self.0.note_book.failed();
    }

    /// Says what the run before has noted beside the place that this one goes on from.
    pub(crate) fn set_earlier_note(&self, text: Option<String>) {
        self.0.note_book.set_earlier(text);
    }

    /// What the run before has noted, once.
    #[cfg(any(feature = "http", test))]
    pub(crate) fn earlier_note(&self) -> Option<String> {
        self.0.note_book.take_earlier()
    }

    /// Has this saved with each place from now on.
    #[cfg(any(feature = "http", test))]
    pub(crate) fn keep_note(&self, note: Arc<dyn Note>) {
        self.0.note_book.keep(note);
    }

    /// What the sink has saved with a place before the event of this number, counted from 0.
    /// Nothing where a delivery failed on purpose: what counts as failed is to come again.
    pub(crate) fn note(&self, from: u64) -> Option<String> {
        let text = self.0.note_book.text(from);
        text.filter(|_| !self.0.ledger.refuses())
    }

    /// Has the cursor saved as soon as it can be.
    #[cfg(any(feature = "http", test))]
    pub(crate) fn want_save(&self) {
        self.0.note_book.want();
    }

    /// Whether the sink wishes for a save.
    pub(crate) fn is_save_wanted(&self) -> bool {
        self.0.note_book.is_wanted()
    }

    /// Resolves once the sink wishes for a save.
    ///
    /// Cancel safety: dropped and asked again at any time.
    pub(crate) async fn save_wanted(&self) {
        self.0.note_book.wanted().await;
    }

    /// How many events are accepted, and the files that go with exactly that number.
    pub fn read(&self) -> (u64, Vec<FileMark>) {
        self.0.ledger.read()
    }

    /// Accepts nothing any more from this event on, counted from 1, whatever the sink says.
    pub(super) fn refuse_from(&self, number: u64) {
        self.0.ledger.refuse_from(number);
    }

    /// Says that a stop was asked for.
    pub(crate) fn stop(&self) {
        self.0.stop.cancel();
    }

    /// Whether a stop was asked for. What a sink has begun comes to its end; what it has taken and
    /// not begun may stay undone, and then the next run begins with it.
    pub fn is_stopped(&self) -> bool {
        self.0.stop.is_cancelled()
    }

    /// Resolves once a stop was asked for.
    ///
    /// Cancel safety: dropped and asked again at any time.
    pub async fn stopped(&self) {
        self.0.stop.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_saved_only_as_complete_and_just_so_long() {
        let context = SinkContext::default();
        let mut file = FileMark::new("/x".into(), 3, 4);
        context.note_saved(std::slice::from_ref(&file));
        assert!(!context.is_saved(&file), "it is still written to");
        file.complete = true;
        assert!(!context.is_saved(&file));
        context.note_saved(std::slice::from_ref(&file));
        assert!(context.is_saved(&file));
        file.bytes = 5;
        assert!(!context.is_saved(&file));
        file.bytes = 4;
        context.note_saved(&[]);
        assert!(!context.is_saved(&file), "that cursor is gone");
    }

    #[tokio::test]
    async fn a_stop_is_told_to_every_clone() {
        let context = SinkContext::default();
        let clone = context.clone();
        assert!(!clone.is_stopped());
        context.stop();
        clone.stopped().await;
        assert!(clone.is_stopped());
    }
}
