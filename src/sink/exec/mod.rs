//! Programs that take events: the line on their stdin, no shell anywhere.
//!
//! One program for each event, or programs that live on and take one event after the other. Several run at the same time if so
//! wished, and those of one account still follow each other. An event counts as accepted when its program took it, or when it was given
//! up in the way that was chosen.

mod arguments;
mod each;
mod outlet;
mod process;
mod terms;
mod variables;
mod voice;

use std::{
    ffi::OsString,
    num::NonZeroUsize,
    sync::{Arc, Mutex},
    time::Duration,
};

use tracing::info;

use self::{
    each::Each,
    outlet::Outlet,
    process::Groups,
    terms::{Outcome, Parcel, Terms},
};
use super::{
    DeadLetterFile, Fate, Ledger, Sink, SinkError,
    lanes::{LaneLimits, Lanes, Ticket, lane_of},
    writer::BEGUN,
};
use crate::{
    STATE,
    event::{Batch, FileMark},
    pace::Pace,
    stats::Stats,
};

/// How far one may look ahead of an event that is not done. So many places are also remembered for the cursor.
const AHEAD: usize = 4096;

/// The same in bytes.
const AHEAD_BYTES: usize = 16 * 1024 * 1024;

/// How programs are run.
#[derive(Debug, Clone)]
pub struct ExecSettings {
    /// How many run at the same time. Events of one account always follow each other.
    pub jobs: NonZeroUsize,
    /// How long a program may take for an event.
    pub timeout: Duration,
    /// How often an event that failed is tried again.
    pub retries: u32,
    /// What becomes of an event that failed as often as it may.
    pub on_error: OnExecError,
    /// Whether what programs print goes to our stdout.
    pub has_output: bool,
}

impl Default for ExecSettings {
    fn default() -> Self {
        Self {
            jobs: NonZeroUsize::MIN,
            timeout: Duration::from_secs(60),
            retries: 0,
            on_error: OnExecError::Stop,
            has_output: true,
        }
    }
}

/// What becomes of an event that no program takes.
#[derive(Debug, Clone)]
pub enum OnExecError {
    /// It ends the run, and the next one begins with it.
    Stop,
    /// It is told, and counts as accepted.
    Skip,
    /// It is kept in this file, and counts as accepted.
    DeadLetter(DeadLetterFile),
}

/// Gives events to programs.
#[derive(Debug)]
pub struct ExecSink {
    program: OsString,
    arguments: Vec<OsString>,
    settings: ExecSettings,
    fate: Option<Fate>,
    stats: Arc<Stats>,
    lanes: Lanes<Parcel>,
    groups: Groups,
    ledger: Ledger,
    outlet: Option<Outlet>,
    each: Option<Each>,
    /// Something ended the run.
    is_over: bool,
}

impl ExecSink {
    /// Runs `program` for each event. In `arguments`, `{did}`, `{collection}`, `{rkey}`, `{uri}` and `{time_us}` are replaced by
    /// those of the event.
    pub fn new(program: OsString, arguments: Vec<OsString>) -> Self {
        let settings = ExecSettings::default();
        Self {
            program,
            arguments,
            lanes: Lanes::new(limits(&settings)),
            settings,
            fate: None,
            stats: Arc::default(),
            groups: Groups::default(),
            ledger: Ledger::default(),
            outlet: None,
            each: None,
            is_over: false,
        }
    }

    /// Uses these settings.
    #[must_use]
    pub fn settings(mut self, settings: ExecSettings) -> Self {
        self.lanes = Lanes::new(limits(&settings));
        self.settings = settings;
        self
    }

    /// Counts failures into these stats.
    #[must_use]
    pub fn stats(mut self, stats: Arc<Stats>) -> Self {
        self.stats = stats;
        self
    }

    /// Has deliveries fail on purpose, after a program has succeeded; each is then one that failed like any other.
    #[must_use]
    pub fn fate(mut self, fate: Option<Fate>) -> Self {
        self.fate = fate;
        self
    }

    /// Takes the first event of the batch into its lane.
    fn take(&mut self, batch: &mut Batch) {
        if let Some(event) = batch.events().next() {
            let line = event.line().to_vec();
            let lane = lane_of(event.did());
            let parcel = Parcel {
                line,
                fate: self.fate.as_mut().map(Fate::of_next),
                failures: 0,
            };
            self.lanes.push(Some(lane), parcel.line.len(), parcel);
            batch.take(1);
        }
    }

    /// Begins with all that may begin.
    fn begin_ready(&mut self) {
        let each = self.each.as_mut().expect(BEGUN);
        while let Some((ticket, parcel)) = self.lanes.begin() {
            each.begin(ticket, parcel);
        }
    }

