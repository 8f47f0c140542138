//! Where the numbers of a run are registered.

use std::sync::atomic::AtomicU64;

use metrics::{Gauge, Label, counter, gauge};

use super::Counter;

/// How a run's numbers reach the recorder that is installed.
#[derive(Debug)]
pub(super) enum Exports {
    /// Not at all.
    Nowhere,
    /// Under their names.
    Plain,
}

impl Exports {
    /// A counter with these labels.
    pub(super) fn counter(
        &self,
        name: &'static str,
        labels: &[(&'static str, &'static str)],
    ) -> Counter {
        let exported = match self.labels(labels) {
            Some(labels) => counter!(name, labels),
            None => metrics::Counter::noop(),
        };
        Counter {
            value: AtomicU64::new(0),
            exported,
        }
    }

    pub(super) fn gauge(&self, name: &'static str) -> Gauge {
        match self.labels(&[]) {
            Some(labels) => gauge!(name, labels),
            None => Gauge::noop(),
        }
    }

    /// The labels of one number; `None` where it is not exported.
    fn labels(&self, own: &[(&'static str, &'static str)]) -> Option<Vec<Label>> {
        let own = own.iter().map(|(key, value)| Label::new(*key, *value));
        match self {
            Self::Nowhere => None,
            Self::Plain => Some(own.collect()),
        }
    }
}
