//! Requests to JetStream over the connection, and what becomes of those that fail.

use async_nats::jetstream::{context::RequestErrorKind, response::Response, stream};
use serde::{Serialize, de::DeserializeOwned};

use super::{Connection, NatsError, Status};
use crate::log::printable;

impl Connection {
    /// Everything about a stream.
    pub async fn stream_info(&self, stream: &str) -> Result<stream::Info, NatsError> {
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

    /// Asks JetStream for something, and waits for the answer. A refusal by permissions is told at once, not after the wait.
    ///
    /// Cancel safety: dropped at any time; the request may be carried out all the same.
    pub(crate) async fn request<T: DeserializeOwned>(
        &self,
        subject: &str,
        payload: &impl Serialize,
    ) -> Result<T, RequestFailed> {
        let mut status = self.status.clone();
        let forbidden_before = status.borrow().forbidden.clone();
        // Who may not listen to answers gets none, whenever that was said.
        let deaf = format!("Subscription to \"{}.", self.inbox);
        let is_new = |status: &Status| {
            status.forbidden.as_ref().is_some_and(|(_, answer)| {
                answer.contains(&deaf)
                    || (status.forbidden != forbidden_before && answer.contains(subject))
            })
        };
        let answer = self.jetstream.request(subject.to_owned(), payload);
        tokio::select! {
            answer = answer => match answer {
                Ok(Response::Ok(value)) => Ok(value),
                Ok(Response::Err { error }) => Err(RequestFailed::Answer(error)),
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
            // The server says of itself that it has JetStream, so it is only not there yet, or not any more.
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
                    code if LIMITS.contains(&code) => NatsError::Limit {
                        action,
                        servers,
                        answer,
                    },
                    code if PASSING.contains(&code) || PASSING_STATUS.contains(&error.code()) => {
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

/// A cluster without a leader, or whose server was not assigned anything yet; a stream or a consumer that is offline; too many requests.
pub(crate) const PASSING: [u64; 7] = [10_004, 10_007, 10_008, 10_009, 10_118, 10_119, 10_167];

/// What errors of the same kind have in common: too many requests, and not available.
pub(crate) const PASSING_STATUS: [usize; 2] = [429, 503];

/// Resources, storage, streams and consumers of the account or the server.
const LIMITS: [u64; 8] = [
    10_002, 10_023, 10_026, 10_027, 10_028, 10_046, 10_047, 10_120,
];
