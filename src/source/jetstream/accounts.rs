//! Other accounts are wanted while a stream is read.

use std::{collections::HashSet, sync::Arc};

use super::{Jetstream, endpoint::WireVersion, v1::Wanted};
use crate::{event::Did, source::WantedAccounts};

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
        self.settings.dids.clone_from(&dids);
        // Fewer may fit again.
        self.asks_for_all = false;
        self.state.resume.read_otherwise();
        WantedAccounts::tell_change(&dids);
        let wanted = Wanted::of(&self.settings);
        let is_of_some = !dids.is_empty() && wanted.fits();
        let hello = wanted.hello();
        let names = dids.iter().map(Did::to_bytes).collect();
        self.changed_accounts = Some(dids);
        let Some(session) = &mut self.session else {
            return;
        };
        // How long it may be silent, and what is stepped over, was settled when it was opened.
        let is_alike = session.version() == WireVersion::V1
            && is_of_some == self.state.may_pause
            && self.slow.step().is_none();
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
