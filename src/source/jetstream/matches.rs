//! Collections that were asked for, and of which nothing comes: most likely mistyped names.
//!
//! Looked into once a run, after live events have come for a while without one of them.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::Instant;
use tracing::warn;

use super::Jetstream;
use crate::{
    event::{Batch, CollectionPattern, Kind},
    filter::Filter,
    log::STATE,
};

/// How many names a message has at most.
const TOLD: usize = 5;

/// The collections of which nothing came yet.
#[derive(Debug)]
pub(super) struct Unmatched {
    patterns: Vec<CollectionPattern>,
    /// Keeps the commits of these.
    filter: Filter,
    after: Duration,
    live_since: Option<Instant>,
    is_over: bool,
}

/// What a server sends.
#[derive(Debug, Default)]
pub(super) struct Sight {
    pub(super) events: usize,
    pub(super) collections: BTreeSet<String>,
}

impl Unmatched {
    pub(super) fn new(patterns: Vec<CollectionPattern>, after: Duration) -> Self {
        Self {
            is_over: patterns.is_empty(),
            filter: commits_of(&patterns),
            patterns,
            after,
            live_since: None,
        }
    }

    /// Whether events are still to be looked at.
    pub(super) fn is_open(&self) -> bool {
        !self.is_over
    }

    /// Looks at events of a live connection.
    pub(super) fn look_at(&mut self, batch: &Batch) {
        self.live_since.get_or_insert_with(Instant::now);
        for event in batch.events() {
            if self.filter.keeps(&event) {
                let collection = event.collection();
                self.patterns.retain(|pattern| !pattern.matches(collection));
                self.filter = commits_of(&self.patterns);
                if self.patterns.is_empty() {
                    break;
                }
            }
        }
        self.is_over = self.patterns.is_empty();
    }

    /// When a look beside the main connection is due.
    pub(super) fn due(&self) -> Option<Instant> {
        let since = self.live_since.filter(|_| !self.is_over)?;
        since.checked_add(self.after)
    }

    /// The look is under way.
    pub(super) fn end(&mut self) {
        self.is_over = true;
    }
}

fn commits_of(patterns: &[CollectionPattern]) -> Filter {
    let commits = Filter::new().kinds([Kind::Commit]);
    commits.collections(patterns.iter().cloned())
}

impl Jetstream {
    /// Looks which collections the server sends, because some that were asked for do not come.
    pub(super) fn look_for_matches(&mut self) {
        self.state.unmatched.end();
        let within = self.settings.connect_timeout;
        let endpoint = self.rotation.current();
        let server = (endpoint, self.wires.version(endpoint));
        self.aside.see_collections(&self.connector, server, within);
    }

    /// Says which names may have been meant by those that nothing came of. One that is seen, or
    /// common, is only rare.
    pub(super) fn name_collections(&self, sight: Option<Sight>) {
        let Unmatched {
            patterns, after, ..
        } = &self.state.unmatched;
        let sight = sight.unwrap_or_default();
        let seen = || sight.collections.iter().map(String::as_str);
        let after = humantime::format_duration(*after);
        let missing = patterns
            .iter()
            .filter(|pattern| !pattern.is_known() && !seen().any(|name| pattern.matches(name)));
        for collection in missing.take(TOLD) {
            let events = sight.events;
            let among = match events {
                0 => String::new(),
                1 => ", nor among 1 event of all collections".to_owned(),
                n => format!(", nor among {n} events of all collections"),
            };
            match collection.nearest(seen()) {
                Some(nearest) => {
                    warn!(target: STATE, %collection, nearest, events, "no event of {collection} came in {after}{among}: is {nearest} meant?");
                }
                // Where only some accounts are read, or nothing is seen, that says nothing.
                None if self.state.may_pause || events == 0 => {}
                None => {
                    warn!(target: STATE, %collection, events, "no event of {collection} came in {after}{among}: it is rare, or mistyped");
                }
            }
        }
    }
}
