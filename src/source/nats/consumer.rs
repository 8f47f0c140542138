//! Consumers and streams: what is created and looked at on the server.

use std::time::Duration;

use async_nats::jetstream::stream;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::track::{ReadFrom, StreamState};
use crate::{
    event::show_time,
    nats::{Connection, NatsError, RequestFailed},
};

/// How long the server waits for the acknowledgement of a message before it gives it to somebody
/// again; its own default.
const ACK_WAIT: Duration = Duration::from_secs(30);

/// How many messages may be without acknowledgement, all workers together: what a worker has
/// written and not made durable, and what waits because nobody could deliver it. A guess.
const MAX_ACK_PENDING: u32 = 10_000;

/// However short the server waits, progress is not reported more often.
const MIN_PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// The server's number of the error that there is no such consumer.
const NO_SUCH_CONSUMER: u64 = 10_014;

/// The server's numbers of the errors that a work queue is answered with: acknowledgements are
/// needed, one consumer for each subject.
const QUEUE_ERRORS: [u64; 4] = [10_084, 10_098, 10_099, 10_100];

/// The server forgets a consumer that asked for nothing for this long.
const INACTIVE_TIMEOUT: Duration = Duration::from_secs(60);

/// What is asked of a stream.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) stream: String,
    pub(super) subjects: Vec<String>,
    /// What stands before the names of the server's functions.
    pub(super) prefix: String,
    pub(super) silence: Duration,
    /// It is a work queue, to be read from its first message.
    pub(super) is_queue: bool,
    /// The consumer that is shared with others, if one is.
    pub(super) durable: Option<String>,
}

/// A consumer on the server.
#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) stream: String,
    pub(super) name: String,
    prefix: String,
}

/// What is looked at of a consumer.
#[derive(Debug, Deserialize)]
pub(super) struct ConsumerInfo {
    /// How many messages are still to be delivered.
    #[serde(default)]
    pub(super) num_pending: u64,
    /// Up to where it has delivered.
    #[serde(default)]
    pub(super) delivered: Numbers,
    /// Up to where all that it delivered is done.
    #[serde(default)]
    pub(super) ack_floor: Numbers,
    #[serde(default)]
    config: ConsumerConfig,
}

/// A place of a consumer.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct Numbers {
    #[serde(default)]
    pub(super) consumer_seq: u64,
    #[serde(default)]
    pub(super) stream_seq: u64,
}

/// What of a consumer somebody else may have set up otherwise.
#[derive(Debug, Default, Deserialize)]
struct ConsumerConfig {
    #[serde(default)]
    ack_policy: String,
    /// In nanoseconds.
    #[serde(default)]
    ack_wait: u64,
    #[serde(default)]
    deliver_subject: String,
    #[serde(default)]
    filter_subject: String,
    #[serde(default)]
    filter_subjects: Vec<String>,
}

impl ConsumerInfo {
    /// How often progress on messages is reported to the server: thrice while it waits for one.
    pub(super) fn progress(&self) -> Duration {
        (Duration::from_nanos(self.config.ack_wait) / 3).max(MIN_PROGRESS_INTERVAL)
    }

    /// Whether it was made on a replica that lags behind the number where it is to begin: then it
    /// begins at the end of that.
    fn begins_before(&self, from: ReadFrom) -> bool {
        match from {
            ReadFrom::Seq(seq) => self.delivered.stream_seq.saturating_add(1) < seq,
            ReadFrom::Time(_) => false,
        }
    }

    /// What is wrong with it as a consumer to share.
    fn misfit(&self, subjects: &[String]) -> Option<&'static str> {
        let config = &self.config;
        let mut theirs = config.filter_subjects.clone();
        theirs.extend((!config.filter_subject.is_empty()).then(|| config.filter_subject.clone()));
        if !config.deliver_subject.is_empty() {
            Some("it pushes messages, and has to be pulled")
        } else if config.ack_policy != "explicit" {
            Some("its messages are not acknowledged one by one (AckExplicit)")
        } else if theirs != subjects {
            Some("it delivers other subjects than those of the address")
        } else {
            None
        }
    }
}

impl Consumer {
    /// One of our own, which is not made yet.
    pub(super) fn of_ours(wanted: &Wanted) -> Self {
        Self {
            stream: wanted.stream.clone(),
            name: format!("rocketman-{}", random_name()),
            prefix: wanted.prefix.clone(),
        }
    }

    /// Makes it: in memory, without acknowledgements, forgotten when it is not used.
    pub(super) async fn make(
        &self,
        connection: &Connection,
        wanted: &Wanted,
        from: ReadFrom,
    ) -> Result<ConsumerInfo, NatsError> {
        let mut config = json!({
            "name": self.name,
            "description": "rocketman",
            "ack_policy": "none",
            "replay_policy": "instant",
            "inactive_threshold": nanos(INACTIVE_TIMEOUT),
            "num_replicas": 1,
            "mem_storage": true,
        });
        begin(&mut config, from);
        let subject = self.choose(&mut config, &wanted.subjects);
        let request = json!({ "stream_name": wanted.stream, "config": config });
        let action = format!("read the stream '{}'", wanted.stream);
        match connection.request(&subject, &request).await {
            Ok(info) => Ok(info),
            Err(RequestFailed::Answer(error)) if QUEUE_ERRORS.contains(&error.error_code().0) => {
                Err(NatsError::Queue {
                    servers: connection.servers().to_owned(),
                    stream: wanted.stream.clone(),
                })
            }
            Err(failed) => Err(connection.failed(failed, &action)),
        }
    }

