//! A key in a bucket, as messages of the bucket's stream.

use std::{path::Path, time::Duration};

use async_nats::{
    HeaderMap, HeaderName, HeaderValue, Subscriber,
    client::RequestErrorKind,
    jetstream::stream::{Config, DiscardPolicy, Info},
};
use futures_util::{FutureExt, StreamExt};
use serde::Deserialize;
use serde_json::json;

use super::{KeyName, KvCursorError};
use crate::{
    cursor::{Saved, contents},
    error::MemberError,
    nats::{Connection, NO_SUCH_MESSAGE, NatsError, NatsSettings, RequestFailed, Status, Stored},
};

/// The revision that a save replaces; 0 where there is none.
const LAST_REVISION: HeaderName = HeaderName::from_static("Nats-Expected-Last-Subject-Sequence");

/// Where the owner listens.
const OWNER: HeaderName = HeaderName::from_static("rocketman-owner");

/// The server's numbers of the errors that another revision is there.
const WRONG_REVISION: [u64; 2] = [10_071, 10_164];

/// How long an owner that listens may take to answer, before it is taken for one that is busy.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// The process that has the key: it listens as long as it does.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) inbox: String,
    pub(super) listening: Subscriber,
}

impl Owner {
    /// Drops the questions of those who asked whether we are there: that we listen is the answer.
    pub(super) fn drop_questions(&mut self) {
        while let Some(Some(_)) = self.listening.next().now_or_never() {}
    }
}

/// What a key holds.
#[derive(Debug, Default)]
pub(super) struct Value {
    pub(super) revision: u64,
    pub(super) owner: Option<String>,
    /// Empty where somebody has claimed the key and saved nothing yet.
    pub(super) text: Vec<u8>,
}

impl Value {
    /// What was saved; `None` where nothing was yet.
    pub(super) fn saved(&self, name: &KeyName) -> Result<Option<Saved>, MemberError> {
        match &self.text[..] {
            [] => Ok(None),
            text => parse(name, text).map(Some),
        }
    }
}

/// What comes back for a message.
#[derive(Debug, Deserialize)]
struct Ack {
    #[serde(default)]
    seq: u64,
    error: Option<async_nats::jetstream::Error>,
}

/// Why a key was not replaced.
pub(super) enum NotPut {
    /// Somebody else has replaced it.
    Replaced,
    /// Nobody takes it: the bucket is gone, or has no leader just now.
    NobodyThere,
    Failed(NatsError),
}

fn parse(name: &KeyName, text: &[u8]) -> Result<Saved, MemberError> {
    contents::parse(Path::new(&name.to_string()), text).map_err(|error| {
        KvCursorError::DamagedKey {
            key: name.to_string(),
            source: Box::new(error),
        }
        .into()
    })
}

/// A key in a bucket, as messages of the bucket's stream.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) connection: Connection,
    pub(super) stream: String,
    /// The subject that its values have in the stream.
    pub(super) subject: String,
    /// Where values are sent to, which is another one where JetStream is not where we are.
    pub(super) target: String,
    pub(super) name: String,
}

impl Key {
    pub(super) async fn open(
        connection: Connection,
        nats: &NatsSettings,
        name: &KeyName,
        create_bucket: bool,
    ) -> Result<Self, MemberError> {
        let KeyName { bucket, key, .. } = name;
        let subject = format!("$KV.{bucket}.{key}");
        let prefix = match (&nats.js_api_prefix, &nats.js_domain) {
            (Some(prefix), _) => format!("{prefix}."),
            (None, Some(domain)) => format!("$JS.{domain}.API."),
            (None, None) => String::new(),
        };
        let this = Self {
            connection,
            stream: format!("KV_{bucket}"),
            target: format!("{prefix}{subject}"),
            subject,
            name: name.to_string(),
        };
        match this.connection.look_at(&this.stream).await {
            Err(NatsError::NoStream { .. }) if create_bucket => this.create(bucket).await?,
            Err(NatsError::NoStream { servers, .. }) => {
                return Err(KvCursorError::NoBucket {
                    servers,
                    bucket: bucket.clone(),
                }
                .into());
            }
            found => drop(found?),
        }
        Ok(this)
    }

