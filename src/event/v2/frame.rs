//! What a frame may be.

/// What a frame is, besides its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    /// An event, whose line was written.
    Event,
    /// Something that the server says of the stream.
    Info(Notice),
    /// Why the server ends the connection.
    Error(Notice),
}

/// A name that means something, and a text for people; neither bounded nor escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) name: String,
    pub(crate) message: String,
}
