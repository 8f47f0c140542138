//! One try after the other: what is looked at before a consumer is made, and what follows from one
//! that failed or was lost.

use std::{convert::Infallible, sync::Arc, time::Duration};

use async_nats::jetstream::stream::{self, RetentionPolicy};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, info, warn};

use super::{
    NatsSource, OVERDUE_GRACE, SOURCE,
    consumer::{Consumer, Wanted, state_of},
    inbox::Lost,
    session::Session,
    settings::MAX_SILENCE,
    track::ReadFrom,
};
use crate::{
    error::MemberError,
    event::{Origin, Start, show_time},
    log::outage::{lasted, root_cause},
    log::throttle,
    log::{STATE, chain, printable},
    nats::{Connection, NatsError, excerpt, log_failure, meet},
    source::{Flow, ReadError, nats::NatsSourceError},
    stats::Stats,
};

/// How long a stream that was there may be gone before that counts as final: somebody may be making
/// it anew.
const GONE_TIMEOUT: Duration = Duration::from_secs(10);

/// A sink that took nothing for this long has cost us the consumer, and nothing is wrong.
const IDLE_GRACE: Duration = Duration::from_secs(20);

impl NatsSource {
    /// Waits until a try is due, and makes it. On failure the next try is scheduled, or the end is
    /// said.
    pub(super) async fn open(&mut self) -> Result<Option<Flow>, MemberError> {
        if let Some(due) = self.next_try {
            sleep_until(due).await;
            self.next_try = None;
        }
        let stats = Arc::clone(&self.intake.stats);
        let connection = if let Some(connection) = &self.connection {
            connection.clone()
        } else {
            let opening = Box::pin(Connection::open(&self.settings.connection));
            let opened = alive_while(&stats, opening).await?;
            self.connection.insert(opened).clone()
        };
        // The connection logs its tries and their failures itself.
        tokio::select! {
            biased;
            restored = alive_while(&stats, connection.restored()) => restored?,
            never = note_failures(&stats, &connection) => match never {},
        }
        let limit = self.settings.connection.request_timeout * 2;
        stats.set_alive_until(Instant::now() + limit + OVERDUE_GRACE);
        match self.look(&connection).await {
            Ok(flow) => Ok(flow),
            Err(Failed::Final(error)) => Err(error),
            Err(Failed::Nats(error)) => self.failed(error).map(|()| None),
        }
    }

    /// One try: the stream as it is now, where to begin in it, and a consumer that begins there.
    async fn look(&mut self, connection: &Connection) -> Result<Option<Flow>, Failed> {
        let stream = &self.settings.stream;
        let subjects = || match &self.settings.subjects[..] {
            [] => vec![stream.clone()],
            subjects => subjects.to_vec(),
        };
        // One that is gone later on is not made again: that it had messages is not to be forgotten.
        let plan = self.settings.create.as_ref().filter(|_| !self.was_open);
        let info = connection.look_at_or_make(stream, plan, subjects, "Made by rocketman");
        let info = info.await?;
        self.intake.asks_leader = info.config.num_replicas > 1;
        let is_queue = info.config.retention == RetentionPolicy::WorkQueue;
        if is_queue && self.intake.takes_away() {
            return Err(Failed::Final(
                NatsSourceError::FilteredQueue {
                    stream: self.host.clone(),
                }
                .into(),
            ));
        }
        if !self.was_open && self.backoff.tries() == 0 {
            self.warn_of_subjects(&info.config);
        }
        let state = state_of(&info);
        let (mut from, gap) = self.intake.track.begin(&self.host, &state);
        // A durable consumer has its own place, and what of it is done nobody but the server knows.
        if let (Some(gap), None) = (gap, &self.settings.durable) {
            self.intake.left_out = None;
            self.intake.report_gap(gap)?;
        }
        if self.intake.exit_at_end && self.settings.durable.is_none() {
            self.intake.end.get_or_insert(state.last_seq);
        }
        let wanted = Wanted {
            stream: stream.clone(),
            subjects: self.settings.subjects.clone(),
            prefix: self.settings.api_prefix(),
            silence: self.settings.frame_timeout.min(MAX_SILENCE),
            durable: self.settings.durable.clone(),
            is_queue: is_queue
                && matches!(
                    self.settings.start.or(self.settings.start_if_new),
                    None | Some(Start::Seq(0))
                ),
        };
        let origin = Origin {
            source: SOURCE.into(),
            host: self.host.clone(),
            instance: Some(state.instance.clone()),
        };
        if self.step_over(connection, &origin).await {
            if self.is_over() {
                return Ok(Some(Flow::End));
            }
            from = self.intake.track.begin(&self.host, &state).0;
        }
        self.forget(connection).await;
        let own = (wanted.durable.is_none()).then(|| Consumer::of_ours(&wanted));
        // Whatever becomes of the request, it may be carried out.
        self.obsolete = own.as_ref().map(Consumer::delete);
        let accepted = self.accepted.clone();
        let room = self.room.clone();
        let mut session = Session::open(
            connection,
            &wanted,
            origin.clone(),
            from,
            accepted,
            room,
            own,
        )
        .await?;
        self.obsolete = None;
        if let Some(acks) = self.acks.take() {
            session.owe(acks);
        }
        self.settle_unreadable(connection, &mut session, &origin)
            .await?;
        self.announce(&session, from);
        self.gone_since = None;
        self.was_open = true;
        self.brought = false;
        if session.is_at_end(&mut self.intake).await? {
            self.acks = session.close().await;
            return Ok(Some(Flow::End));
        }
        self.session = Some(session);
        Ok(None)
    }

