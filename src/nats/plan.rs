//! How a stream is made that is not there.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, StorageType};

use super::{Connection, NatsError, RequestFailed};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How a stream is made that is not there. The defaults are those of rjet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamPlan {
    /// The subjects that it takes. Where none is named, that follows from its use: all below the
    /// prefix of a [sink](crate::sink::nats::NatsSinkSettings::create), those that a
    /// [source](crate::source::nats::NatsSourceSettings::create) reads, and else the stream's own
    /// name, as with the `nats` command.
    pub subjects: Vec<String>,
    /// In memory, and not in files.
    pub in_memory: bool,
    /// On how many servers of a cluster it is kept.
    pub replicas: usize,
    /// How long messages are kept; none for ever.
    pub max_age: Duration,
    /// How many bytes are kept; `None` for all.
    pub max_bytes: Option<u64>,
    /// How many messages are kept; `None` for all.
    pub max_messages: Option<u64>,
    /// Refuse new messages at a limit instead of discarding old ones.
    pub discard_new: bool,
    /// For how long the server remembers which events it has stored.
    pub duplicate_window: Duration,
}

impl Default for StreamPlan {
    fn default() -> Self {
        Self {
            subjects: Vec::new(),
            in_memory: false,
            replicas: 1,
            max_age: 180 * DAY,
            max_bytes: None,
            max_messages: None,
            discard_new: false,
            duplicate_window: Duration::from_secs(5 * 60),
        }
    }
}

/// The server's number of the error that there is such a stream, made in another way.
const OTHER_STREAM: u64 = 10_058;

impl StreamPlan {
    /// What the server is asked for; `subjects` are those where none is named.
    pub(crate) fn config(&self, stream: &str, subjects: Vec<String>, about: &str) -> Config {
        let limit =
            |limit: Option<u64>| limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
        Config {
            name: stream.to_owned(),
            description: Some(about.to_owned()),
            subjects: match &self.subjects[..] {
                [] => subjects,
                subjects => subjects.to_vec(),
            },
            storage: if self.in_memory {
                StorageType::Memory
            } else {
                StorageType::File
            },
            num_replicas: self.replicas,
            max_age: self.max_age,
            max_bytes: limit(self.max_bytes),
            max_messages: limit(self.max_messages),
            discard: if self.discard_new {
                DiscardPolicy::New
            } else {
                DiscardPolicy::Old
            },
            duplicate_window: if self.max_age.is_zero() {
                self.duplicate_window
            } else {
                // The server wants it no longer than messages are kept.
                self.duplicate_window.min(self.max_age)
            },
            allow_direct: true,
            ..Config::default()
        }
    }
}

impl Connection {
    /// Everything about a stream, which is made by the plan where it is not there and there is a
    /// plan.
    pub(crate) async fn look_at_or_make(
        &self,
        stream: &str,
        plan: Option<&StreamPlan>,
        subjects: impl Fn() -> Vec<String>,
        about: &str,
    ) -> Result<Info, NatsError> {
        let found = self.look_at(stream).await;
        let (Err(NatsError::NoStream { .. }), Some(plan)) = (&found, plan) else {
            return found;
        };
        let config = plan.config(stream, subjects(), about);
        let subject = format!("STREAM.CREATE.{stream}");
        match self.request::<Info>(&subject, &config).await {
            Ok(info) => Ok(info),
            // Somebody else was quicker.
            Err(RequestFailed::Answer(error)) if error.error_code().0 == OTHER_STREAM => {
                self.look_at(stream).await
            }
            Err(failed) => Err(self.failed(failed, &format!("make the stream '{stream}'"))),
        }
    }
}
