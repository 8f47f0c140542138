//! What becomes of each message of a connection, and what is known across connections.
//!
//! Knows nothing of sockets and clocks: `session` hands it messages, one after the other.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tracing::warn;

use super::{
    accounts::Accounts,
    ahead::Inflation,
    matches::Unmatched,
    resume::{Admission, Doubt, Resume},
    slow::Stepping,
    stranger::Stranger,
};
use crate::{
    event::{BadEvent, Batch, Envelope, LineRules, Origin, Point, micros, show_time},
    log::STATE,
    source::{BadEventFile, OnGap},
    stats::{EventClass, Stats},
};

/// How much of a bad event is logged.
const EXCERPT_BYTES: usize = 160;

/// How far the place of a quiet stream stays behind a ping: what a server still has on its way is
/// never passed (design, section 4).
const PING_MARGIN: Duration = Duration::from_secs(120);

/// How much later than the last event the place of a quiet stream is, before it counts; until then
/// that event's number is worth more.
const MIN_QUIET: Duration = Duration::from_secs(600);

/// What outlives a connection and is needed to read one.
#[derive(Debug)]
pub(super) struct ReadState {
    pub(super) resume: Resume,
    pub(super) inflation: Inflation,
    pub(super) rules: LineRules,
    pub(super) stats: Arc<Stats>,
    /// The run is to end at this time of the stream; the pipeline sees to that.
    pub(super) end_us: Option<u64>,
    /// With an end: how long a silence counts as the end.
    pub(super) end_silence: Duration,
    pub(super) on_gap: OnGap,
    /// Only some accounts are read, so that a pause may be theirs.
    pub(super) may_pause: bool,
    pub(super) bad_file: Option<Arc<BadEventFile>>,
    /// What a compressed frame of the v2 wire inflates to.
    pub(super) text: Vec<u8>,
    /// What the first event of the present connection leaves open.
    pub(super) question: Option<Question>,
    /// What is looked at on the present connection besides whether an event is new.
    pub(super) checks: Checks,
    pub(super) message_timeout: Duration,
    pub(super) unmatched: Unmatched,
}

/// What is looked at besides whether an event is new. On most connections that is nothing, which is
/// seen at a glance.
#[derive(Debug, Default)]
pub(super) struct Checks {
    is_any: bool,
    /// What is stepped over, until the first new event.
    stepping: Option<Stepping>,
    /// Events of other accounts are dropped as if they had not come: they were asked for before the
    /// list was changed.
    accounts: Option<Accounts>,
}

impl Checks {
    /// Those of a new connection.
    pub(super) fn of(stepping: Option<Stepping>) -> Self {
        Self {
            is_any: stepping.is_some(),
            stepping,
            accounts: None,
        }
    }

    fn take_stepping(&mut self) -> Option<Stepping> {
        self.is_any = self.accounts.is_some();
        self.stepping.take()
    }
}

/// What the first event of a connection left open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question {
    pub(super) doubt: Doubt,
    /// That event.
    pub(super) first: Point,
}

/// Why nothing more is read from a connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum Halt {
    #[error("the server has renumbered its events")]
    Renumbered,
    #[error("the server no longer has what was asked for")]
    Gap { from_us: u64, to_us: u64 },
    #[error("a message is stepped over")]
    Past,
    #[error("{why}")]
    LeftOut {
        from_us: u64,
        to_us: u64,
        /// What became of it.
        why: String,
    },
    #[error("the server may no longer have what was asked for")]
    Doubtful(Question),
    /// A frame came that was made with this one.
    #[error("the server compresses with another dictionary")]
    Dictionary(Option<u32>),
}

/// What one read found.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) frames: u64,
    pub(super) messages: u64,
    pub(super) wire_bytes: u64,
    pub(super) event_bytes: u64,
    pub(super) repeats: u64,
    pub(super) early: u64,
    /// The time of the latest early one.
    early_us: u64,
    /// Messages that were no events, and what the first of them looked like.
    pub(super) bad: u64,
    pub(super) like: Option<Stranger>,
    /// New events of each class.
    events: [u32; EventClass::COUNT],
}

impl Counts {
    fn add(&mut self, envelope: &Envelope) {
        let class = EventClass::of(envelope.kind, envelope.operation);
        self.events[class.index()] += 1;
    }
}

impl ReadState {
    /// Reads what stands behind `start` and keeps it if it is new. What is returned ends the
    /// connection.
    pub(super) fn on_message(
        &mut self,
        batch: &mut Batch,
        start: usize,
        counts: &mut Counts,
    ) -> Option<Halt> {
        let parsed = batch.parse_tail(start, self.rules);
        self.on_parsed(batch, start, parsed, counts)
    }

