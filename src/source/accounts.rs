//! The accounts that are wanted, which may change while a stream is read.

use std::{collections::BTreeSet, sync::Arc};

use tokio::sync::watch;
use tracing::info;

use crate::{event::Did, log::STATE};

/// Which accounts a source reads, and a handle to change that while it runs: for feeds and
/// bots whose list of accounts grows.
///
/// A [`Jetstream`](super::jetstream::Jetstream) tells its server on the connection that is open, or
/// on a new one where a message will not do: on the v2 wire, and from all accounts to some, and
/// back. Events of an account that is new come
/// from the moment on at which the server has read that; earlier ones are not asked for. Those of
/// an account that left the list are dropped from the next batch on, also where the server still
/// sends some. The pipeline's filter keeps the accounts of the list in place of those that it kept,
/// every later connection asks for them, and a saved cursor notes with which list its place was
/// reached.
///
/// The list is not saved: a program gives the next run the accounts that it wants by then.
///
/// ```
/// use rocketman::{event::Did, source::jetstream::{Jetstream, JetstreamSettings}};
///
/// let source = Jetstream::new(JetstreamSettings {
///     dids: vec![Did::parse("did:plc:z72i7hdynmk6r22z27h6tvur")?],
///     ..JetstreamSettings::default()
/// });
/// let accounts = source.wanted_accounts();
/// // Anywhere else, and at any time later:
/// let mut list = accounts.get();
/// list.push(Did::parse("did:plc:ewvi7nxzyoun6zhxrhs64oiz")?);
/// accounts.set(list);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct WantedAccounts {
    list: Arc<watch::Sender<Vec<Did>>>,
}

impl WantedAccounts {
    pub(super) fn new(dids: Vec<Did>) -> Self {
        let list = Arc::new(watch::channel(dids).0);
        Self { list }
    }

    /// The accounts that are wanted; none means all.
    pub fn get(&self) -> Vec<Did> {
        self.list.borrow().clone()
    }

    /// Wants these accounts from now on, and no others; none means all. What stands there twice
    /// counts once. Where they are more than a server takes, all events are read, and those of
    /// others are dropped by the pipeline's filter.
    pub fn set(&self, accounts: impl IntoIterator<Item = Did>) {
        let accounts: BTreeSet<_> = accounts.into_iter().collect();
        self.list.send_replace(accounts.into_iter().collect());
    }

    /// Says that they have changed.
    pub(super) fn tell_change(accounts: &[Did]) {
        let n = accounts.len();
        info!(target: STATE, accounts = n, "the wanted accounts have changed: {}", counted(n));
    }

    /// Whether anybody else can change it.
    pub(super) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.list) > 1
    }

    pub(super) fn changes(&self) -> watch::Receiver<Vec<Did>> {
        self.list.subscribe()
    }
}

fn counted(n: usize) -> String {
    match n {
        0 => "all".to_owned(),
        1 => "1 account".to_owned(),
        n => format!("{n} accounts"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_a_list_twice_counts_once() {
        let wanted = WantedAccounts::new(Vec::new());
        let mut changes = wanted.changes();
        let dids = |n: usize| (0..n).map(|n| Did::parse(&format!("did:web:a{n}")).unwrap());
        wanted.set(dids(20_000).chain(dids(3)));
        assert!(changes.has_changed().unwrap());
        assert_eq!(changes.borrow_and_update().len(), 20_000);
        assert_eq!(wanted.get().len(), 20_000);
    }
}