    /// Makes the bucket as the `nats` command does.
    pub(super) async fn create(&self, bucket: &str) -> Result<(), NatsError> {
        let config = Config {
            name: self.stream.clone(),
            description: Some("Cursors of rocketman".to_owned()),
            subjects: vec![format!("$KV.{bucket}.>")],
            max_messages_per_subject: 1,
            max_bytes: -1,
            max_messages: -1,
            discard: DiscardPolicy::New,
            allow_rollup: true,
            deny_delete: true,
            allow_direct: true,
            num_replicas: 1,
            duplicate_window: Duration::from_secs(120),
            ..Config::default()
        };
        let subject = format!("STREAM.CREATE.{}", self.stream);
        let made = self.connection.request::<Info>(&subject, &config).await;
        let action = || format!("make the bucket '{bucket}'");
        made.map(drop)
            .map_err(|failed| self.connection.failed(failed, &action()))
    }

    pub(super) async fn get(&self) -> Result<Value, NatsError> {
        let subject = format!("STREAM.MSG.GET.{}", self.stream);
        let wanted = json!({ "last_by_subj": self.subject });
        match self.connection.request::<Stored>(&subject, &wanted).await {
            Ok(Stored { message }) => {
                let is_deleted = message.header("KV-Operation").is_some();
                let text = message.payload();
                Ok(Value {
                    revision: message.seq,
                    owner: message.header("rocketman-owner"),
                    text: if is_deleted { Vec::new() } else { text },
                })
            }
            Err(RequestFailed::Answer(error)) if error.error_code().0 == NO_SUCH_MESSAGE => {
                Ok(Value::default())
            }
            Err(failed) => {
                let action = format!("read the cursor '{}'", self.name);
                Err(self.connection.failed(failed, &action))
            }
        }
    }

    /// Replaces the value of this revision, and returns the new one.
    pub(super) async fn put(
        &self,
        owner: &Owner,
        revision: u64,
        text: &[u8],
    ) -> Result<u64, NotPut> {
        let mut headers = HeaderMap::new();
        headers.insert(LAST_REVISION, HeaderValue::from(revision));
        headers.insert(OWNER, &*owner.inbox);
        let request = async_nats::Request::new()
            .headers(headers)
            .payload(text.to_vec().into());
        let client = self.connection.client();
        let answer = client.send_request(self.target.clone(), request).await;
        let action = format!("save the cursor '{}'", self.name);
        let failed = |failed| NotPut::Failed(self.connection.failed(failed, &action));
        let message = answer.map_err(|error| match error.kind() {
            RequestErrorKind::NoResponders => NotPut::NobodyThere,
            RequestErrorKind::TimedOut => failed(RequestFailed::Silent),
            _ => failed(RequestFailed::Client(error.into())),
        })?;
        let ack: Ack = serde_json::from_slice(&message.payload)
            .map_err(|error| failed(RequestFailed::Client(error.into())))?;
        match ack.error {
            None => Ok(ack.seq),
            Some(error) if WRONG_REVISION.contains(&error.error_code().0) => Err(NotPut::Replaced),
            Some(error) => Err(failed(RequestFailed::Answer(error))),
        }
    }

    /// Why nobody takes a save, though the bucket is there.
    pub(super) fn without_leader(&self) -> NatsError {
        NatsError::Unavailable {
            action: format!("save the cursor '{}'", self.name),
            servers: self.connection.servers().to_owned(),
            answer: "nobody answers for the bucket".to_owned(),
        }
    }

    /// Listens at an address of our own.
    pub(super) async fn listen(&self) -> Result<Owner, NatsError> {
        let client = self.connection.client();
        let inbox = client.new_inbox();
        let failed = |source| NatsError::Client {
            action: "listen at an inbox".to_owned(),
            source,
        };
        let listening = client.subscribe(inbox.clone()).await;
        let listening = listening.map_err(|error| failed(error.into()))?;
        // Known to the server before anybody reads of it.
        let flushed = client.flush().await;
        flushed.map_err(|error| failed(error.into()))?;
        Ok(Owner { inbox, listening })
    }

    /// Whether an owner listens at its address. It says nothing; but of an address where nobody
    /// listens the server tells. `None` where this user may not ask.
    pub(super) async fn is_there(&self, owner: &str) -> Option<bool> {
        let request = async_nats::Request::new()
            .timeout(Some(ANSWER_TIMEOUT))
            .payload("".into());
        let client = self.connection.client();
        let mut status = self.connection.status();
        let is_forbidden = |status: &Status| {
            let answer = status.forbidden.as_ref().map(|(_, answer)| answer);
            answer.is_some_and(|answer| answer.contains(owner))
        };
        let answer = tokio::select! {
            answer = client.send_request(owner.to_owned(), request) => answer,
            Ok(_) = status.wait_for(is_forbidden) => return None,
        };
        let is_gone =
            matches!(answer, Err(error) if error.kind() == RequestErrorKind::NoResponders);
        Some(!is_gone)
    }
}
