//! What becomes of an event at the seam between two connections.

/// What to do with an event at the beginning of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source::jetstream) enum Admission {
    /// It is new.
    New,
    /// It is new, or came before where nothing is left to recognise it by.
    MayBeRepeat,
    /// It is new, and so much later than this time, which was asked for, that the server no longer
    /// has what lies between.
    NewBehindGap(u64),
    /// It is new, and what was asked for may be missing before it: only how far back the server
    /// goes can tell.
    Doubtful(Doubt),
    /// It was there before the connection was lost.
    Repeat,
    /// It lies before the position that was asked for.
    Early,
    /// It is not the event that was expected: the server counts otherwise than when the position
    /// was taken.
    Renumbered,
}

/// What a first event leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source::jetstream) enum Doubt {
    /// It is much later than this time, which was asked for.
    Time(u64),
    /// It is much later than this time, at which there was an event that should have come again.
    Reached(u64),
    /// Its number is higher than this one, which was asked for: numbers have holes.
    Number(u64),
}

impl Admission {
    /// Whether the event is to be delivered.
    pub(super) fn is_new(self) -> bool {
        matches!(
            self,
            Self::New | Self::MayBeRepeat | Self::NewBehindGap(_) | Self::Doubtful(_)
        )
    }
}
