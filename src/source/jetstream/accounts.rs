//! The accounts that are wanted, which may change while a stream is read.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use tokio::sync::watch;
use tracing::info;

use super::{
    Jetstream,
    settings::JetstreamSettings,
    v1::{MAX_HELLO_BYTES, Wanted},
};
use crate::{event::Did, log::STATE};

/// What the rest of a message of options may take: a hundred collections, and the words around
/// them.
const MAX_OTHER_BYTES: usize = 100_000;

/// Which accounts a [`Jetstream`] reads, and a handle to change that while it runs: for feeds and
/// bots whose list of accounts grows.
///
/// The server is told on the connection that is open, or on a new one where a message will not do:
/// from all accounts to some, and back. Events of an account that is new come from the moment on at
/// which the server has read that; earlier ones are not asked for. Those of an account that left
/// the list are dropped from the next batch on, also where the server still sends some. The
/// pipeline's filter keeps the accounts of the list in place of those that it kept, every later
/// connection asks for them, and a saved cursor notes with which list its place was reached.
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
/// accounts.set(list)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct WantedAccounts {
    list: Arc<watch::Sender<Vec<Did>>>,
}

/// A list of accounts that no server takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountsError {
    /// More than a server takes.
    #[error("{0} accounts are too many: a server takes at most {most}", most = JetstreamSettings::MAX_DIDS)]
    TooMany(usize),
    /// Their DIDs are longer than a message may be.
    #[error(
        "the accounts' DIDs have {0} bytes, and a server takes messages of at most {MAX_HELLO_BYTES}"
    )]
    TooLong(usize),
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
    /// counts once.
    pub fn set(&self, accounts: impl IntoIterator<Item = Did>) -> Result<(), AccountsError> {
        let accounts: BTreeSet<_> = accounts.into_iter().collect();
        if accounts.len() > JetstreamSettings::MAX_DIDS {
            return Err(AccountsError::TooMany(accounts.len()));
        }
        // With its quotation marks and a comma.
        let bytes = accounts.iter().map(|did| did.as_str().len() + 3).sum();
        if bytes > MAX_HELLO_BYTES - MAX_OTHER_BYTES {
            return Err(AccountsError::TooLong(bytes));
        }
        self.list.send_replace(accounts.into_iter().collect());
        Ok(())
    }

    /// Whether anybody else can change it.
    pub(super) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.list) > 1
    }

    pub(super) fn changes(&self) -> watch::Receiver<Vec<Did>> {
        self.list.subscribe()
    }
}

/// A set of accounts, looked up by their names.
pub(super) type Accounts = HashSet<Arc<[u8]>>;

impl Jetstream {
    /// Which accounts are read, and a handle to change that while it runs.
    pub fn wanted_accounts(&self) -> WantedAccounts {
        self.accounts.clone()
    }

    /// Takes over the accounts that are wanted by now. No event is in the batch when this is done,
    /// so that what follows is read with the new list, and what came before with the old one.
    pub(super) async fn change_accounts(&mut self) {
        let dids = self.changes.borrow_and_update().clone();
        if dids == self.settings.dids {
            return;
        }
        let is_of_some = !dids.is_empty();
        let was_of_some = std::mem::replace(&mut self.state.may_pause, is_of_some);
        self.settings.dids.clone_from(&dids);
        self.state.resume.read_otherwise();
        let n = dids.len();
        info!(target: STATE, accounts = n, "the wanted accounts have changed: {}", counted(n));
        let hello = Wanted::of(&self.settings).hello();
        let names = dids.iter().map(Did::to_bytes).collect();
        self.changed_accounts = Some(dids);
        let Some(session) = &mut self.session else {
            return;
        };
        // How long it may be silent, and what is stepped over, was settled when it was opened.
        let is_alike = is_of_some == was_of_some && self.slow.step().is_none();
        if is_alike && session.update(&hello) {
            self.state.keep_to(is_of_some.then_some(names));
            return;
        }
        self.asks_anew = true;
        self.state.stats.set_connected(false);
        if let Some(mut session) = self.session.take() {
            session.close().await;
        }
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
    fn a_list_that_no_server_takes_is_refused_and_changes_nothing() {
        let wanted = WantedAccounts::new(Vec::new());
        let mut changes = wanted.changes();
        let dids = |n: usize| (0..n).map(|n| Did::parse(&format!("did:web:a{n}")).unwrap());
        assert_eq!(
            wanted.set(dids(JetstreamSettings::MAX_DIDS + 1)),
            Err(AccountsError::TooMany(JetstreamSettings::MAX_DIDS + 1))
        );
        let long = "a".repeat(1000);
        let long = dids(JetstreamSettings::MAX_DIDS)
            .map(|did| Did::parse(&format!("{did}{long}")).unwrap());
        assert!(matches!(
            wanted.set(long),
            Err(AccountsError::TooLong(10_000_000..))
        ));
        assert!(!changes.has_changed().unwrap());
        wanted
            .set(dids(JetstreamSettings::MAX_DIDS).chain(dids(3)))
            .unwrap();
        assert!(changes.has_changed().unwrap());
        assert_eq!(
            changes.borrow_and_update().len(),
            JetstreamSettings::MAX_DIDS
        );
        assert_eq!(wanted.get().len(), JetstreamSettings::MAX_DIDS);
    }
}
