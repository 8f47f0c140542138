//! Where the next run goes on: the stores that keep a position between runs.
//!
//! A store keeps what it is given and hands it back. What may be saved, and when, is the pipeline's
//! business.

mod ahead;
pub(crate) mod contents;
mod course;
mod error;
mod file;
#[cfg(feature = "nats")]
mod kv;
mod pending;
mod writer;

pub use self::file::FileCursor;
#[cfg(feature = "nats")]
pub use self::kv::KvCursor;
use serde::{Deserialize, Serialize};

pub(crate) use self::{
    error::SaveError, file::CursorFileError, pending::PendingPositions, writer::CursorWriter,
};
use crate::{
    error::MemberError,
    event::{FileMark, MAX_SERVERS, Place, Position, Trail},
};

/// What a store keeps. A store of your own may keep it in whatever form serde writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// Where the next run goes on.
    pub place: Place,
    /// How far the stream was read, and what of it a resume recognises; empty for a place that was
    /// set.
    #[serde(default)]
    pub trail: Trail,
    /// The filter that was read with up to there, in words, so that a change of filter is noticed;
    /// `None` before the first run.
    pub filter: Option<String>,
    /// The sink's unfinished files, and how much of each the place counts.
    pub files: Vec<FileMark>,
    /// What the sink wants to know again at this place, in a form of its own; `None` without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What a store holds, as far as that can be seen without taking it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glimpse {
    /// What was saved last; `None` when nothing ever was.
    pub saved: Option<Saved>,
    /// Whether a process has it; `None` where that cannot be seen.
    pub in_use: Option<bool>,
}

impl Saved {
    /// Of what was saved and what the sink holds already, what lies further along the same stream.
    pub(crate) fn newest(saved: Option<Self>, reached: Option<Position>) -> Option<Self> {
        let Some(reached) = reached else {
            return saved;
        };
        if saved
            .as_ref()
            .is_some_and(|saved| !saved.is_before(&reached))
        {
            return saved;
        }
        let mut trail = Trail::up_to(reached.point.time_us);
        if let Some(saved) = saved {
            trail.highest_us = trail.highest_us.max(saved.trail.highest_us);
            trail.first_us = saved.trail.first_us;
            trail.known = saved.trail.known;
            let place = match saved.place {
                Place::Reached(position) => Some(position),
                Place::Time { .. } | Place::Seq { .. } => None,
            };
            let others = place.into_iter().chain(saved.trail.others);
            let others = others.filter(|other| other.origin.host != reached.origin.host);
            trail.others = others.take(MAX_SERVERS - 1).collect();
        }
        Some(Self {
            place: Place::Reached(reached),
            trail,
            // With which filter it was read there, the sink does not know.
            filter: None,
            files: Vec::new(),
            note: None,
        })
    }

    /// Whether this place of the sink lies further along the same stream.
    fn is_before(&self, reached: &Position) -> bool {
        let origin = self.place.origin();
        let is_same_kind = origin.is_none_or(|origin| origin.source == reached.origin.source);
        let is_further = match (self.place.seq(), reached.point.seq) {
            (Some(saved), Some(reached_seq)) if origin == Some(&reached.origin) => {
                reached_seq > saved
            }
            _ => {
                let saved_us = self.place.time_us();
                saved_us.is_some_and(|saved_us| reached.point.time_us > saved_us)
            }
        };
        // What was delivered ahead of the place is no place: something before it is still to come.
        let identity = reached.point.identity;
        let is_ahead = identity.is_some_and(|identity| self.trail.ahead.contains(&identity));
        is_same_kind && is_further && !is_ahead
    }
}

/// Keeps the cursor of one pipeline between runs.
///
/// The pipeline loads once, before anything is read, and then saves at its own pace and on every
/// way of stopping. What it saves never falls behind the highest time that was saved before, and is
/// never empty. It saves beside delivery, one save after the other, and drops one that takes longer
/// than ten seconds.
///
/// The place itself may lie before the one that was saved last: a run with a given start saves its
/// beginning first, and a server may send an earlier time after a later one. So replace what is
/// there, whatever it is, and compare nothing.
pub trait CursorStore: Send + 'static {
    /// Returns what was saved last; `None` when nothing ever was. The store is ours from then on,
    /// and may be asked again.
    ///
    /// What exists but cannot be understood is an error, never `None`: starting at the live tip
    /// instead would lose events silently.
    fn load(&mut self) -> impl Future<Output = Result<Option<Saved>, MemberError>> + Send;

    /// Whether anything is kept at all.
    fn keeps(&self) -> bool {
        true
    }

    /// Replaces what was saved. Either all of it is durable on return, or what was saved before
    /// still stands.
    ///
    /// Cancel safety: a save that was dropped halfway may or may not have happened; it is never
    /// torn.
    fn save(&mut self, saved: &Saved) -> impl Future<Output = Result<(), MemberError>> + Send;
}

/// A store in a box.
#[deny(clippy::missing_trait_methods)]
impl<C: CursorStore> CursorStore for Box<C> {
    fn load(&mut self) -> impl Future<Output = Result<Option<Saved>, MemberError>> + Send {
        (**self).load()
    }

    fn keeps(&self) -> bool {
        (**self).keeps()
    }

    fn save(&mut self, saved: &Saved) -> impl Future<Output = Result<(), MemberError>> + Send {
        (**self).save(saved)
    }
}

/// No cursor: every run starts where its source says, and nothing is kept.
impl CursorStore for () {
    async fn load(&mut self) -> Result<Option<Saved>, MemberError> {
        Ok(None)
    }

    fn keeps(&self) -> bool {
        false
    }

    async fn save(&mut self, _saved: &Saved) -> Result<(), MemberError> {
        Ok(())
    }
}