    /// Waits for something to happen, and does what follows from it.
    ///
    /// Cancel safety: dropped and asked again at any time.
    async fn step(&mut self) -> Result<(), SinkError> {
        self.flush().await?;
        let each = self.each.as_mut().expect(BEGUN);
        let through = tokio::select! {
            through = each.next() => Some(through),
            news = news(&mut self.outlet) => {
                news?;
                None
            }
        };
        if let Some((ticket, outcome)) = through {
            self.settle(ticket, outcome)?;
        }
        self.flush().await
    }

    fn settle(&mut self, ticket: Ticket, outcome: Outcome) -> Result<(), SinkError> {
        match outcome {
            Outcome::Done => {
                let n_done = self.lanes.end(ticket);
                if self.outlet.is_none() {
                    self.ledger.accept(n_done);
                }
                if !self.is_over && !self.ledger.is_stopped() {
                    self.begin_ready();
                }
                Ok(())
            }
            // It stays where it is, and nothing behind it counts.
            Outcome::Left => Ok(()),
            Outcome::Fatal(error) => {
                self.is_over = true;
                Err(error)
            }
        }
    }

    async fn flush(&mut self) -> Result<(), SinkError> {
        match &mut self.outlet {
            Some(outlet) => outlet.flush(self.lanes.n_done()).await,
            None => Ok(()),
        }
    }

    /// Writes what is left of what programs printed.
    async fn close(&mut self) -> Result<(), SinkError> {
        self.flush().await?;
        match &mut self.outlet {
            Some(outlet) => outlet.finish().await,
            None => Ok(()),
        }
    }

    /// Lets end what has begun, and if nothing is wrong also what was taken.
    async fn drain(&mut self) -> Result<(), SinkError> {
        let ledger = self.ledger.clone();
        let mut result = Ok(());
        loop {
            if self.is_over || ledger.is_stopped() {
                self.lanes.leave_rest();
            }
            if !self.is_over {
                self.begin_ready();
            }
            if self.each.as_ref().is_none_or(Each::is_idle) {
                return result;
            }
            let was_stopped = ledger.is_stopped();
            let stepped = tokio::select! {
                stepped = self.step() => stepped,
                () = ledger.stopped(), if !was_stopped => Ok(()),
            };
            if result.is_ok() {
                result = stepped;
            }
        }
    }
}

impl Sink for ExecSink {
    fn name(&self) -> String {
        format!("program '{}'", self.program.display())
    }

    fn begin(&mut self, _files: &[FileMark], ledger: &Ledger) -> Result<(), SinkError> {
        self.ledger = ledger.clone();
        let is_alone = self.settings.jobs == NonZeroUsize::MIN;
        if self.settings.has_output && !is_alone {
            self.outlet = Some(Outlet::open(ledger)?);
        }
        self.each = Some(Each::new(Arc::new(Terms {
            program: self.program.clone(),
            arguments: self.arguments.clone(),
            settings: self.settings.clone(),
            groups: self.groups.clone(),
            ledger: ledger.clone(),
            stats: Arc::clone(&self.stats),
            basket: self.outlet.as_ref().map(Outlet::basket),
            pace: Mutex::new(Pace::new()),
        })));
        Ok(())
    }

    /// Takes events as long as there are free jobs, and returns once there is one again: a stop waits for programs that run, and not for
    /// a batch of them.
    async fn accept(&mut self, batch: &mut Batch, ledger: &Ledger) -> Result<(), SinkError> {
        while !batch.is_empty() && self.lanes.has_room() && self.lanes.has_free_job() {
            self.take(batch);
            self.begin_ready();
        }
        while !(self.lanes.has_room() && self.lanes.has_free_job()) {
            tokio::select! {
                stepped = self.step() => stepped?,
                () = ledger.stopped() => break,
            }
        }
        Ok(())
    }

    async fn checkpoint(&mut self) -> Result<(), SinkError> {
        match &mut self.outlet {
            Some(outlet) => outlet.sync().await,
            None => Ok(()),
        }
    }

    async fn finish(&mut self, _ledger: &Ledger) -> Result<(), SinkError> {
        let drained = self.drain().await;
        if !self.is_over && !self.lanes.is_empty() {
            info!(target: STATE, "events that would be tried again are left to the next run");
        }
        let closed = self.close().await;
        drained.and(closed)
    }

    async fn abandon(&mut self) {
        self.groups.end().await;
    }

    async fn failed(&mut self) -> SinkError {
        loop {
            if let Err(error) = self.step().await {
                return error;
            }
        }
    }
}

impl Drop for ExecSink {
    /// What still runs when a run ends at once has hardly any time left.
    fn drop(&mut self) {
        self.groups.end_at_once();
    }
}

/// Resolves when programs have printed something.
async fn news(outlet: &mut Option<Outlet>) -> Result<(), SinkError> {
    match outlet {
        Some(outlet) => outlet.news().await,
        None => std::future::pending().await,
    }
}

fn limits(settings: &ExecSettings) -> LaneLimits {
    LaneLimits {
        jobs: settings.jobs.get(),
        events: AHEAD.max(2 * settings.jobs.get()),
        bytes: AHEAD_BYTES,
    }
}
