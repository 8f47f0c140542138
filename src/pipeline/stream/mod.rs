//! Events as a stream: a run that goes on while the next event is asked for.

mod auto_ack;
mod delivery;
mod sink;
pub(super) mod window;

use std::{
    fmt,
    future::poll_fn,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::Stream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use self::delivery::Delivery;
use self::{sink::ToStream, window::Window};
use super::{Error, Pipeline, Summary};
use crate::{cursor::CursorStore, event::OwnedEvent, source::Source};

/// How long the run is left alone while deliveries are ready: it has saves to begin and pings to
/// answer.
const TURN_INTERVAL: Duration = Duration::from_millis(5);

type Run = Pin<Box<dyn Future<Output = Result<Summary, Error>> + Send>>;

impl<S: Source> Pipeline<S, ()> {
    /// The events of this source, to be read with [`Pipeline::into_stream`]: without a sink.
    pub fn events_from(source: S) -> Self {
        Self::of(source, ())
    }
}

impl<S: Source + 'static, C: CursorStore> Pipeline<S, (), C> {
    /// The events, one after the other. Nothing happens before the first is asked for.
    pub fn into_stream(self) -> Deliveries {
        let stop = CancellationToken::new();
        let window = Arc::default();
        let sink = ToStream::new(Arc::clone(&window), self.settings.max_unacked);
        let run = self.map_sink(|()| sink).run(stop.clone().cancelled_owned());
        Deliveries {
            run: Some(Box::pin(run)),
            outcome: None,
            window,
            stop,
            next_turn: Instant::now(),
            last: None,
            gives: PhantomData,
        }
    }
}

/// The events of a run as a [`Stream`], with reconnects and cursor; from [`Pipeline::into_stream`].
///
/// ```no_run
/// use rocketman::{Pipeline, cursor::FileCursor, source::jetstream::JetstreamSettings};
///
/// # async fn read() -> Result<(), Box<dyn std::error::Error>> {
/// let settings = JetstreamSettings {
///     collections: vec!["app.bsky.feed.post".parse()?],
///     ..JetstreamSettings::default()
/// };
/// let mut deliveries = Pipeline::events(settings)
///     .cursor(FileCursor::open("posts.cursor")?)
///     .into_stream();
/// while let Some(delivery) = deliveries.next().await {
///     let delivery = delivery?;
///     println!("{}", delivery.line_str());
///     delivery.ack();
///     # break;
/// }
/// deliveries.finish().await?;
/// # Ok(())
/// # }
/// ```
///
/// **Acknowledging.** [`Delivery::ack`] says that an event is done with, in any order and from any
/// task. The cursor moves over what is acknowledged without a hole. A delivery that is dropped is
/// not accepted: the stream goes on, and the cursor stays before that event.
///
/// **The bound.** From the first event that is not acknowledged on, at most
/// [`max_unacked`](crate::PipelineSettings::max_unacked) are given. Then the next one waits for that acknowledgement, with a
/// warning after ten seconds; where its delivery was dropped, the stream fails with an
/// [`Error::Sink`].
///
/// **The run** goes on while the next event is asked for, and only then: that is when it reads,
/// answers pings, and saves the cursor. A consumer that does not ask for a minute or longer may
/// find that its server has hung up; the stream then connects again, and loses nothing.
///
/// **The end.** After a [limit](crate::PipelineSettings) or the end of the source all events are
/// given first; the end, or the error, is given once each delivery is acknowledged or dropped, and
/// the cursor is saved. [`Deliveries::finish`] ends it before. A stream that is dropped saves
/// nothing more; what is saved stays true.
///
/// What it gives are [deliveries](Delivery), or plain events after [`Deliveries::auto_ack`].
pub struct Deliveries<T = Delivery> {
    /// Until it has come to its end.
    run: Option<Run>,
    /// What has come of it, until it is given.
    outcome: Option<Result<Summary, Error>>,
    window: Arc<Window>,
    stop: CancellationToken,
    next_turn: Instant,
    /// What was given last, where asking for the next acknowledges it.
    last: Option<Delivery>,
    gives: PhantomData<fn() -> T>,
}

impl Deliveries {
    /// The next event; the same as `StreamExt::next`, without a further crate. `None` is the end,
    /// and an error is given once, before it.
    ///
    /// Cancel safety: no event is lost.
    pub async fn next(&mut self) -> Option<Result<Delivery, Error>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// Has each event accepted when the next one is asked for, so that nothing is to be
    /// acknowledged.
    ///
    /// That is right where an event is done with by then, as in a loop that awaits what it does. It
    /// excludes combinators which ask ahead: after `buffered`, `buffer_unordered`, `ready_chunks`,
    /// `chunks`, `peekable` and the like, and with events that are sent to other tasks, an event
    /// would be accepted before it is done with, and a crash would lose it. There, use
    /// [`Delivery::ack`].
    pub fn auto_ack(self) -> Deliveries<OwnedEvent> {
        let Self {
            run,
            outcome,
            window,
            stop,
            next_turn,
            last,
            gives: _,
        } = self;
        Deliveries {
            run,
            outcome,
            window,
            stop,
            next_turn,
            last,
            gives: PhantomData,
        }
    }
}

impl<T> Deliveries<T> {
    /// Ends the run: saves the cursor up to what is acknowledged by now, and says how far that is.
    /// Events that were not asked for, and deliveries that are still alive, are not accepted,
    /// whatever becomes of them. Takes no longer than
    /// [`PipelineSettings::grace`](crate::PipelineSettings::grace) and the last save.
    ///
    /// Where the stream has given an error already this is [`Error::Over`].
    pub async fn finish(mut self) -> Result<Summary, Error> {
        self.last = None;
        self.stop.cancel();
        match (self.outcome.take(), self.run.take()) {
            (Some(outcome), _) => outcome,
            (None, Some(run)) => run.await,
            (None, None) => Err(Error::Over),
        }
    }

    /// Has the run go on as far as it can.
    fn go_on(&mut self, context: &mut Context<'_>) {
        if let Some(run) = &mut self.run
            && let Poll::Ready(outcome) = run.as_mut().poll(context)
        {
            self.outcome = Some(outcome);
            self.run = None;
        }
        self.next_turn = Instant::now() + TURN_INTERVAL;
    }

    fn poll_delivery(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Delivery, Error>>> {
        if Instant::now() >= self.next_turn {
            self.go_on(context);
        }
        let mut next = Delivery::next(&self.window);
        if next.is_none() {
            self.go_on(context);
            next = Delivery::next(&self.window);
        }
        if let Some(delivery) = next {
            return Poll::Ready(Some(Ok(delivery)));
        }
        if self.run.is_some() {
            return Poll::Pending;
        }
        let outcome = self.outcome.take_if(|outcome| outcome.is_err());
        Poll::Ready(outcome.and_then(Result::err).map(Err))
    }
}

impl Stream for Deliveries {
    type Item = Result<Delivery, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_delivery(context)
    }
}

impl<T> fmt::Debug for Deliveries<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliveries")
            .field("is_over", &self.run.is_none())
            .finish_non_exhaustive()
    }
}