    /// Says which subjects nothing will come of. What a mirror has, or a stream that takes from
    /// others, is not known from its own.
    fn warn_of_subjects(&self, config: &stream::Config) {
        let takes_from_others = config.mirror.is_some()
            || config.sources.as_ref().is_some_and(|all| !all.is_empty())
            || config.subject_transform.is_some();
        if takes_from_others {
            return;
        }
        let is_taken = |wanted: &String| config.subjects.iter().any(|own| meet(own, wanted));
        for subject in self.settings.subjects.iter().filter(|one| !is_taken(one)) {
            let stream = &self.host;
            let (subject, own) = (excerpt(subject), excerpt(&config.subjects.join(", ")));
            warn!(target: STATE, stream, subject, setting = "subjects", "{stream} takes no messages of the subject '{subject}': its own are {own}");
        }
    }

    /// Messages can be read.
    fn announce(&mut self, session: &Session, from: ReadFrom) {
        let stream = &self.host;
        match from {
            _ if self.settings.durable.is_some() => {
                let name = &session.consumer().name;
                info!(stream, name, "sharing the consumer '{name}'");
            }
            ReadFrom::Seq(seq) => info!(stream, seq, "reading from message {seq} on"),
            ReadFrom::Time(time_us) => {
                let from = show_time(time_us);
                info!(stream, from, "reading from {from} on");
            }
        }
        let stats = &self.intake.stats;
        stats.set_host(&self.host);
        stats.add_connects(1);
        stats.set_connected(true);
        if let Some(age) = self.outage.end() {
            let age = lasted(age);
            info!(target: STATE, stream, "reading {stream} now, after {age}");
        }
    }

    /// Whether the message that was to be the last is reached.
    fn is_over(&self) -> bool {
        let next = self.intake.track.next_seq();
        let end = self.intake.end;
        end.is_some_and(|end| next.is_some_and(|next| next > end))
    }

    /// Has the server forget a consumer of ours that is of no more use.
    async fn forget(&mut self, connection: &Connection) {
        if let Some(delete) = self.obsolete.take() {
            connection.client().publish(delete, "".into()).await.ok();
        }
    }

