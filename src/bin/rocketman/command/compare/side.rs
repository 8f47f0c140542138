//! One of the two that are compared: a server or a recording, read batch by batch.

use std::{io, sync::Arc};

use crate::{
    command::{
        demo_server::DemoServer,
        recording::{Recording, Unreadable},
    },
    settings::Compared,
};
use rocketman::{
    Error, Stats,
    event::Batch,
    source::{
        Flow, RunContext, Source,
        jetstream::{Jetstream, JetstreamSettings},
    },
};

/// Why one of the two cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum SideError {
    #[error(transparent)]
    Recording(#[from] Unreadable),
    #[error("cannot serve the demo")]
    Demo(#[source] io::Error),
    #[error(transparent)]
    Run(#[from] Error),
}

/// What is read.
pub(super) enum Side {
    Server {
        source: Box<Jetstream>,
        /// It is served as long as it is read.
        _demo: Option<DemoServer>,
    },
    Recording(Recording),
}

impl Side {
    pub(super) fn open(compared: Compared) -> Result<Self, SideError> {
        Ok(match compared {
            Compared::Server(settings) => Self::of_server(*settings, None),
            Compared::Demo(demo, settings) => {
                let server = DemoServer::start(demo).map_err(SideError::Demo)?;
                let settings = JetstreamSettings {
                    endpoints: vec![server.endpoint().clone()],
                    ..*settings
                };
                Self::of_server(settings, Some(server))
            }
            Compared::Recording(path) => Self::Recording(Recording::open(path)?),
        })
    }

    fn of_server(settings: JetstreamSettings, demo: Option<DemoServer>) -> Self {
        let mut source = Box::new(Jetstream::new(settings));
        source.attach(&RunContext::new(Arc::new(Stats::default())));
        Self::Server {
            source,
            _demo: demo,
        }
    }

    /// Adds the next events.
    ///
    /// Cancel safety: no event is lost.
    pub(super) async fn read(&mut self, batch: &mut Batch) -> Result<Flow, SideError> {
        match self {
            Self::Server { source, .. } => {
                let flow = source.next_batch(batch).await;
                Ok(flow.map_err(Error::Source)?)
            }
            Self::Recording(lines) => Ok(lines.read(batch).await?),
        }
    }

    /// Up to which time everything was read, where that is known at the end.
    pub(super) fn end_us(&self) -> Option<u64> {
        match self {
            Self::Server { source, .. } => source.end_us(),
            Self::Recording(_) => None,
        }
    }

    /// How many lines of a recording were no events.
    pub(super) fn bad_lines(&self) -> u64 {
        match self {
            Self::Server { .. } => 0,
            Self::Recording(lines) => lines.n_bad(),
        }
    }

    /// Keeps it alive while the other one is read.
    pub(super) async fn idle(&mut self) {
        match self {
            Self::Server { source, .. } => {
                source.idle().await;
            }
            Self::Recording(_) => std::future::pending().await,
        }
    }

    pub(super) async fn close(&mut self) {
        if let Self::Server { source, .. } = self {
            source.close().await;
        }
    }
}
