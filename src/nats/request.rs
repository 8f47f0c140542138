//! Requests to JetStream over the connection, and what becomes of those that fail.

use async_nats::{
    Request,
    client::RequestErrorKind,
    jetstream::{response::Response, stream},
};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use super::{Connection, NatsError, Status};
use crate::log::printable;

impl Connection {
    /// What a stream is like.
    pub(crate) async fn stream_info(&self, stream: &str) -> Result<StreamInfo, NatsError> {
        let stream::Info { config, state, .. } = self.look_at(stream).await?;
        Ok(StreamInfo {
            name: config.name,
            subjects: config.subjects,
            first_seq: state.first_sequence,
            last_seq: state.last_sequence,
            messages: state.messages,
        })
    }

    /// Everything about a stream.
    pub(crate) async fn look_at(&self, stream: &str) -> Result<stream::Info, NatsError> {
        let action = format!("look at the stream '{stream}'");
        let subject = format!("STREAM.INFO.{stream}");
        match self.request(&subject, &()).await {
            Err(RequestFailed::Answer(error)) if error.error_code().0 == NO_SUCH_STREAM => {
                Err(NatsError::NoStream {
                    servers: self.servers.to_string(),
                    stream: printable(stream),
                })
            }
            Err(failed) => Err(self.failed(failed, &action)),
            Ok(info) => Ok(info),
        }
    }

    /// Asks JetStream for something, and waits for the answer.
    ///
    /// Cancel safety: dropped at any time; the request may be carried out all the same.
    pub(crate) async fn request<T: DeserializeOwned>(
        &self,
        subject: &str,
        payload: &impl Serialize,
    ) -> Result<T, RequestFailed> {
        let client_failed = |error: serde_json::Error| RequestFailed::Client(error.into());
        let payload = serde_json::to_vec(payload).map_err(client_failed)?;
        let request = Request::new().payload(payload.into());
        let answer = self.ask(self.api_subject(subject), subject, request);
        match serde_json::from_slice(&answer.await?).map_err(client_failed)? {
            Response::Ok(value) => Ok(value),
            Response::Err { error } => Err(RequestFailed::Answer(error)),
        }
    }

    /// Sends a request, and waits for the answer. A refusal by permissions, which names what is
    /// `forbidden`, is known at once, and not after the wait.
    ///
    /// Cancel safety: dropped at any time; the request may be carried out all the same.
    pub(crate) async fn ask(
        &self,
        subject: String,
        forbidden: &str,
        request: Request,
    ) -> Result<Bytes, RequestFailed> {
        let mut status = self.status.clone();
        let forbidden_before = status.borrow().forbidden.clone();
        // Without permission to listen to answers none comes, whenever that was said.
        let deaf = format!("Subscription to \"{}.", self.inbox);
        let is_new = |status: &Status| {
            status.forbidden.as_ref().is_some_and(|(_, answer)| {
                answer.contains(&deaf)
                    || (status.forbidden != forbidden_before && answer.contains(forbidden))
            })
        };
        tokio::select! {
            answer = self.client.send_request(subject, request) => match answer {
                Ok(message) => Ok(message.payload),
                Err(error) => Err(match error.kind() {
                    RequestErrorKind::NoResponders => RequestFailed::NobodyThere,
                    RequestErrorKind::TimedOut => RequestFailed::Silent,
                    _ => RequestFailed::Client(error.into()),
                }),
            },
            Ok(status) = status.wait_for(is_new) => {
                let answer = status.forbidden.as_ref().map(|(_, answer)| answer.clone());
                Err(RequestFailed::Forbidden(answer.unwrap_or_default()))
            }
        }
    }

    /// A failed request in the words of its user.
    pub(crate) fn failed(&self, failed: RequestFailed, action: &str) -> NatsError {
        let (servers, action) = (self.servers.to_string(), printable(action));
        match failed {
            // The server says of itself that it has JetStream, so it is only not there yet, or not
            // any more.
            RequestFailed::NobodyThere
                if self.client().server_info().jetstream && !self.has_own_api =>
            {
                NatsError::Unavailable {
                    action,
                    servers,
                    answer: "nobody answers for JetStream".to_owned(),
                }
            }
            RequestFailed::NobodyThere => NatsError::NoJetStream {
                servers,
                answer: self
                    .has_own_api
                    .then(|| printable(&format!("nobody answers to '{}'", self.api))),
            },
            RequestFailed::Silent => NatsError::Silent { action, servers },
            RequestFailed::Forbidden(answer) => NatsError::Forbidden { servers, answer },
            RequestFailed::Client(source) => NatsError::Client { action, source },
            RequestFailed::Answer(error) => {
                let code = error.error_code().0;
                let answer = printable(&error.to_string());
                match code {
                    NOT_ENABLED | NOT_ENABLED_FOR_ACCOUNT => NatsError::NoJetStream {
                        servers,
                        answer: Some(answer),
                    },
                    code if LIMIT_ERRORS.contains(&code) => NatsError::Limit {
                        action,
                        servers,
                        answer,
                    },
                    code if PASSING_ERRORS.contains(&code)
                        || PASSING_STATUS.contains(&error.code()) =>
                    {
                        NatsError::Unavailable {
                            action,
                            servers,
                            answer,
                        }
                    }
                    _ => NatsError::Answer {
                        action,
                        servers,
                        answer,
                    },
                }
            }
        }
    }
}

/// What a stream is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamInfo {
    /// Its name.
    pub(crate) name: String,
    /// The subjects whose messages it takes.
    pub(crate) subjects: Vec<String>,
    /// The number of its first message.
    pub(crate) first_seq: u64,
    /// The number of its last message; 0 when there never was one.
    pub(crate) last_seq: u64,
    /// How many messages it has.
    pub(crate) messages: u64,
}

/// Why a request to JetStream brought nothing.
#[derive(Debug)]
pub(crate) enum RequestFailed {
    /// Nobody listens there: no JetStream, no such consumer, or no leader just now.
    NobodyThere,
    /// No answer came.
    Silent,
    /// The user may not do that.
    Forbidden(String),
    /// The server's own error.
    Answer(async_nats::jetstream::Error),
    /// The client library failed.
    Client(Box<dyn std::error::Error + Send + Sync>),
}

/// The server's numbers of errors (server/errors.json of nats-server).
pub(crate) const NO_SUCH_STREAM: u64 = 10_059;
const NOT_ENABLED: u64 = 10_076;
const NOT_ENABLED_FOR_ACCOUNT: u64 = 10_039;

/// A cluster without a leader, or whose server was not assigned anything yet; a stream or a
/// consumer that is offline; a message of the same ID that a leader without a majority has not
/// stored yet; too many requests.
pub(crate) const PASSING_ERRORS: [u64; 8] = [
    10_004, 10_007, 10_008, 10_009, 10_118, 10_119, 10_158, 10_167,
];

/// What errors of the same kind have in common: too many requests, and not available.
pub(crate) const PASSING_STATUS: [usize; 2] = [429, 503];

/// Resources, storage, streams and consumers of the account or the server.
const LIMIT_ERRORS: [u64; 8] = [
    10_002, 10_023, 10_026, 10_027, 10_028, 10_046, 10_047, 10_120,
];
