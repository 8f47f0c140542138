//! What exactly went wrong, for those who do something about it.

use std::path::PathBuf;

/// What exactly went wrong with a source, a sink or a cursor store of this library, where something
/// can be done about it.
///
/// The words for people are in `Display`, and what kind of end it is says
/// [`ErrorKind`](crate::ErrorKind). What the operating system answered is among the causes, as an
/// [`io::Error`](std::io::Error).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The file system refused something with the cursor file.
    CursorFile,
    /// The cursor file holds nothing, no cursor, a part of one, or one of a version that is not
    /// known.
    CursorFileDamaged {
        /// The cursor file.
        path: PathBuf,
    },
    /// Another process has the cursor file.
    CursorFileTaken,
    /// The cursor counts on more output files than it has room for.
    TooManyFiles,
    /// There is no such bucket for the cursor.
    NoBucket {
        /// The bucket.
        bucket: String,
    },
    /// The bucket of the cursor was deleted while it was used.
    BucketGone {
        /// The bucket.
        bucket: String,
    },
    /// The key holds no cursor, or a part of one.
    CursorKeyDamaged,
    /// Another process has the key, or has taken it over.
    CursorKeyTaken,

    /// The file system refused something with an output file.
    OutputFile,
    /// An output file is not what the saved cursor counts on.
    OutputFileChanged {
        /// The file.
        path: PathBuf,
    },
    /// Somebody removed an output file while it was written to.
    OutputFileGone,
    /// Another process writes to an output file.
    OutputFileInUse,
    /// The pattern of output files made the name of another file of the same run.
    OutputFileReserved,
    /// An output file is complete, and another one has its name.
    OutputFileNamed,
    /// The path of an output file is that of a device or a named pipe.
    OutputNoFile,
    /// An output file has other columns.
    OutputColumns,

    /// The file system, or the database, refused something.
    Database,
    /// A file is no database of ours.
    DatabaseForeign,
    /// A database was made by another version.
    DatabaseVersion,
    /// A database holds another kind of table, or a column of the same name and another content.
    DatabaseOther,
    /// Another process writes to the database as we do.
    DatabaseInUse,
    /// Another program held the database for long.
    DatabaseLocked,
    /// There is no room for the database.
    DatabaseFull,

    /// A program could not be started.
    ProgramNotStarted,
    /// A program failed on an event.
    ProgramFailed,
    /// A program answered more events than it was given.
    ProgramSurplus,

    /// An endpoint of HTTP does not accept an event.
    EndpointEvent,
    /// An endpoint of HTTP refuses whatever it is sent.
    EndpointRefused,
    /// A secret would be sent to an endpoint of HTTP over a way on which anybody can listen in.
    EndpointOverheard,

    /// No server of NATS could be reached within the retries that were allowed.
    NatsUnreachable,
    /// The server of NATS does not let this user in.
    NatsLockedOut,
    /// There is no TLS with the server of NATS, or its certificate is not trusted.
    NatsTls,
    /// The server of NATS is of a version that lacks what is needed.
    NatsTooOld,
    /// The server of NATS has no JetStream, or not for this account.
    NatsNoJetStream,
    /// There is no such stream of NATS.
    NatsNoStream {
        /// The stream.
        stream: String,
    },
    /// The stream of NATS is a work queue, which cannot be read without acknowledgements.
    NatsQueue,
    /// The user may not do that on NATS.
    NatsForbidden,
    /// A limit of the account or of the server of NATS is reached.
    NatsLimit,
    /// The server of NATS cannot do it just now: a cluster has no leader, or there is too much to
    /// do.
    NatsUnavailable,
    /// A request to the server of NATS was not answered.
    NatsSilent,

    /// The configuration of the stream of NATS that is written to does not allow what is promised.
    StreamUnfit,
    /// The stream does not acknowledge messages.
    StreamNoAcks,
    /// The stream does not take the subjects that events are written to.
    StreamNoSubjects {
        /// The stream.
        stream: String,
        /// What it would have to take.
        needed: String,
    },
    /// The stream does not take the subject of a message that keeps its own.
    StreamNoSubject {
        /// The stream.
        stream: String,
    },
    /// Another stream of the account takes the subject of an event.
    StreamOverlap {
        /// Messages keep their own subjects, and are not written below a prefix.
        keeps_subjects: bool,
    },
    /// The stream is the one that is read.
    StreamIsSource,
    /// The last message of the stream was not written by rocketman.
    StreamNotOurs {
        /// The stream.
        stream: String,
    },
    /// The last message of the stream was deleted or has aged out.
    StreamLastGone,
    /// Another process writes to the stream.
    StreamInUse,
    /// The stream has lost messages that were stored before.
    StreamShorter,
    /// The stream was deleted and made anew.
    StreamRecreated,
    /// The stream takes no more.
    StreamFull {
        /// The stream.
        stream: String,
    },
    /// An event is larger than a message of the stream may be.
    StreamTooLarge,

    /// What is read could not be reached within the retries that were allowed.
    Unreachable,
    /// Events are missing that the other side no longer has, or that were left out, and that is to
    /// be the end.
    Gap,
    /// The saved position belongs to another kind of source.
    CursorForeign,
    /// The saved place is a number of a server that is not to be read.
    CursorElsewhere,
    /// The server said no, and would say no again.
    Refused {
        /// The address.
        url: String,
        /// The HTTP status of its answer.
        status: u16,
        /// Where it says that it has moved to, escaped and bounded.
        moved_to: Option<String>,
    },
    /// The archive of a service is read by those with a key.
    ArchiveKey {
        /// One was given, and refused.
        given: bool,
    },
    /// The server does not begin with the number that was to be the beginning.
    NoSuchNumber,
    /// The time that was to be the beginning has not come yet.
    FutureStart,
    /// The messages of a stream are no events, and a filter is to look into them.
    NoEvents,
    /// A message of a durable consumer cannot be delivered, and that is to be the end.
    Undeliverable,
    /// Something is missing between segment files.
    Hole,
    /// A segment file is damaged or cannot be read.
    SegmentDamaged,
    /// A folder is a copy of an archive by a narrower filter than what is asked for.
    NarrowerCopy,
    /// A block of a segment file holds more than is allowed.
    BlockTooLarge,
    /// A work queue is to be read through a filter: what that drops would be removed.
    FilteredQueue,
}
