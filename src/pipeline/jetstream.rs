//! Pipelines from Jetstream servers that are wired by themselves: the filter keeps what the servers
//! are asked for.

use super::Pipeline;
use crate::{
    filter::Filter,
    sink::ingest::Ingest,
    source::{
        WantedAccounts,
        jetstream::{Jetstream, JetstreamSettings},
    },
};

impl Pipeline<Jetstream, Ingest> {
    /// What has a route, from these servers: they are asked for the collections of the routes, in
    /// place of those that the settings name, and what else they send is dropped, other accounts
    /// and what is too large for the settings too.
    ///
    /// [`Pipeline::filter`] afterwards replaces all of the filter; the servers are asked for the same.
    ///
    /// # Panics
    /// Without an endpoint.
    pub fn ingest(settings: JetstreamSettings, ingest: Ingest) -> Self {
        let collections = ingest.collections();
        let settings = JetstreamSettings {
            collections: collections.to_vec(),
            ..settings
        };
        let filter = wanted(&settings).kinds(ingest.kinds());
        Self::new(Jetstream::new(settings), ingest).filter(filter)
    }
}

impl Pipeline<Jetstream, ()> {
    /// What these settings ask for, to be read with [`Pipeline::into_stream`]. What servers send
    /// besides is dropped: other collections and accounts, and what is too large. Events about
    /// accounts come too, as servers send them whatever is asked for.
    ///
    /// [`Pipeline::filter`] afterwards replaces all of the filter; the servers are asked for the same.
    ///
    /// # Panics
    /// Without an endpoint.
    pub fn events(settings: JetstreamSettings) -> Self {
        let filter = wanted(&settings);
        Self::events_from(Jetstream::new(settings)).filter(filter)
    }
}

impl<K, C> Pipeline<Jetstream, K, C> {
    /// Which accounts are read, and a handle to change that while it runs.
    pub fn wanted_accounts(&self) -> WantedAccounts {
        self.source.wanted_accounts()
    }
}

/// Keeps what the servers are asked for.
fn wanted(settings: &JetstreamSettings) -> Filter {
    let filter = Filter::new()
        .collections(settings.collections.iter().cloned())
        .dids(settings.dids.iter().cloned());
    match settings.max_message_bytes {
        0 => filter,
        most => filter.max_bytes(most),
    }
}
