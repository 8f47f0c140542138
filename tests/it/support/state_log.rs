//! What a run in this process says of its state.

use std::{
    fmt::Debug,
    sync::{Arc, Mutex},
};

use rocketman::PipelineSettings;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
    subscriber::{set_global_default, with_default},
};

/// Keeps what is said about a change of state.
#[derive(Debug, Clone, Default)]
pub struct StateLog(Arc<Mutex<Vec<String>>>);

impl StateLog {
    /// Does something, and keeps what this thread says meanwhile. While one thread of all listens,
    /// what another one says first is said to nobody for ever, unless somebody listens everywhere.
    pub fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        set_global_default(Self::default()).ok();
        with_default(self.clone(), work)
    }

    /// What was said, line by line.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Visit for &StateLog {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0.lock().unwrap().push(format!("{value:?}"));
        }
    }
}

impl Subscriber for StateLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == PipelineSettings::STATE_TARGET
    }

    fn new_span(&self, _attributes: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}

    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut &*self);
    }

    fn enter(&self, _span: &span::Id) {}

    fn exit(&self, _span: &span::Id) {}
}
