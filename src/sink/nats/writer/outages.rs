//! What is said while a stream takes nothing, or its end cannot be seen.

use tracing::{debug, info, warn};

use super::{MAX_BACKOFF, Writer};
use crate::{
    log::outage::{Mention, lasted},
    log::{STATE, printable},
};

impl Writer {
    /// Something is stored.
    pub(super) fn note_stored(&mut self) {
        self.refused = None;
        let was_said = self.standstill.was_said();
        if let Some(age) = self.standstill.end().filter(|_| was_said) {
            let (stream, age) = (printable(&self.stream), lasted(age));
            info!(target: STATE, stream, "the stream '{stream}' stores events again after {age}");
        }
    }

    /// Logs that what is sent is not stored: where that begins, and where it is time for a
    /// reminder.
    pub(super) fn log_standstill(&mut self) {
        let stream = printable(&self.stream);
        let why = self.refused.as_deref().unwrap_or("no answer came");
        match self.standstill.mention(MAX_BACKOFF + self.ack_timeout) {
            Mention::First => {
                warn!(target: STATE, why, stream, "the stream '{stream}' stores nothing at the moment: {why}; trying again");
            }
            Mention::Reminder(age) => {
                let age = lasted(age);
                warn!(target: STATE, why, stream, "still after {age}: the stream '{stream}' stores nothing: {why}; trying again");
            }
            Mention::None => {}
        }
    }

    /// Logs that the end of the stream cannot be seen: where that begins, and where it is time for a
    /// reminder.
    pub(super) fn log_unseen(&mut self, error: &str, tries: u32) {
        let stream = printable(&self.stream);
        match self.outage.mention(MAX_BACKOFF) {
            Mention::First => {
                warn!(target: STATE, error, tries, stream, "cannot see where the stream '{stream}' ends: {error}; trying again");
            }
            Mention::Reminder(age) => {
                let age = lasted(age);
                warn!(target: STATE, error, tries, stream, "still after {age} and {tries} tries: cannot see where the stream '{stream}' ends: {error}; trying again");
            }
            Mention::None => {
                debug!(target: STATE, error, tries, stream, "cannot see where the stream '{stream}' ends: {error}");
            }
        }
    }
}
