//! What is done with one event: types and closures of the user's own.

use std::{error::Error, fmt, marker::PhantomData, sync::Arc};

use serde::de::DeserializeOwned;

use crate::{
    error::{BoxError, ParseError},
    event::{Change, Event, OwnedEvent},
};

/// Does something with an event. Given to [`Ingest`](super::Ingest) for the collections or kinds it
/// is about.
///
/// `Ok` means that the event is done with for good: the cursor moves past it, and it does not come
/// again after a crash. So return only when whatever was made of it is as durable as it has to be.
/// After a crash, or when this is tried again, the same event may come once more: write so that
/// twice is as good as once, for example by replacing what is stored under the event's
/// [`uri`](Event::uri).
///
/// What blocks for long, such as a database's library that is not async, belongs on a thread of its
/// own (`tokio::task::spawn_blocking`): while it blocks here, the server's pings are not answered
/// either.
///
/// Events come in the stream's order, one after the other. With
/// [`Ingest::jobs`](super::Ingest::jobs) several are in hand at the same time, and only those of
/// one account still come one after the other.
///
/// Cancel safety: a stop waits for what has begun until the grace period is over; then the future
/// is dropped, and its event comes again with the next run.
///
/// ```
/// use rocketman::{event::Event, sink::ingest::{IngestError, Ingestor}};
/// # struct Store;
/// # impl Store { async fn put(&self, _: &str, _: &[u8]) -> Result<(), std::io::Error> { Ok(()) } }
///
/// struct Posts(Store);
///
/// impl Ingestor for Posts {
///     async fn ingest(&self, event: Event<'_>) -> Result<(), IngestError> {
///         let uri = event.uri().unwrap_or_default();
///         self.0.put(&uri, event.line()).await?;
///         Ok(())
///     }
/// }
/// ```
///
/// A closure that takes an [`OwnedEvent`] is an ingestor too, and
/// [`Route::typed`](super::Route::typed) makes one that is given the record as a type of yours.
pub trait Ingestor: Send + Sync {
    /// Does it.
    fn ingest(&self, event: Event<'_>) -> impl Future<Output = Result<(), IngestError>> + Send;
}

impl<F, Fut> Ingestor for F
where
    F: Fn(OwnedEvent) -> Fut + Send + Sync,
    Fut: Future<Output = Result<(), IngestError>> + Send,
{
    fn ingest(&self, event: Event<'_>) -> impl Future<Output = Result<(), IngestError>> + Send {
        self(event.into_owned())
    }
}

/// One ingestor for several routes.
impl<I: Ingestor> Ingestor for Arc<I> {
    fn ingest(&self, event: Event<'_>) -> impl Future<Output = Result<(), IngestError>> + Send {
        (**self).ingest(event)
    }
}

/// An ingestor that is given typed records.
pub(super) struct Typed<T, F> {
    pub(super) ingest: F,
    pub(super) record: PhantomData<fn() -> T>,
}

impl<T, F, Fut> Ingestor for Typed<T, F>
where
    T: DeserializeOwned + Send,
    F: Fn(Change<T>, OwnedEvent) -> Fut + Send + Sync,
    Fut: Future<Output = Result<(), IngestError>> + Send,
{
    async fn ingest(&self, event: Event<'_>) -> Result<(), IngestError> {
        let change = event.change()?;
        (self.ingest)(change, event.into_owned()).await
    }
}

/// Why an event could not be ingested.
///
/// `?` makes one of whatever becomes a `Box<dyn Error + Send + Sync>`: an error of any type, a
/// text, a `Box<dyn Error + Send + Sync>`, and also `anyhow::Error` and `eyre::Report`. It is one
/// that may pass. The error of [`Event::record`], [`Event::change`], [`Event::account`] and
/// [`Event::identity`] means that the author of the record was wrong, and is only recognised as it
/// is, not within another error.
///
/// ```
/// use rocketman::{event::OwnedEvent, sink::ingest::Ingest};
///
/// async fn store(event: &OwnedEvent) -> std::io::Result<()> {
///     println!("{event}");
///     Ok(())
/// }
///
/// let ingest = Ingest::new().on("app.bsky.feed.post", |event: OwnedEvent| async move {
///     store(&event).await?;
///     Ok(())
/// });
/// # drop(ingest);
/// ```
#[derive(Debug)]
pub struct IngestError {
    cause: BoxError,
    is_lasting: bool,
}

impl IngestError {
    /// An error that may pass: it is tried again as often as the route says.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            cause: cause.into(),
            is_lasting: false,
        }
    }

    /// An error that the next try would meet again: what the route says of failures is done at
    /// once.
    pub fn lasting(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            cause: cause.into(),
            is_lasting: true,
        }
    }

    /// Whether another try makes no sense; one that may pass is tried again.
    pub fn is_lasting(&self) -> bool {
        self.is_lasting || self.is_unfit()
    }

    /// What went wrong; `downcast_ref` finds its own type again.
    pub fn cause(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.cause
    }

    /// Whether it is the author of the record who was wrong.
    pub(super) fn is_unfit(&self) -> bool {
        let parsed = self.cause.downcast_ref::<ParseError>();
        parsed.is_some_and(ParseError::is_of_event)
    }

    /// What went wrong, to be kept.
    pub fn into_cause(self) -> Box<dyn Error + Send + Sync> {
        self.cause
    }

    /// What went wrong, with all its causes.
    pub(super) fn text(&self) -> String {
        crate::log::chain(&*self.cause)
    }
}

impl fmt::Display for IngestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

// No `Error` itself, or this would be in the way of `From<Self>`.
impl<E: Into<BoxError>> From<E> for IngestError {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}
