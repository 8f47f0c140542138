//! Events sent to whatever speaks HTTP: many in a request, in the order of each account, and never
//! stuck at one that is refused.
//!
//! An event counts as accepted when a request with it was answered with 2xx, or when it was given up
//! as was asked for. What is about the endpoint, and not about an event, gives up none.
//!
//! ```no_run
//! use rocketman::{Pipeline, cursor::FileCursor, source::jetstream::{Jetstream, JetstreamSettings}};
//! use rocketman::sink::http::{HttpAddress, HttpSettings, HttpSink};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let settings = HttpSettings::new(HttpAddress::parse("https://hook.example/events")?);
//! let pipeline = Pipeline::new(Jetstream::new(JetstreamSettings::default()), HttpSink::new(settings)?);
//! pipeline.cursor(FileCursor::open("hook.cursor")?).run(std::future::pending()).await?;
//! # Ok(())
//! # }
//! ```

mod address;
#[cfg_attr(
    not(any(feature = "gzip", feature = "zstd")),
    allow(unused_imports, unused_variables, reason = "there is no coding then")
)]
mod body;
mod bounds;
mod clickhouse;
mod client;
mod error;
mod flow;
mod headers;
mod health;
mod parcel;
mod queue;
mod settings;
mod signature;
mod template;
mod verdict;

use std::sync::Arc;

use tracing::info;

pub use self::{
    address::HttpAddress,
    clickhouse::ClickHouseRows,
    headers::HttpHeaders,
    settings::{BodyCompression, BodyForm, HttpBatch, HttpMethod, HttpSettings, OnRefusal},
    signature::SigningSecrets,
    template::BodyTemplate,
};
use self::{
    client::Client,
    flow::{Flow, Mode},
};
use super::{Sink, SinkContext, writer::HAS_BEGUN};
use crate::{
    error::MemberError,
    event::{Batch, FileMark},
    log::STATE,
};

/// Sends events to an endpoint of HTTP.
#[derive(Debug)]
pub struct HttpSink {
    settings: HttpSettings,
    client: Arc<Client>,
    flow: Option<Flow>,
}

impl HttpSink {
    /// Sends events as these settings say. Fails where headers cannot be read, or would be sent over
    /// a way on which anybody can listen in.
    pub fn new(settings: HttpSettings) -> Result<Self, MemberError> {
        let client = Arc::new(Client::new(settings.clone())?);
        Ok(Self {
            settings,
            client,
            flow: None,
        })
    }

    fn flow(&mut self) -> &mut Flow {
        self.flow.as_mut().expect(HAS_BEGUN)
    }
}

impl Sink for HttpSink {
    fn name(&self) -> String {
        format!("'{}'", self.settings.address)
    }

    fn begin(&mut self, _files: &[FileMark], context: &SinkContext) -> Result<(), MemberError> {
        let client = Arc::clone(&self.client);
        self.flow = Some(Flow::new(self.settings.clone(), client, context));
        Ok(())
    }

    async fn accept(
        &mut self,
        batch: &mut Batch,
        context: &SinkContext,
    ) -> Result<(), MemberError> {
        let flow = self.flow();
        flow.take(batch)?;
        if !flow.has_room() {
            flow.say_full();
        }
        while !flow.has_room() {
            tokio::select! {
                stepped = flow.step(Mode::Usual) => stepped?,
                () = context.stopped() => break,
            }
        }
        Ok(())
    }

    async fn finish(&mut self, context: &SinkContext) -> Result<(), MemberError> {
        let flow = self.flow();
        let mut result = Ok(());
        loop {
            let is_stopped = context.is_stopped();
            let mode = if is_stopped { Mode::Stop } else { Mode::Drain };
            if flow.is_at_rest(mode) {
                break;
            }
            let stepped = tokio::select! {
                stepped = flow.step(mode) => stepped,
                () = context.stopped(), if !is_stopped => Ok(()),
            };
            result = result.and(stepped);
        }
        if result.is_ok() && !flow.is_empty() {
            info!(target: STATE, "events that were not accepted are left to the next run");
        }
        result
    }

    async fn abandon(&mut self) {
        self.flow().abort();
    }

    async fn drive(&mut self) -> MemberError {
        loop {
            if let Err(error) = self.flow().step(Mode::Usual).await {
                return error;
            }
        }
    }
}
