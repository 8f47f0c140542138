//! Blocks as they are read: what comes next, who prints it, and how much it was.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::time::Instant;
use tracing::warn;

use super::{
    crew::{Crew, Received},
    job::Mark,
    printer::Printer,
    settings::RowSettings,
    steps::{ReadCounts, Step, Steps},
    tally::Tally,
    wanted::Wanted,
};
use crate::{
    error::MemberError,
    event::{Batch, Did, Origin},
    log::STATE,
    source::Flow,
    stats::{Progress, Stats},
};

/// No batch takes longer, by far.
const BATCH_TIMEOUT: Duration = Duration::from_secs(60);

/// What is being read.
#[derive(Debug)]
pub(in crate::source) struct Run<P> {
    steps: P,
    wanted: Arc<Wanted>,
    settings: RowSettings,
    hands: Hands,
    counts: ReadCounts,
    progress: Progress,
    said_large: bool,
    /// The last step was given to the cores.
    is_over: bool,
    /// How many jobs are done with.
    n_done: u64,
    /// Accounts of which the pipeline has not heard yet.
    changed_accounts: Option<Vec<Did>>,
}

/// Who prints.
#[derive(Debug)]
enum Hands {
    /// The task that reads.
    Own(Box<Printer>),
    /// Several cores.
    Crew(Crew<Note>),
}

/// What comes between two jobs.
#[derive(Debug)]
enum Note {
    Gap,
    Passed(Option<Mark>),
    Accounts(Vec<Did>),
    End,
    Failed(MemberError),
}

impl<P: Steps> Run<P> {
    /// Begins to read what these steps say.
    pub(in crate::source) fn begin(
        steps: P,
        wanted: Arc<Wanted>,
        settings: RowSettings,
        progress: Progress,
        origin: &Arc<Origin>,
    ) -> Self {
        Self {
            steps,
            wanted,
            hands: Hands::of(&settings, origin),
            settings,
            counts: ReadCounts::default(),
            progress,
            said_large: false,
            is_over: false,
            n_done: 0,
            changed_accounts: None,
        }
    }

    /// What says what is to be printed.
    pub(in crate::source) fn steps_mut(&mut self) -> &mut P {
        &mut self.steps
    }

    /// How many jobs are done with: all that was made of them is in batches.
    pub(in crate::source) fn done(&self) -> u64 {
        self.n_done
    }

    /// How far it has come, and how far it goes.
    pub(in crate::source) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Wants rows of these accounts from now on: the task from the next row, other cores from the
    /// next block that they are given.
    pub(in crate::source) fn want(&mut self, accounts: Vec<Did>) {
        self.wanted = Arc::new(self.wanted.of_accounts(&accounts));
        self.steps.want(Arc::clone(&self.wanted));
        match &mut self.hands {
            Hands::Own(printer) => {
                printer.want(&self.wanted);
                self.changed_accounts = Some(accounts);
            }
            Hands::Crew(crew) => crew.note(Note::Accounts(accounts)),
        }
    }

    /// The accounts that are read from the present batch on, where they have changed.
    pub(in crate::source) fn changed_accounts(&mut self) -> Option<Vec<Did>> {
        self.changed_accounts.take()
    }

    /// Fills the batch.
    ///
    /// Cancel safety: as [`Source::next_batch`](crate::source::Source::next_batch).
    pub(in crate::source) async fn next_batch(
        &mut self,
        batch: &mut Batch,
        stats: &Stats,
    ) -> Result<Flow, MemberError> {
        let before = self.counts.bytes;
        let flow = match &self.hands {
            Hands::Own(_) => self.fill(batch, stats).await,
            Hands::Crew(_) => self.receive(batch, stats).await,
        };
        stats.add_wire_bytes(self.counts.bytes - before);
        let moment = Instant::now();
        stats.set_came(moment);
        stats.set_alive_until(moment + BATCH_TIMEOUT);
        if let Some(point) = batch.reached() {
            stats.set_last(point);
        }
        stats.set_progress(self.progress);
        if let Ok(Flow::End) = flow {
            self.steps.tell_end(&self.counts);
        }
        flow
    }

    /// Prints until the batch is full, or a file is done with, so that a stop is heard.
    async fn fill(&mut self, batch: &mut Batch, stats: &Stats) -> Result<Flow, MemberError> {
        let mut tally = Tally::default();
        let flow = self.print(batch, &mut tally, stats).await;
        self.tell(tally, stats);
        flow
    }

