//! How a stream is to be read.

use std::{sync::Arc, time::Duration};

use super::{OnUndeliverable, WrapMode};
use crate::{
    event::{LineRules, Start},
    nats::{NatsSettings, StreamPlan},
    source::{BadEventFile, OnGap},
};

/// The largest message that is accepted by default; servers take 1 MiB by default, and 64 MiB at
/// most.
const MAX_MESSAGE_BYTES: usize = 8 * 1024 * 1024;

/// How long nothing at all may come, heartbeats included. Two of them may be lost, since they come
/// every third of it.
pub(super) const MAX_SILENCE: Duration = Duration::from_secs(9);

/// How to read a stream of a NATS server.
///
/// ```
/// use std::time::Duration;
/// use rocketman::{event::Start, nats::NatsSettings, source::{OnGap, nats::NatsSourceSettings}};
///
/// let orders = || NatsSourceSettings::new(NatsSettings::default(), "ORDERS");
/// let from_now_on = orders();
/// let everything = NatsSourceSettings { start: Some(Start::OLDEST), ..orders() };
/// let from_4711_on = NatsSourceSettings { start: Some(Start::Seq(4711)), ..orders() };
/// let to_the_end = NatsSourceSettings { exit_at_end: true, ..everything.clone() };
/// let five_seconds_late = NatsSourceSettings { lag: Duration::from_secs(5), ..orders() };
/// let only_paid = NatsSourceSettings { subjects: vec!["orders.*.paid".to_owned()], ..orders() };
/// let complete_or_not_at_all = NatsSourceSettings { on_gap: OnGap::Fail, ..everything };
/// // The second of four partitions, which servers count from 0: orders.{{partition(4,1)}}.{{wildcard(1)}}
/// let second_of_four = NatsSourceSettings { subjects: vec!["orders.1.*".to_owned()], ..orders() };
/// ```
#[derive(Debug, Clone)]
pub struct NatsSourceSettings {
    /// The servers, and who reads.
    pub connection: NatsSettings,
    /// The name of the stream.
    pub stream: String,
    /// Only messages of these subjects, wildcards included; empty for all.
    pub subjects: Vec<String>,
    /// Make the stream like this if it is not there; it then takes the `subjects` that are read, or
    /// its own name, unless the plan has others.
    pub create: Option<StreamPlan>,
    /// Where to begin, whatever was saved; with the number 0 at the first message that there is.
    /// `None` begins after the last one.
    pub start: Option<Start>,
    /// Where to begin when nothing was saved yet; a run that goes on from a saved place does not
    /// look at it, nor does one with a `start`.
    pub start_if_new: Option<Start>,
    /// How far a resume goes back that has to be by time, for the cursor is of another stream.
    pub rewind: Duration,
    /// Whether to end at the message that is the last when the run begins.
    pub exit_at_end: bool,
    /// What a gap means.
    pub on_gap: OnGap,
    /// What is put into an envelope.
    pub wrap_mode: WrapMode,
    /// Keep each payload as it came, raw line ends included, which otherwise become spaces.
    pub raw: bool,
    /// Parse all of each event, its record included, and leave out what is not JSON, as a bad event.
    pub validate: bool,
    /// Only events of a Jetstream are of use, since a filter looks into them: a stream whose first
    /// message is another one is refused, and later ones are stepped over.
    pub events_only: bool,
    /// The durable consumer that is shared with other workers: messages are acknowledged one by one
    /// once they are accepted, those that are not come again, to anybody, and so out of order.
    /// `None` reads alone, in order.
    pub durable: Option<String>,
    /// What becomes of a message of the durable consumer that cannot be delivered.
    pub on_undeliverable: OnUndeliverable,
    /// Messages are held back until they are this old.
    pub lag: Duration,
    /// The largest message that is accepted, in bytes.
    pub max_message_bytes: usize,
    /// How long nothing may come, heartbeats included; 9 s at most.
    pub frame_timeout: Duration,
    /// Where messages that are of no use are kept, if anywhere.
    pub bad_events: Option<Arc<BadEventFile>>,
}

impl NatsSourceSettings {
    /// Everything in this stream from now on.
    pub fn new(connection: NatsSettings, stream: impl Into<String>) -> Self {
        Self {
            connection,
            stream: stream.into(),
            subjects: Vec::new(),
            create: None,
            start: None,
            start_if_new: None,
            rewind: Duration::from_secs(60),
            exit_at_end: false,
            on_gap: OnGap::Warn,
            wrap_mode: WrapMode::Auto,
            raw: false,
            validate: false,
            events_only: false,
            durable: None,
            on_undeliverable: OnUndeliverable::Keep,
            lag: Duration::ZERO,
            max_message_bytes: MAX_MESSAGE_BYTES,
            frame_timeout: MAX_SILENCE,
            bad_events: None,
        }
    }

    /// What is done to each line.
    pub(super) fn rules(&self) -> LineRules {
        LineRules {
            raw: self.raw,
            validate: self.validate,
        }
    }

    /// What stands before the names of JetStream's functions.
    pub(super) fn api_prefix(&self) -> String {
        let NatsSettings {
            js_api_prefix,
            js_domain,
            ..
        } = &self.connection;
        match (js_api_prefix, js_domain) {
            (Some(prefix), _) => prefix.clone(),
            (None, Some(domain)) => format!("$JS.{domain}.API"),
            (None, None) => "$JS.API".to_owned(),
        }
    }
}
