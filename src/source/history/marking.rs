//! What became of the accounts of an output, asked of the archive once their commits are read.
//!
//! While an archive is read for its commits alone, the output's accounts are owed what became of
//! them, from a number on. That is noted before the first commit is delivered, and taken back once
//! the last event about them is, whatever was killed in between; the place of the stream has no part
//! in it. What became of an account before its first record was here is not asked for.

use std::{fmt, pin::Pin, sync::Arc};

use tracing::{info, warn};

use super::{
    History, Phase, beginning::MAX_DIDS, calls::Asked, download::Download, ledger::Ledger,
};
use crate::{
    error::MemberError,
    event::{Batch, Did, Kind},
    log::STATE,
    source::{
        Flow, Saves,
        segments::{Run, Wanted},
    },
    stats::{Progress, Stats},
};

/// Of more accounts than this nothing is asked: each ten thousand of them are a reading of nearly
/// every block that has events about accounts, and a run over all kinds reads those once.
const MAX_ACCOUNTS: usize = 100_000;

/// The kinds of events that say what became of accounts.
const KINDS: [Kind; 3] = [Kind::Identity, Kind::Account, Kind::Sync];

/// An answer of [`StateAccounts`].
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, MemberError>> + Send + 'a>>;

/// The accounts that an output has records of, and what it does not know of them yet.
///
/// Each call comes after what the output was given before it.
pub trait StateAccounts: fmt::Debug + Send + Sync {
    /// Notes that what became of the accounts is unread from this number of the service on, or from
    /// an earlier one where that is noted already. It is kept before this resolves.
    fn owe<'a>(&'a self, service: &'a str, from: u64) -> Answer<'a, ()>;

    /// From which number of the service on that is unread; the first one where it is noted of another
    /// service; `None` where nothing is.
    fn owed<'a>(&'a self, service: &'a str) -> Answer<'a, Option<u64>>;

    /// All of it is read. That is kept together with what the output was given before, or later.
    fn settle(&self) -> Answer<'_, ()>;

    /// The accounts of which the output has records, at most so many of them.
    fn list(&self, most: usize) -> Answer<'_, Vec<Did>>;
}

/// What is still to be read about accounts.
#[derive(Debug)]
pub(super) struct Marking {
    accounts: Arc<dyn StateAccounts>,
    /// From this number on.
    from: u64,
    /// As many at a time as a plan may name.
    left: Vec<Vec<Did>>,
    run: Option<Box<Run<Download>>>,
}

impl History {
    /// Has the accounts of the output asked for by themselves where the archive is read for its
    /// commits alone.
    #[must_use]
    pub fn marking(self, accounts: impl StateAccounts + 'static) -> Self {
        let accounts = Some(Arc::new(accounts) as Arc<dyn StateAccounts>);
        Self { accounts, ..self }
    }

    /// The accounts that are owed something where commits alone are read.
    fn marked(&self) -> Option<Arc<dyn StateAccounts>> {
        let is_wanted = self.settings.archive_kinds.is_some();
        self.accounts.clone().filter(|_| is_wanted)
    }

    /// Notes that commits are read from this number on, and nothing else.
    pub(super) async fn owe(&mut self, service: &str, from: u64) -> Result<(), MemberError> {
        match self.marked() {
            Some(accounts) => accounts.owe(service, from).await,
            None => Ok(()),
        }
    }

    /// What follows the commits of the archive: what became of their accounts, where that is owed,
    /// and else the socket.
    ///
    /// Cancel safety: dropped and asked again at any time.
    pub(super) async fn leave_commits(&mut self) -> Result<Phase, MemberError> {
        let service = self.client()?.url();
        let Some(accounts) = self.marked() else {
            return Ok(self.go_live());
        };
        let owed = accounts.owed(&service).await?;
        let end = self.before_seq().unwrap_or(u64::MAX);
        let Some(from) = owed.filter(|from| *from <= end) else {
            return Ok(self.go_live());
        };
        let mut dids = accounts.list(MAX_ACCOUNTS + 1).await?;
        if dids.len() > MAX_ACCOUNTS {
            warn!(target: STATE, setting = "archive_kinds", "there are records of more than {MAX_ACCOUNTS} accounts: the archive is not asked what became of them");
            return Ok(self.go_live());
        }
        let ours = &self.settings.live.dids;
        if !ours.is_empty() {
            dids.retain(|did| ours.contains(did));
        }
        let n = dids.len();
        info!(target: STATE, accounts = n, from, "asking the archive what became of {n} accounts since number {from}");
        Ok(Phase::Marking(Marking {
            accounts,
            from,
            left: dids.chunks(MAX_DIDS).map(<[Did]>::to_vec).collect(),
            run: None,
        }))
    }

    /// Reads on about accounts. `Flow::End` says that nothing is left, and the batch is then empty.
    ///
    /// Cancel safety: as [`Source::next_batch`](crate::source::Source::next_batch).
    pub(super) async fn mark(&mut self, batch: &mut Batch) -> Result<Flow, MemberError> {
        let stats = Arc::clone(&self.stats);
        loop {
            let Phase::Marking(marking) = &mut self.phase else {
                return Ok(Flow::End);
            };
            if let Some(run) = &mut marking.run {
                let flow = fill(run, batch, &stats).await?;
                let is_cut_short = flow != Flow::More && run.steps_mut().is_cut_short();
                if flow != Flow::More {
                    marking.run = None;
                }
                if is_cut_short {
                    self.cut_short();
                }
                if !batch.is_empty() || is_cut_short {
                    return Ok(Flow::More);
                }
                continue;
            }
            let from = marking.from;
            let Some(dids) = marking.left.last().cloned() else {
                marking.accounts.settle().await?;
                return Ok(Flow::End);
            };
            let run = self.read_about(from, &dids).await?;
            if let Phase::Marking(marking) = &mut self.phase {
                marking.run = Some(Box::new(run));
                marking.left.pop();
            }
        }
    }

    async fn read_about(&mut self, from: u64, dids: &[Did]) -> Result<Run<Download>, MemberError> {
        let client = self.client()?;
        let bounds = self.settings.bounds(from, None);
        let asked = Asked {
            kinds: vec!["identity", "account", "sync"],
            collections: Vec::new(),
            dids: dids.iter().map(|did| did.as_str().to_owned()).collect(),
            after_seq: bounds.numbers.start() - 1,
            before_seq: self.before_seq(),
        };
        let page = client.plan(&asked).await?;
        let progress = Progress {
            number: *bounds.numbers.start(),
            first: *bounds.numbers.start(),
            last: page.sealed_tip_seq,
            time_us: 0,
            bytes: 0,
        };
        let wanted = Arc::new(Wanted::new(&[], &KINDS, dids, bounds));
        // No place says how far this is, so that no save is of use to it.
        let ledger = Ledger::new(Saves::none());
        let most = self.settings.max_bytes;
        let steps = Download::new(client, asked, page, Arc::clone(&wanted), ledger, most)?;
        self.stats.set_connected(true);
        let rows = self.settings.rows();
        Ok(Run::begin(steps, wanted, rows, progress, &self.origin))
    }
}

/// Adds events about accounts, which leave the place of the stream where it is.
async fn fill(
    run: &mut Run<Download>,
    batch: &mut Batch,
    stats: &Stats,
) -> Result<Flow, MemberError> {
    batch.set_aside();
    let flow = run.next_batch(batch, stats).await;
    // It may be another batch by now, of another core.
    batch.set_aside();
    let done = run.done();
    run.steps_mut().ledger.taken(done, None);
    flow
}