    /// Takes a share of a durable one, whose messages are acknowledged one by one. Where there is
    /// none of that name it is made, and begins there.
    pub(super) async fn join(
        connection: &Connection,
        wanted: &Wanted,
        name: &str,
        from: ReadFrom,
    ) -> Result<(Self, ConsumerInfo), NatsError> {
        let consumer = Self {
            stream: wanted.stream.clone(),
            name: name.to_owned(),
            prefix: wanted.prefix.clone(),
        };
        let action = format!(
            "share the consumer '{name}' of the stream '{}'",
            wanted.stream
        );
        let subject = format!("CONSUMER.INFO.{}.{name}", wanted.stream);
        let info: ConsumerInfo = match connection.request(&subject, &json!({})).await {
            Ok(info) => info,
            Err(RequestFailed::Answer(error)) if error.error_code().0 == NO_SUCH_CONSUMER => {
                let mut config = json!({
                    "durable_name": name,
                    "name": name,
                    "description": "rocketman",
                    "ack_policy": "explicit",
                    "ack_wait": nanos(ACK_WAIT),
                    "max_ack_pending": MAX_ACK_PENDING,
                    "replay_policy": "instant",
                });
                if wanted.is_queue {
                    // Nothing else is possible there, and nothing less is wanted.
                    config["deliver_policy"] = "all".into();
                } else {
                    begin(&mut config, from);
                }
                let subject = consumer.choose(&mut config, &wanted.subjects);
                let request = json!({ "stream_name": wanted.stream, "config": config });
                match connection.request::<ConsumerInfo>(&subject, &request).await {
                    Ok(info) if !wanted.is_queue && info.begins_before(from) => {
                        return Err(consumer.unmake(connection, action).await);
                    }
                    Ok(info) => info,
                    // Perhaps another worker was quicker, and began elsewhere.
                    Err(failed) => match consumer.info(connection).await {
                        Ok(info) => info,
                        Err(_) => return Err(connection.failed(failed, &action)),
                    },
                }
            }
            Err(failed) => return Err(connection.failed(failed, &action)),
        };
        if let Some(why) = info.misfit(&wanted.subjects) {
            return Err(NatsError::Answer {
                action,
                servers: connection.servers().to_owned(),
                answer: why.to_owned(),
            });
        }
        Ok((consumer, info))
    }

    /// Has the server forget what was just made at a wrong place, so that it is made anew later.
    async fn unmake(&self, connection: &Connection, action: String) -> NatsError {
        let subject = format!("CONSUMER.DELETE.{}.{}", self.stream, self.name);
        match connection.request::<Value>(&subject, &json!({})).await {
            Ok(_) => NatsError::Unavailable {
                action,
                servers: connection.servers().to_owned(),
                answer: "the replica of the consumer lags behind the stream".to_owned(),
            },
            Err(failed) => connection.failed(failed, &action),
        }
    }

    /// Where messages are asked for.
    pub(super) fn next(&self) -> String {
        self.function("CONSUMER.MSG.NEXT")
    }

    /// Where it is deleted.
    pub(super) fn delete(&self) -> String {
        self.function("CONSUMER.DELETE")
    }

    /// How it is now.
    pub(super) async fn info(&self, connection: &Connection) -> Result<ConsumerInfo, NatsError> {
        let subject = format!("CONSUMER.INFO.{}.{}", self.stream, self.name);
        let info = connection.request(&subject, &json!({})).await;
        info.map_err(|failed| {
            connection.failed(failed, &format!("look at the consumer '{}'", self.name))
        })
    }

    fn function(&self, name: &str) -> String {
        format!("{}.{name}.{}.{}", self.prefix, self.stream, self.name)
    }

    /// Has only these subjects delivered. Returns where it is asked for: a single subject is part
    /// of that, so that it can be permitted.
    fn choose(&self, config: &mut Value, subjects: &[String]) -> String {
        let create = format!("CONSUMER.CREATE.{}.{}", self.stream, self.name);
        match subjects {
            [] => create,
            [subject] => {
                config["filter_subject"] = subject.as_str().into();
                format!("{create}.{subject}")
            }
            subjects => {
                config["filter_subjects"] = subjects.into();
                create
            }
        }
    }
}

fn begin(config: &mut Value, from: ReadFrom) {
    match from {
        ReadFrom::Seq(seq) => {
            config["deliver_policy"] = "by_start_sequence".into();
            config["opt_start_seq"] = seq.into();
        }
        ReadFrom::Time(time_us) => {
            config["deliver_policy"] = "by_start_time".into();
            config["opt_start_time"] = show_time(time_us).into();
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Sixteen letters and digits.
fn random_name() -> String {
    std::iter::repeat_with(fastrand::alphanumeric)
        .take(16)
        .collect()
}

/// What is looked at of a stream.
pub(super) fn state_of(info: &stream::Info) -> StreamState {
    let created_ns = info.created.unix_timestamp_nanos();
    let first_ns = info.state.first_timestamp.unix_timestamp_nanos();
    StreamState {
        instance: match Timestamp::from_nanosecond(created_ns) {
            Ok(time) => format!("{time:.9}"),
            Err(_) => created_ns.to_string(),
        },
        first_seq: info.state.first_sequence,
        last_seq: info.state.last_sequence,
        first_us: u64::try_from(first_ns / 1000).unwrap_or_default(),
    }
}
