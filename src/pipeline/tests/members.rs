//! A source, a sink and a store in memory, and a record of what was asked of them, in order.

use std::{
    collections::VecDeque,
    fmt,
    ops::Range,
    sync::{Arc, Mutex},
};

use super::*;
use crate::{
    cursor::Saved,
    error::MemberError,
    event::{FileMark, Origin, Place, Point, Position, Trail},
    sink::Note,
    source::ReadError,
};

const NOON: u64 = 1_800_000_000_000_000;

/// The time of event `n`: `n` seconds after noon.
pub(super) fn time_us(n: u64) -> u64 {
    NOON + n * 1_000_000
}

/// Event `n`, which also has the number `n`. Every tenth is an account event, all others are
/// identity events.
pub(super) fn line(n: u64) -> String {
    let kind = if n.is_multiple_of(10) {
        "account"
    } else {
        "identity"
    };
    let time_us = time_us(n);
    format!(
        r#"{{"did":"did:plc:a","time_us":{time_us},"cursor":{n},"kind":"{kind}","{kind}":{{"seq":{n}}}}}"#
    )
}

pub(super) fn origin() -> Origin {
    Origin {
        source: "memory".into(),
        host: "here".to_owned(),
        instance: None,
    }
}

/// What an earlier run saved, after event `n`.
pub(super) fn saved(n: u64, filter: &Filter, files: Vec<FileMark>) -> Saved {
    let point = Point {
        seq: Some(n),
        time_us: time_us(n),
        identity: None,
    };
    Saved {
        place: Place::Reached(Position {
            origin: origin(),
            point,
        }),
        trail: Trail::up_to(time_us(n)),
        filter: Some(filter.description().to_owned()),
        files,
        note: None,
    }
}

/// The sink's file when it holds `n` events.
pub(super) fn mark(events: u64) -> FileMark {
    FileMark::new("/the/file".into(), 1, events)
}

/// The same when it is complete.
fn complete(events: u64) -> FileMark {
    FileMark {
        complete: true,
        ..mark(events)
    }
}

/// One thing that was asked of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// The source gave events up to this one.
    Read(u64),
    /// The sink took events up to this one.
    Took(u64),
    Checkpoint,
    SourceClosed,
    SinkFinished,
    /// The store kept a position at this number.
    Saved(u64),
}

/// What happened to all members of one test.
#[derive(Clone, Default)]
pub(super) struct Record(Arc<Mutex<Entries>>);

#[derive(Default)]
pub(super) struct Entries {
    pub(super) asked: Vec<Asked>,
    pub(super) taken: Vec<u64>,
    pub(super) saved: Vec<Saved>,
    /// How often it was tried to save.
    pub(super) tries: u64,
    /// How many events the sink's file held when the sink heard that a cursor counts it as
    /// complete.
    pub(super) named: Vec<u64>,
    /// What the sink was told that the run before had noted.
    pub(super) earlier_note: Option<String>,
    /// How often the sink heard that its note is saved.
    pub(super) notes_saved: u64,
    /// The files that the sink was told to go on with.
    pub(super) files: Option<Vec<FileMark>>,
    /// The place the source was told to go on from, and whether with the same filter.
    pub(super) resumed: Option<(Place, bool)>,
}

impl Record {
    pub(super) fn with<T>(&self, read: impl FnOnce(&mut Entries) -> T) -> T {
        read(&mut self.0.lock().unwrap())
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.with(|entries| entries.asked.clone())
    }

    pub(super) fn taken(&self) -> Vec<u64> {
        self.with(|entries| entries.taken.clone())
    }

    /// The numbers of the saved positions, in order.
    pub(super) fn saved(&self) -> Vec<u64> {
        self.with(|entries| {
            let seqs = entries.saved.iter().map(|saved| saved.place.seq());
            seqs.map(Option::unwrap).collect()
        })
    }

    pub(super) fn note(&self, asked: Asked) {
        self.with(|entries| entries.asked.push(asked));
    }
}

impl Note for Record {
    fn text(&self, from: u64) -> String {
        format!("from {from} of {}", self.taken().len())
    }

    fn saved(&self) {
        self.with(|entries| entries.notes_saved += 1);
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Record")
    }
}

/// What the source does next.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Events(Range<u64>),
    /// These in this order.
    Order(&'static [u64]),
    /// These events and an error in one answer.
    EventsAndFailure(Range<u64>),
    Wait(Duration),
    Silence,
    End,
}

pub(super) struct Memory {
    pub(super) steps: VecDeque<Step>,
    pub(super) record: Record,
    /// What it answers to a saved position.
    pub(super) resumes: fn() -> Result<bool, MemberError>,
}

pub(super) fn failure() -> MemberError {
    ReadError::Setup {
        what: "the source broke",
        source: "on purpose".into(),
    }
    .into()
}

impl Memory {
    fn fill(&self, batch: &mut Batch, numbers: impl IntoIterator<Item = u64>) {
        batch.set_origin(&Arc::new(origin()));
        let mut last = 0;
        for n in numbers {
            last = n;
            batch.push(line(n).as_bytes()).unwrap();
        }
        self.record.note(Asked::Read(last));
    }
}

impl Source for Memory {
    fn resume(
        &mut self,
        place: &Place,
        _trail: &Trail,
        same_filter: bool,
    ) -> Result<bool, MemberError> {
        self.record
            .with(|entries| entries.resumed = Some((place.clone(), same_filter)));
        (self.resumes)()
    }

