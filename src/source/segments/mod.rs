//! Segment files as a source: the history of a server, from the disk.
//!
//! All headers are read first, so that what is missing between files is known before the first
//! event. Files and blocks that cannot hold what is wanted are not read.

mod archive;
mod crew;
mod error;
mod job;
mod opening;
mod plan;
mod printer;
mod run;
mod settings;
mod steps;
mod tally;
mod wanted;

use std::sync::Arc;

use tokio::sync::watch;
use tracing::{info, warn};

pub(in crate::source) use self::run::Run;
pub use self::settings::SegmentsSettings;
#[cfg(feature = "history")]
pub(in crate::source) use self::{
    error::ReplayError,
    job::{Job, Part},
    settings::{Bounds, RowSettings},
    steps::{ReadCounts, Step, Steps},
    wanted::Wanted,
};
use self::{plan::Plan, settings::SOURCE};
use super::{Flow, ReadError, RunContext, Source, WantedAccounts};
use crate::{
    error::MemberError,
    event::{Batch, Did, Origin, Place, Start, Trail},
    log::STATE,
    stats::Stats,
};

/// The events of segment files, in the order of their numbers.
///
/// It ends with the last file. A run with a cursor goes on with the first number that is higher,
/// whatever was taken out of the files since.
#[derive(Debug)]
pub struct Segments {
    settings: SegmentsSettings,
    origin: Arc<Origin>,
    /// The beginning that holds: what was given, what was saved, or what is for a new cursor.
    start: Option<Start>,
    accounts: WantedAccounts,
    changes: watch::Receiver<Vec<Did>>,
    changed_accounts: Option<Vec<Did>>,
    run: Option<Run<Plan>>,
    stats: Arc<Stats>,
}

impl Segments {
    /// A source that opens the files when it is first asked for a batch.
    pub fn new(settings: SegmentsSettings) -> Self {
        let paths = settings.paths.iter().map(|path| {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            path.to_string_lossy().into_owned()
        });
        let origin = Origin {
            source: SOURCE.into(),
            host: paths.collect::<Vec<_>>().join(" "),
            instance: None,
        };
        let accounts = WantedAccounts::new(settings.dids.clone());
        Self {
            start: settings.start.or(settings.start_if_new),
            settings,
            origin: Arc::new(origin),
            changes: accounts.changes(),
            accounts,
            changed_accounts: None,
            run: None,
            stats: Arc::new(Stats::unexported()),
        }
    }

    /// Which accounts are read, and a handle to change that while it runs. What lies before the
    /// block that is read at that moment is not read again.
    pub fn wanted_accounts(&self) -> WantedAccounts {
        self.accounts.clone()
    }

    /// Takes over the accounts that are wanted by now. No event is in the batch when this is done.
    fn change_accounts(&mut self) {
        if !self.changes.has_changed().unwrap_or_default() {
            return;
        }
        let dids = self.changes.borrow_and_update().clone();
        if dids == self.settings.dids {
            return;
        }
        WantedAccounts::tell_change(&dids);
        self.settings.dids.clone_from(&dids);
        match &mut self.run {
            Some(run) => run.want(dids),
            None => self.changed_accounts = Some(dids),
        }
    }
}

impl Source for Segments {
    fn attach(&mut self, run: &RunContext) {
        self.stats = Arc::clone(&run.stats);
    }

    fn resume(
        &mut self,
        place: &Place,
        _trail: &Trail,
        same_filter: bool,
    ) -> Result<bool, MemberError> {
        ReadError::refuse_foreign(place, SOURCE)?;
        if self.settings.start.is_some() {
            info!(target: STATE, saved = %place, "a beginning is given: the saved cursor is not used");
            return Ok(false);
        }
        if place
            .origin()
            .is_some_and(|origin| origin.host != self.origin.host)
        {
            warn!(target: STATE, "the saved cursor is of other files or folders: its number counts here only if they are of the same archive");
        }
        if !same_filter {
            info!(target: STATE, "the saved cursor was made with another filter: what only the new one keeps is read from here on");
        }
        self.start = Some(match (place, place.seq(), place.time_us()) {
            (Place::Reached(position), Some(seq), _) if position.point.identity.is_some() => {
                Start::Seq(seq.saturating_add(1))
            }
            (_, Some(seq), _) => Start::Seq(seq),
            (_, None, time_us) => Start::Time(time_us.unwrap_or_default()),
        });
        Ok(true)
    }

    fn changed_accounts(&mut self) -> Option<Vec<Did>> {
        let of_run = self.run.as_mut().and_then(Run::changed_accounts);
        of_run.or(self.changed_accounts.take())
    }

    async fn next_batch(&mut self, batch: &mut Batch) -> Result<Flow, MemberError> {
        // What follows hardly waits: others that have something to do come first.
        tokio::task::yield_now().await;
        self.change_accounts();
        let run = if let Some(run) = &mut self.run {
            run
        } else {
            let run = self.open()?;
            self.run.insert(run)
        };
        batch.set_origin(&self.origin);
        run.next_batch(batch, &self.stats).await
    }
}
