//! Where the numbers of a run are registered.

use std::sync::atomic::AtomicU64;

use metrics::{Gauge, Label, SharedString, counter, gauge};

use super::Counter;

/// How a run's numbers reach the recorder that is installed.
#[derive(Debug)]
pub(super) enum Exports {
    /// Not at all.
    Nowhere,
    /// Under their names.
    Plain,
    /// The same, with the name of their pipeline.
    Named(SharedString),
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
            Self::Named(name) => {
                let pipeline = Label::new("pipeline", name.clone());
                Some(std::iter::once(pipeline).chain(own).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        sync::{
            Arc, Mutex,
            atomic::{AtomicU64, Ordering::Relaxed},
        },
    };

    use metrics::{Key, KeyName, Metadata, Recorder, Unit, with_local_recorder};

    use crate::stats::{Stats, names};

    /// Keeps each counter under its name and labels.
    #[derive(Default)]
    struct Kept(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

    impl Kept {
        fn read(&self, counter: &str) -> Option<u64> {
            let counters = self.0.lock().unwrap();
            counters.get(counter).map(|value| value.load(Relaxed))
        }
    }

    impl Recorder for Kept {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: metrics::SharedString) {}

        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: metrics::SharedString) {}

        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: metrics::SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> metrics::Counter {
            let labels = key
                .labels()
                .map(|label| format!(" {}={}", label.key(), label.value()));
            let shown = format!("{}{}", key.name(), labels.collect::<String>());
            let mut counters = self.0.lock().unwrap();
            metrics::Counter::from_arc(Arc::clone(counters.entry(shown).or_default()))
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> metrics::Gauge {
            metrics::Gauge::noop()
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> metrics::Histogram {
            metrics::Histogram::noop()
        }
    }

    #[test]
    fn runs_of_one_process_add_up_and_named_ones_are_told_apart() {
        let kept = Kept::default();
        with_local_recorder(&kept, || {
            for n in [1000, 700] {
                Stats::default().add_accepted(n);
            }
            for (name, n) in [("posts", 3), ("likes", 4)] {
                let stats = Stats::named(name);
                stats.add_accepted(n);
                stats.count_reconnect("closed");
            }
            Stats::unexported().add_accepted(9);
        });
        assert_eq!(kept.read(names::ACCEPTED), Some(1700));
        let of = |name: &str| kept.read(&format!("{} pipeline={name}", names::ACCEPTED));
        assert_eq!((of("posts"), of("likes")), (Some(3), Some(4)));
        let reconnects = format!("{} pipeline=likes cause=closed", names::RECONNECTS);
        assert_eq!(kept.read(&reconnects), Some(1));
    }
}
