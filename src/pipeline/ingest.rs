//! A pipeline from Jetstream servers to ingestors, wired by itself.

use super::Pipeline;
use crate::{
    filter::Filter,
    sink::ingest::Ingest,
    source::{
        Jetstream,
        jetstream::{JetstreamSettings, WantedAccounts},
    },
};

impl Pipeline<Jetstream, Ingest> {
    /// What has a route, from these servers: they are asked for the collections of the routes, in place of those that the settings
    /// name, and what else they send is dropped, other accounts and what is too large for the settings too.
    ///
    /// [`Pipeline::filter`] afterwards replaces all of the filter; the servers are asked for the same.
    ///
    /// # Panics
    /// Without an endpoint.
    pub fn ingest(settings: JetstreamSettings, ingest: Ingest) -> Self {
        let collections = ingest.collections();
        let mut filter = Filter::new()
            .collections(collections.iter().cloned())
            .dids(settings.dids.iter().cloned())
            .kinds(ingest.kinds());
        if settings.max_message_bytes > 0 {
            filter = filter.max_bytes(settings.max_message_bytes);
        }
        let settings = JetstreamSettings {
            collections: collections.to_vec(),
            ..settings
        };
        Self::new(Jetstream::new(settings), ingest).filter(filter)
    }
}

impl<K, C> Pipeline<Jetstream, K, C> {
    /// Which accounts are read, and a handle to change that while it runs.
    pub fn wanted_accounts(&self) -> WantedAccounts {
        self.source.wanted_accounts()
    }
}