    async fn next_batch(&mut self, batch: &mut Batch) -> Result<Flow, MemberError> {
        loop {
            match self.steps.front().cloned() {
                Some(Step::Wait(time)) => tokio::time::sleep(time).await,
                Some(Step::Silence) => std::future::pending().await,
                Some(Step::Events(numbers)) => {
                    self.steps.pop_front();
                    self.fill(batch, numbers);
                    return Ok(Flow::More);
                }
                Some(Step::Order(numbers)) => {
                    self.steps.pop_front();
                    self.fill(batch, numbers.iter().copied());
                    return Ok(Flow::More);
                }
                Some(Step::EventsAndFailure(numbers)) => {
                    self.fill(batch, numbers);
                    return Err(failure());
                }
                Some(Step::End) => return Ok(Flow::End),
                None => panic!("the source was asked for more than the test has"),
            }
            self.steps.pop_front();
        }
    }

    async fn close(&mut self) {
        self.record.note(Asked::SourceClosed);
    }
}

/// Keeps what it is given, in its own way.
pub(super) struct Keep {
    pub(super) record: Record,
    /// Takes one event at a time, and as long as this for it.
    pub(super) one_takes: Option<Duration>,
    /// Takes a batch and as long as this for it.
    pub(super) batch_takes: Duration,
    /// How many of the newest are not accepted while it runs.
    pub(super) lag: u64,
    /// Accepts only when it is asked to make durable.
    pub(super) at_checkpoint: bool,
    /// Takes no event from this one on, and says nothing.
    pub(super) blocks_at: u64,
    /// Fails on this event.
    pub(super) fails_at: u64,
    pub(super) fails_with: fn() -> MemberError,
    pub(super) finish_takes: Duration,
    /// Names a file together with what it accepts.
    pub(super) has_file: bool,
    /// That file is complete each time.
    pub(super) completes: bool,
    /// Notes how many events the place passes, and wishes for a save at each batch.
    pub(super) has_note: bool,
    /// For an acceptance outside of `accept`.
    pub(super) context: Option<SinkContext>,
}

impl Keep {
    pub(super) fn new(record: &Record) -> Self {
        Self {
            record: record.clone(),
            one_takes: None,
            batch_takes: Duration::ZERO,
            lag: 0,
            at_checkpoint: false,
            blocks_at: u64::MAX,
            fails_at: u64::MAX,
            fails_with: || MemberError::other("the sink broke"),
            finish_takes: Duration::ZERO,
            has_file: false,
            completes: false,
            has_note: false,
            context: None,
        }
    }

    fn accept_all_but(&self, lag: u64, context: &SinkContext) {
        let accepted = (self.record.taken().len() as u64).saturating_sub(lag);
        let mark = if self.completes { complete } else { mark };
        let files = self.has_file.then(|| mark(accepted));
        context.accept_up_to(accepted, files.into_iter().collect());
    }
}

impl Sink for Keep {
    fn name(&self) -> String {
        "the sink".to_owned()
    }

    fn begin(&mut self, files: &[FileMark], context: &SinkContext) -> Result<(), MemberError> {
        if self.has_file || !files.is_empty() {
            context.accept_up_to(
                0,
                files
                    .first()
                    .cloned()
                    .map_or_else(|| vec![mark(0)], |file| vec![file]),
            );
        }
        let earlier = context.earlier_note();
        self.record.with(|entries| {
            entries.files = Some(files.to_vec());
            entries.earlier_note = earlier;
        });
        if self.has_note {
            context.keep_note(Arc::new(self.record.clone()));
        }
        Ok(())
    }

    async fn accept(
        &mut self,
        batch: &mut Batch,
        context: &SinkContext,
    ) -> Result<(), MemberError> {
        let mut numbers: Vec<_> = batch.events().map(|event| event.seq().unwrap()).collect();
        match self.one_takes {
            Some(time) => {
                numbers.truncate(1);
                tokio::time::sleep(time).await;
            }
            None => tokio::time::sleep(self.batch_takes).await,
        }
        if numbers.iter().any(|n| *n >= self.blocks_at) {
            std::future::pending::<()>().await;
        }
        if numbers.iter().any(|n| *n >= self.fails_at) {
            return Err((self.fails_with)());
        }
        batch.take(numbers.len());
        self.record.note(Asked::Took(*numbers.last().unwrap()));
        self.record.with(|entries| entries.taken.extend(numbers));
        self.context = Some(context.clone());
        if self.has_note {
            context.want_save();
        }
        if !self.at_checkpoint {
            self.accept_all_but(self.lag, context);
        }
        Ok(())
    }

    async fn checkpoint(&mut self) -> Result<(), MemberError> {
        self.record.note(Asked::Checkpoint);
        if let (true, Some(context)) = (self.at_checkpoint, &self.context) {
            self.accept_all_but(0, context);
        }
        Ok(())
    }

    fn on_cursor_saved(&mut self, context: &SinkContext) -> Result<(), MemberError> {
        let taken = self.record.taken().len() as u64;
        let named = (1..=taken).filter(|events| context.is_saved(&complete(*events)));
        self.record.with(|entries| entries.named.extend(named));
        Ok(())
    }

    async fn finish(&mut self, context: &SinkContext) -> Result<(), MemberError> {
        if self.has_note {
            context.want_save();
        }
        tokio::time::sleep(self.finish_takes).await;
        self.record.note(Asked::SinkFinished);
        self.accept_all_but(0, context);
        Ok(())
    }
}