    async fn print(
        &mut self,
        batch: &mut Batch,
        tally: &mut Tally,
        stats: &Stats,
    ) -> Result<Flow, MemberError> {
        let Hands::Own(printer) = &mut self.hands else {
            return Ok(Flow::More);
        };
        loop {
            if !printer.is_idle() {
                if !printer.fill(batch, tally)? {
                    return Ok(Flow::More);
                }
                self.n_done += 1;
            }
            let next = self.steps.next(&mut self.counts).now_or_never();
            let next = match next {
                Some(next) => next?,
                // What is ready is handed over, and nothing of it is lost while it is waited.
                None if !tally.is_empty() || !batch.is_empty() => return Ok(Flow::More),
                None => self.steps.next(&mut self.counts).await?,
            };
            match next {
                Some(Step::Print(job)) => printer.begin(job),
                Some(Step::Gap) => {
                    stats.add_gaps(1);
                }
                Some(Step::Passed(mark)) => {
                    reach(&mut self.progress, mark.or(tally.mark));
                    return Ok(Flow::More);
                }
                None => return Ok(Flow::End),
            }
        }
    }

    /// Keeps the cores at work, and takes what comes first.
    async fn receive(&mut self, batch: &mut Batch, stats: &Stats) -> Result<Flow, MemberError> {
        loop {
            // Footers are read here.
            tokio::task::yield_now().await;
            let Hands::Crew(crew) = &mut self.hands else {
                return Ok(Flow::More);
            };
            while !self.is_over && crew.has_room() {
                match self.steps.next(&mut self.counts).now_or_never() {
                    Some(next) => self.is_over = give(crew, next),
                    None => break,
                }
            }
            let may_ask = !self.is_over && crew.has_room();
            let received = tokio::select! {
                biased;
                received = crew.receive(batch), if !crew.is_idle() => received,
                next = self.steps.next(&mut self.counts), if may_ask => {
                    self.is_over = give(crew, next);
                    continue;
                }
                else => return Ok(Flow::End),
            };
            match received {
                Some(Received::Batch(tally, end)) => {
                    self.tell(tally, stats);
                    self.n_done += u64::from(end.is_some());
                    return end
                        .unwrap_or(Ok(()))
                        .map(|()| Flow::More)
                        .map_err(MemberError::from);
                }
                Some(Received::Note(Note::Gap)) => stats.add_gaps(1),
                Some(Received::Note(Note::Passed(mark))) => reach(&mut self.progress, mark),
                Some(Received::Note(Note::Accounts(accounts))) => {
                    self.changed_accounts = Some(accounts);
                }
                Some(Received::Note(Note::Failed(error))) => return Err(error),
                Some(Received::Note(Note::End)) => return Ok(Flow::End),
                Some(Received::Gone) | None => {
                    return Err(MemberError::other("a thread that prints events has ended"));
                }
            }
        }
    }

    fn tell(&mut self, tally: Tally, stats: &Stats) {
        reach(&mut self.progress, tally.mark);
        tally.tell(
            &self.settings,
            stats,
            &mut self.counts,
            &mut self.said_large,
        );
    }
}

/// Gives the next step to the crew, and says whether it is the last.
fn give(crew: &mut Crew<Note>, next: Result<Option<Step>, MemberError>) -> bool {
    let is_over = !matches!(next, Ok(Some(_)));
    match next {
        Ok(Some(Step::Print(job))) => crew.give(job),
        Ok(Some(Step::Gap)) => crew.note(Note::Gap),
        Ok(Some(Step::Passed(mark))) => crew.note(Note::Passed(mark)),
        Ok(None) => crew.note(Note::End),
        Err(error) => crew.note(Note::Failed(error)),
    }
    is_over
}

fn reach(progress: &mut Progress, mark: Option<Mark>) {
    if let Some(mark) = mark.filter(|mark| mark.number >= progress.number) {
        progress.number = mark.number;
        progress.time_us = u64::try_from(mark.witnessed_at).unwrap_or_default();
    }
}

impl Hands {
    fn of(settings: &RowSettings, origin: &Arc<Origin>) -> Self {
        let printer = || Printer::new(settings);
        if settings.threads < 2 {
            return Self::Own(Box::new(printer()));
        }
        let printers = (0..settings.threads).map(|_| printer()).collect();
        match Crew::start(printers, origin) {
            Ok(crew) => Self::Crew(crew),
            Err(error) => {
                warn!(target: STATE, %error, "no more threads can be started, so that everything is read on one: {error}");
                Self::Own(Box::new(printer()))
            }
        }
    }
}
