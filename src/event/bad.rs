//! Why a message is no event.

/// Why a message is no event. The class, not the text, decides what is counted and logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum BadEvent {
    /// The envelope cannot be read, or the message does not end where an object ends.
    #[error("its envelope cannot be read")]
    Envelope,
    /// A text that is no UTF-8, in which nothing else could be trusted either.
    #[error("it is not valid UTF-8")]
    NotUtf8,
    /// The whole of it was asked to be checked, and it is not JSON.
    #[error("it is not valid JSON")]
    NotJson,
    /// A binary message that is no zstd frame.
    #[error("it is not a zstd frame")]
    NotZstd,
    /// A zstd frame that was made with another dictionary.
    #[error("it was compressed with another dictionary")]
    WrongDictionary,
    /// A zstd frame that cannot be inflated.
    #[error("its zstd frame is damaged")]
    DamagedZstd,
    /// A message that is larger than the cap, as it came or inflated.
    #[error("it is larger than the size limit")]
    TooLarge,
    /// A message that took too long to arrive, again and again.
    #[error("it took too long to arrive")]
    TooSlow,
    /// A compressed message reached a program that was built without zstd.
    #[error("it is compressed, and this build has no zstd")]
    Compressed,
    /// A message of NATS at which the client library drops the connection.
    #[error("the NATS client cannot read it")]
    Unreadable,
    /// A row of a segment file of which no server prints a line: its record has floats, say.
    #[error("its record cannot be printed")]
    Record,
    /// A message of the v2 wire that is of a type which this version does not know.
    #[error("it is of a type that this version does not know")]
    UnknownType,
}

impl BadEvent {
    /// Every class, in the order of their counters.
    pub const ALL: [Self; 12] = [
        Self::Envelope,
        Self::NotUtf8,
        Self::NotJson,
        Self::NotZstd,
        Self::WrongDictionary,
        Self::DamagedZstd,
        Self::TooLarge,
        Self::TooSlow,
        Self::Compressed,
        Self::Unreadable,
        Self::UnknownType,
        Self::Record,
    ];

    /// One word for the class, for machines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Envelope => "envelope",
            Self::NotUtf8 => "not_utf8",
            Self::NotJson => "not_json",
            Self::NotZstd => "not_zstd",
            Self::WrongDictionary => "wrong_dictionary",
            Self::DamagedZstd => "damaged_zstd",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::Compressed => "compressed",
            Self::Unreadable => "unreadable",
            Self::UnknownType => "unknown_type",
            Self::Record => "record",
        }
    }
}
