//! What goes into the database of deletions: of all events those that remove something.

use std::{collections::BTreeSet, sync::Arc};

use rocketman::{
    MemberError,
    event::{Batch, Event, FileMark, Kind, Operation, Origin},
    sink::{Sink, SinkContext},
    table::sqlite::SqliteSink,
};

/// Servers take no more collections than this.
const MAX_COLLECTIONS: usize = 100;

/// What is in an archive, so far as a server has to know to be asked about it.
#[derive(Debug, Default)]
pub(super) struct Extent {
    /// The earliest time of its events, in microseconds since 1970.
    pub(super) earliest_us: Option<u64>,
    collections: BTreeSet<String>,
}

impl Extent {
    fn note(&mut self, event: &Event<'_>) {
        let time_us = event.time_us();
        let earliest_us = self.earliest_us.get_or_insert(time_us);
        *earliest_us = time_us.min(*earliest_us);
        let collection = event.collection();
        let is_new = !collection.is_empty() && !self.collections.contains(collection);
        if is_new && self.collections.len() <= MAX_COLLECTIONS {
            self.collections.insert(collection.to_owned());
        }
    }

    /// Its collections; none where there are too many to be asked for.
    pub(super) fn collections(&self) -> impl Iterator<Item = &str> {
        let is_all = self.collections.len() <= MAX_COLLECTIONS;
        let collections = self.collections.iter().filter(move |_| is_all);
        collections.map(String::as_str)
    }
}

/// A sink that keeps deletions, of records and of accounts.
pub(super) struct Deletes<'a> {
    database: &'a mut SqliteSink,
    /// What the database counts, apart from all events.
    kept: SinkContext,
    /// It is the archive itself that is read: a reset of a repository counts, since what is left of
    /// that came again into the archive.
    extent: Option<&'a mut Extent>,
    /// The stream that the numbers are of.
    origin: Option<Arc<Origin>>,
}

impl<'a> Deletes<'a> {
    pub(super) fn new(database: &'a mut SqliteSink, extent: Option<&'a mut Extent>) -> Self {
        Self {
            database,
            kept: SinkContext::default(),
            extent,
            origin: None,
        }
    }

    /// The stream that the numbers of the last events are of.
    pub(super) fn origin(&self) -> Option<&Arc<Origin>> {
        self.origin.as_ref()
    }
}

impl Sink for Deletes<'_> {
    fn name(&self) -> String {
        self.database.name()
    }

    fn begin(&mut self, files: &[FileMark], _: &SinkContext) -> Result<(), MemberError> {
        self.kept = SinkContext::default();
        self.database.begin(files, &self.kept)
    }

    async fn accept(
        &mut self,
        batch: &mut Batch,
        context: &SinkContext,
    ) -> Result<(), MemberError> {
        self.origin = batch.origin().cloned();
        let n_all = batch.len() as u64;
        if let Some(extent) = &mut self.extent {
            batch.events().for_each(|event| extent.note(&event));
        }
        let counts_resets = self.extent.is_some();
        batch.retain(|event| match event.kind() {
            Kind::Commit => event.operation() == Some(Operation::Delete),
            Kind::Account => true,
            Kind::Sync => counts_resets,
            _ => false,
        });
        while !batch.is_empty() {
            self.database.accept(batch, &self.kept).await?;
        }
        context.accept(n_all);
        Ok(())
    }

    async fn finish(&mut self, _: &SinkContext) -> Result<(), MemberError> {
        self.database.finish(&self.kept).await
    }
}