    /// The same where it is parsed.
    #[inline]
    pub(super) fn on_parsed(
        &mut self,
        batch: &mut Batch,
        start: usize,
        parsed: Result<Envelope, BadEvent>,
        counts: &mut Counts,
    ) -> Option<Halt> {
        counts.event_bytes += (batch.buffer().len() - start) as u64;
        let envelope = match parsed {
            Ok(envelope) => envelope,
            Err(bad) => {
                self.report(bad, batch.tail(start), batch, counts);
                batch.discard_tail(start);
                return None;
            }
        };
        let admission = self.resume.admit(&envelope.point);
        if admission == Admission::New && !self.checks.is_any {
            counts.add(&envelope);
            batch.commit_tail(start, envelope);
            return None;
        }
        self.admit_at_seam(batch, start, envelope, admission, counts)
    }

    /// The same for an event about which there is something to say.
    #[cold]
    fn admit_at_seam(
        &mut self,
        batch: &mut Batch,
        start: usize,
        envelope: Envelope,
        admission: Admission,
        counts: &mut Counts,
    ) -> Option<Halt> {
        let time_us = envelope.point.time_us;
        let question = |doubt| Question {
            doubt,
            first: envelope.point,
        };
        let outcome = match admission {
            Admission::Doubtful(doubt) if self.on_gap == OnGap::Fail && !self.may_pause => {
                self.resume.take_back(&envelope.point);
                Some(Halt::Doubtful(question(doubt)))
            }
            Admission::NewBehindGap(from_us)
                if !self.may_pause && self.report_gap(from_us, time_us) =>
            {
                Some(Halt::Gap {
                    from_us,
                    to_us: time_us,
                })
            }
            Admission::New
            | Admission::MayBeRepeat
            | Admission::NewBehindGap(_)
            | Admission::Doubtful(_) => {
                let doubt = match admission {
                    Admission::Doubtful(doubt) => Some(doubt),
                    Admission::NewBehindGap(from_us) if self.may_pause => {
                        Some(Doubt::Reached(from_us))
                    }
                    _ => None,
                };
                if let Some(doubt) = doubt {
                    self.question = Some(question(doubt));
                }
                let stepping = self.checks.take_stepping();
                if let Some(stepping) = &stepping
                    && let Some(halt) = self.stepped_over(stepping, time_us, batch)
                {
                    self.resume.take_back(&envelope.point);
                    batch.discard_tail(start);
                    return Some(halt);
                }
                let is_over = stepping.is_some_and(|stepping| stepping.by_size);
                let did = batch.did(start, &envelope);
                if self
                    .checks
                    .accounts
                    .as_ref()
                    .is_some_and(|accounts| !accounts.contains(did))
                {
                    self.resume.take_back(&envelope.point);
                    batch.discard_tail(start);
                    return is_over.then_some(Halt::Past);
                }
                counts.add(&envelope);
                batch.commit_tail(start, envelope);
                if admission == Admission::MayBeRepeat {
                    batch.doubt();
                }
                return is_over.then_some(Halt::Past);
            }
            Admission::Repeat => {
                counts.repeats += 1;
                None
            }
            Admission::Early => {
                counts.early += 1;
                counts.early_us = time_us;
                None
            }
            Admission::Renumbered => Some(Halt::Renumbered),
        };
        batch.discard_tail(start);
        outcome
    }

    /// Keeps to these accounts until the next connection, which is asked for nothing else.
    pub(super) fn keep_to(&mut self, accounts: Option<Accounts>) {
        self.checks.is_any = self.checks.stepping.is_some() || accounts.is_some();
        self.checks.accounts = accounts;
    }

    /// Tells of a gap, and returns whether it is to end the run.
    fn report_gap(&self, from_us: u64, to_us: u64) -> bool {
        let (from, to) = (show_time(from_us), show_time(to_us));
        self.stats.add_gaps(1);
        if self.on_gap == OnGap::Fail {
            return true;
        }
        warn!(target: STATE, from, to, "GAP from={from} to={to}: the server no longer has the events in between");
        false
    }

