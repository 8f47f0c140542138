//! Files as they are read: what is planned, who prints it, and how much it was.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tracing::{info, warn};

use super::{
    archive::ListedFile,
    crew::{Crew, Received},
    plan::{Mark, Plan, ReadCounts, Step},
    printer::Printer,
    settings::{Bounds, SegmentsSettings},
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
pub(super) struct Run {
    plan: Plan,
    wanted: Arc<Wanted>,
    hands: Hands,
    counts: ReadCounts,
    n_files: u64,
    progress: Progress,
    said_large: bool,
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

impl Run {
    /// Begins to read these files.
    pub(super) fn begin(
        files: Vec<ListedFile>,
        bounds: Bounds,
        settings: &SegmentsSettings,
        origin: &Arc<Origin>,
    ) -> Self {
        let first = files.first().map_or(0, |file| *file.numbers.start());
        let last = files.last().map_or(0, |file| *file.numbers.end());
        let first = first.max(*bounds.numbers.start());
        let progress = Progress {
            number: first,
            first,
            last: last.min(*bounds.numbers.end()),
            time_us: 0,
            bytes: files.iter().map(|file| file.bytes).sum(),
        };
        let n_files = files.len() as u64;
        let wanted = Arc::new(Wanted::new(settings, bounds));
        Self {
            plan: Plan::new(files, Arc::clone(&wanted), settings.on_gap),
            wanted,
            hands: Hands::of(settings, origin),
            counts: ReadCounts::default(),
            n_files,
            progress,
            said_large: false,
            changed_accounts: None,
        }
    }

    /// Wants rows of these accounts from now on: the task from the next row, other cores from the
    /// next block that they are given.
    pub(super) fn want(&mut self, accounts: Vec<Did>) {
        self.wanted = Arc::new(self.wanted.of_accounts(&accounts));
        self.plan.want(Arc::clone(&self.wanted));
        match &mut self.hands {
            Hands::Own(printer) => {
                printer.want(&self.wanted);
                self.changed_accounts = Some(accounts);
            }
            Hands::Crew(crew) => crew.note(Note::Accounts(accounts)),
        }
    }

    /// The accounts that are read from the present batch on, where they have changed.
    pub(super) fn changed_accounts(&mut self) -> Option<Vec<Did>> {
        self.changed_accounts.take()
    }

    /// Fills the batch.
    pub(super) async fn next_batch(
        &mut self,
        batch: &mut Batch,
        settings: &SegmentsSettings,
        stats: &Stats,
    ) -> Result<Flow, MemberError> {
        let before = self.counts.bytes;
        let flow = match &self.hands {
            Hands::Own(_) => self.fill(batch, settings, stats),
            Hands::Crew(_) => self.receive(batch, settings, stats).await,
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
            self.tell_end();
        }
        flow
    }

    /// Prints until the batch is full, or a file is done with, so that a stop is heard.
    fn fill(
        &mut self,
        batch: &mut Batch,
        settings: &SegmentsSettings,
        stats: &Stats,
    ) -> Result<Flow, MemberError> {
        let mut tally = Tally::default();
        let flow = self.print(batch, &mut tally, stats);
        self.tell(tally, settings, stats);
        flow
    }

    fn print(
        &mut self,
        batch: &mut Batch,
        tally: &mut Tally,
        stats: &Stats,
    ) -> Result<Flow, MemberError> {
        let Hands::Own(printer) = &mut self.hands else {
            return Ok(Flow::More);
        };
        loop {
            if !printer.is_idle() && !printer.fill(batch, tally)? {
                return Ok(Flow::More);
            }
            match self.plan.next(&mut self.counts)? {
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
    async fn receive(
        &mut self,
        batch: &mut Batch,
        settings: &SegmentsSettings,
        stats: &Stats,
    ) -> Result<Flow, MemberError> {
        loop {
            // Footers are read here.
            tokio::task::yield_now().await;
            let Hands::Crew(crew) = &mut self.hands else {
                return Ok(Flow::More);
            };
            while crew.has_room() {
                match self.plan.next(&mut self.counts) {
                    Ok(Some(Step::Print(job))) => crew.give(job),
                    Ok(Some(Step::Gap)) => crew.note(Note::Gap),
                    Ok(Some(Step::Passed(mark))) => crew.note(Note::Passed(mark)),
                    Ok(None) => crew.note(Note::End),
                    Err(error) => crew.note(Note::Failed(error.into())),
                }
            }
            match crew.receive(batch).await {
                Some(Received::Batch(tally, result)) => {
                    self.tell(tally, settings, stats);
                    return result.map(|()| Flow::More).map_err(MemberError::from);
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

    fn tell(&mut self, tally: Tally, settings: &SegmentsSettings, stats: &Stats) {
        reach(&mut self.progress, tally.mark);
        tally.tell(settings, stats, &mut self.counts, &mut self.said_large);
    }

    /// Says how much was read, and how much was not.
    fn tell_end(&self) {
        let ReadCounts {
            files,
            blocks,
            bytes,
            left_blocks,
            left_bytes,
        } = self.counts;
        let all = self.n_files;
        info!(target: STATE, files, blocks, bytes, left_blocks, left_bytes, "read {blocks} blocks of {files} of {all} files, {bytes} bytes; {left_blocks} blocks, {left_bytes} bytes, hold nothing that is wanted");
    }
}

fn reach(progress: &mut Progress, mark: Option<Mark>) {
    if let Some(mark) = mark.filter(|mark| mark.number >= progress.number) {
        progress.number = mark.number;
        progress.time_us = u64::try_from(mark.witnessed_at).unwrap_or_default();
    }
}

impl Hands {
    fn of(settings: &SegmentsSettings, origin: &Arc<Origin>) -> Self {
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