    /// Decides what a failed try means: another one after a wait, or the end.
    fn failed(&mut self, error: NatsError) -> Result<(), MemberError> {
        self.intake.stats.count_reconnect("refused");
        if self.is_final(&error) {
            return Err(error.into());
        }
        let wait = self.backoff.next_wait();
        let tries = self.backoff.tries();
        let max_retries = self.settings.connection.max_retries;
        if max_retries.is_some_and(|most| tries > most) {
            self.outage.end();
            return Err(ReadError::Unreachable {
                url: self.host.clone(),
                tries,
                source: Box::new(error),
            }
            .into());
        }
        let due = Instant::now() + wait;
        self.next_try = Some(due);
        self.intake.stats.set_alive_until(due + OVERDUE_GRACE);
        let why = root_cause(&error);
        self.intake.stats.set_down(why, Some(due));
        log_failure(&mut self.outage, &chain(&error), tries, wait);
        Ok(())
    }

    /// Whether an error would be met again. Once the stream was there, most of them pass: a server
    /// that has just started, or a cluster that has no leader.
    fn is_final(&mut self, error: &NatsError) -> bool {
        match error {
            NatsError::Silent { .. } | NatsError::Unavailable { .. } | NatsError::Client { .. } => {
                false
            }
            NatsError::NoStream { .. } if self.was_open => {
                let since = *self.gone_since.get_or_insert_with(Instant::now);
                since.elapsed() >= GONE_TIMEOUT
            }
            NatsError::NoJetStream { .. } | NatsError::Limit { .. } | NatsError::Answer { .. } => {
                !self.was_open
            }
            _ => true,
        }
    }

    /// Decides what the loss of a consumer means: another one, at once if this one was of use.
    pub(super) fn lost(&mut self, lost: Lost) -> Result<(), MemberError> {
        let session = self.session.take();
        let idle = session.as_ref().map(Session::was_idle_for);
        if self.settings.durable.is_none() {
            self.obsolete = session.as_ref().map(|session| session.consumer().delete());
        }
        self.intake.stats.set_connected(false);
        self.intake.stats.count_reconnect(lost.cause());
        self.intake.stats.set_down(root_cause(&lost), None);
        let lost = match lost {
            Lost::Fatal(error) => {
                self.acks = session.and_then(Session::into_acks);
                return Err(error);
            }
            Lost::Disconnected => {
                let result = self.disconnected(session.as_ref());
                self.acks = session.and_then(Session::into_acks);
                return result;
            }
            lost => lost,
        };
        let was_heard = session.as_ref().is_some_and(Session::was_heard);
        self.acks = session.and_then(Session::into_acks);
        let why = printable(&lost.to_string());
        if was_heard {
            self.backoff.reset();
        }
        if !self.brought {
            let due = Instant::now() + self.backoff.next_wait();
            self.give_up(&why)?;
            self.next_try = Some(due);
            self.intake.stats.set_alive_until(due + OVERDUE_GRACE);
        }
        let stream = &self.host;
        if idle.is_some_and(|idle| idle >= IDLE_GRACE) {
            debug!(stream, why, "another consumer after a pause");
        } else if let Some(left_out) = self.pace.check() {
            let more = throttle::more(left_out);
            warn!(target: STATE, stream, why, left_out, "lost the consumer of {stream}: {why}; going on with another{more}");
        }
        Ok(())
    }
}

/// Why a try failed.
pub(super) enum Failed {
    Nats(NatsError),
    Final(MemberError),
}

impl From<NatsError> for Failed {
    fn from(error: NatsError) -> Self {
        Self::Nats(error)
    }
}

impl From<MemberError> for Failed {
    fn from(error: MemberError) -> Self {
        Self::Final(error)
    }
}

/// Notes why the connection is not back yet, for as long as it is waited for.
async fn note_failures(stats: &Stats, connection: &Connection) -> Infallible {
    let mut status = connection.status();
    loop {
        let failed = status.borrow_and_update().failed.clone();
        if let Some((_, why)) = failed {
            stats.set_down(why, None);
        }
        if status.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Waits for something that tells of its own failures and never stands still.
async fn alive_while<T>(stats: &Stats, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        stats.set_alive_until(Instant::now() + OVERDUE_GRACE * 2);
        if let Ok(done) = timeout(OVERDUE_GRACE, &mut work).await {
            return done;
        }
    }
}