    /// A message was stepped over, and this is the time of the first event after it. Says so, or
    /// that this is to end the run.
    fn stepped_over(&self, stepping: &Stepping, to_us: u64, batch: &Batch) -> Option<Halt> {
        let last = batch.reached().or_else(|| self.resume.last());
        let from_us = last.map_or(to_us, |last| last.time_us);
        let why = stepping.account(self.message_timeout);
        self.stats.add_gaps(1);
        if self.on_gap == OnGap::Fail {
            return Some(Halt::LeftOut {
                from_us,
                to_us,
                why,
            });
        }
        let (from, to) = (show_time(from_us), show_time(to_us));
        warn!(target: STATE, from, to, why, "GAP from={from} to={to}: {why}");
        let beginning = stepping.message.beginning();
        if let (Some(file), Some(origin)) = (&self.bad_file, batch.origin()) {
            file.append(BadEvent::TooSlow, beginning, origin, last.copied());
        }
        self.stats.add_bad(BadEvent::TooSlow);
        None
    }

    /// Notes once per batch what was counted, and how far the stream was read.
    pub(super) fn flush_counts(&mut self, origin: &Arc<Origin>, batch: &Batch, counts: &Counts) {
        let stats = &self.stats;
        stats.add_messages(counts.messages);
        stats.add_wire_bytes(counts.wire_bytes);
        stats.add_event_bytes(counts.event_bytes);
        stats.add_repeats(counts.repeats);
        stats.add_early(counts.early);
        for (class, n) in counts.events.iter().enumerate() {
            stats.add_events(class, u64::from(*n));
        }
        if counts.messages > counts.bad {
            stats.set_came(Instant::now());
        }
        if !batch.is_empty() || counts.early > 0 {
            stats.set_quiet(false);
            stats.set_early_us(if batch.is_empty() { counts.early_us } else { 0 });
        }
        if let Some(point) = batch.reached() {
            self.resume.reached(origin, point);
            if !batch.is_empty() {
                stats.set_last(point);
            }
        }
    }

    /// While nothing was read but what lies before the beginning, that is the place in the stream:
    /// the next run goes on from there, and not from a later live tip. Said once.
    pub(super) fn stay(&mut self, batch: &mut Batch, counts: &Counts) {
        if counts.early == 0 || batch.reached().is_some() {
            return;
        }
        if let Some(time_us) = self.resume.take_beginning_us() {
            batch.advance(Point {
                seq: None,
                time_us,
                identity: None,
            });
        }
    }

    /// A ping has come on a live connection: everything up to some time before it is read. Where
    /// only some accounts are read, that moves the place in the stream on while nothing of theirs
    /// comes, so that it does not fall out of what the server keeps.
    pub(super) fn on_ping(&self, batch: &mut Batch) {
        if !self.may_pause {
            // Identity and account events tell how far the stream is, and better.
            return;
        }
        let now_us = self.stats.server_now_us();
        self.stats.set_caught_up_us(now_us);
        let last = batch.reached().or_else(|| self.resume.last());
        let is_event = last.is_some_and(|last| last.identity.is_some());
        let ahead_us = if is_event { micros(MIN_QUIET) } else { 1 };
        let earliest_us = last.map_or(0, |last| last.time_us.saturating_add(ahead_us));
        let time_us = now_us.saturating_sub(micros(PING_MARGIN));
        if time_us >= earliest_us {
            batch.advance(Point {
                seq: None,
                time_us,
                identity: None,
            });
        }
    }

    /// When a silence since then is the end. Only where just some accounts are read: elsewhere it
    /// speaks of the server, and the next one is asked first.
    pub(super) fn end_by_silence(&self, last_event: Instant) -> Option<Instant> {
        let is_meant = self.end_us.is_some() && self.may_pause;
        is_meant.then(|| last_event + self.end_silence)
    }

    /// Counts a bad event and keeps it where that was asked for; the first of its class is logged.
    pub(super) fn report(&self, bad: BadEvent, bytes: &[u8], batch: &Batch, counts: &mut Counts) {
        counts.bad += 1;
        counts.like.get_or_insert_with(|| Stranger::of(bytes));
        if let (Some(file), Some(origin)) = (&self.bad_file, batch.origin()) {
            let after = batch.reached().or_else(|| self.resume.last());
            file.append(bad, bytes, origin, after.copied());
        }
        if self.stats.add_bad(bad) {
            let shown = bytes.get(..EXCERPT_BYTES).unwrap_or(bytes);
            let excerpt = shown.escape_ascii().to_string();
            let setting = (bad == BadEvent::TooLarge).then_some("max_frame_bytes");
            warn!(why = %bad, excerpt, setting, "skipped a message that is not an event (later ones of this class are only counted)");
        }
    }
}
