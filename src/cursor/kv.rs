//! A cursor under a key of a NATS bucket: replaced only by who wrote it last, and held by one process at a time.
//!
//! Each save names the revision it replaces, which keeps out whoever was overtaken. A second process is told before it begins:
//! the owner listens at an address of its own, which stands beside the cursor, and a server knows at once when nobody does.

mod error;
mod look;

pub use self::error::KvCursorError;

use std::{path::Path, time::Duration};

use async_nats::{
    HeaderMap, HeaderName, HeaderValue, Subscriber,
    client::RequestErrorKind,
    jetstream::stream::{Config, DiscardPolicy, Info},
};
use futures_util::{FutureExt, StreamExt};
use serde::Deserialize;
use serde_json::json;
use tracing::{debug, warn};

use super::{CursorError, CursorStore, Glimpse, Saved, contents};
use crate::{
    log::STATE,
    nats::{
        AsNats, Connection, KeyAddress, NO_SUCH_MESSAGE, NatsError, NatsSettings, RequestFailed,
        Status, Stored, insist,
    },
};

/// The revision that a save replaces; 0 where there is none.
const LAST_REVISION: HeaderName = HeaderName::from_static("Nats-Expected-Last-Subject-Sequence");

/// Where the owner listens.
const OWNER: HeaderName = HeaderName::from_static("rocketman-owner");

/// The server's numbers of its errors.
const WRONG_REVISION: [u64; 2] = [10_071, 10_164];

/// How often a save is sent: somebody may delete the key and the bucket under it, and no more than that is expected.
const MAX_TRIES: usize = 4;

/// How long an owner that listens may take to answer, before it is taken for one that is busy.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// Which key, and how to get there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvCursorSettings {
    /// How to connect.
    pub nats: NatsSettings,
    /// The bucket and the key.
    pub address: KeyAddress,
    /// Make the bucket if it is not there.
    pub create_bucket: bool,
}

/// A cursor in a bucket of NATS.
#[derive(Debug)]
pub struct KvCursor {
    settings: KvCursorSettings,
    held: Option<Held>,
}

/// The key, once it is ours.
#[derive(Debug)]
struct Held {
    key: Key,
    revision: u64,
    /// Listens as long as the cursor is ours.
    owner: Owner,
}

#[derive(Debug)]
struct Owner {
    inbox: String,
    listening: Subscriber,
}

/// What a key holds.
#[derive(Debug, Default)]
struct Value {
    revision: u64,
    owner: Option<String>,
    /// Empty where somebody has claimed the key and saved nothing yet.
    text: Vec<u8>,
}

impl Value {
    /// What was saved; `None` where nothing was yet.
    fn saved(&self, address: &KeyAddress) -> Result<Option<Saved>, CursorError> {
        match &self.text[..] {
            [] => Ok(None),
            text => parse(address, text).map(Some),
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
enum NotPut {
    /// Somebody else has replaced it.
    Replaced,
    /// Nobody takes it: the bucket is gone, or has no leader just now.
    NobodyThere,
    Failed(NatsError),
}

impl KvCursor {
    /// Nothing is connected to yet.
    pub fn new(settings: KvCursorSettings) -> Self {
        Self {
            settings,
            held: None,
        }
    }

    /// Connects, and makes the key ours.
    async fn hold(&self) -> Result<(Held, Option<Saved>), CursorError> {
        let nats = &self.settings.nats;
        let connection = Connection::open(nats).await?;
        insist(nats, || self.claim(connection.clone())).await
    }

    async fn claim(&self, connection: Connection) -> Result<(Held, Option<Saved>), CursorError> {
        let KvCursorSettings {
            nats,
            address,
            create_bucket,
        } = &self.settings;
        let key = Key::open(connection, nats, address, *create_bucket).await?;
        let value = key.get().await?;
        let taken = || KvCursorError::KeyTaken(address.to_string()).into();
        if let Some(owner) = &value.owner {
            match key.is_there(owner).await {
                Some(true) => return Err(taken()),
                Some(false) => {}
                None => {
                    warn!(target: STATE, key = key.name, "whether another process uses the cursor '{}' cannot be seen, for this user may not ask; if so, one of them ends with the next save", key.name);
                }
            }
        }
        let saved = value.saved(address)?;
        let owner = key.listen().await?;
        let mut held = Held {
            key,
            revision: value.revision,
            owner,
        };
        held.revision = match held.put(&value.text).await {
            Ok(revision) => revision,
            // An answer that was lost: it is ours already.
            Err(NotPut::Replaced) => {
                let now = held.key.get().await?;
                if now.owner.as_deref() != Some(&held.owner.inbox) {
                    return Err(taken());
                }
                now.revision
            }
            Err(NotPut::NobodyThere) => return Err(held.key.without_leader().into()),
            Err(NotPut::Failed(error)) => return Err(error.into()),
        };
        Ok((held, saved))
    }
}

impl Owner {
    /// Drops the questions of those who asked whether we are there: that we listen is the answer.
    fn drop_questions(&mut self) {
        while let Some(Some(_)) = self.listening.next().now_or_never() {}
    }
}

impl Held {
    /// Replaces the value that was written last, and returns its new revision.
    async fn put(&self, text: &[u8]) -> Result<u64, NotPut> {
        self.key.put(&self.owner, self.revision, text).await
    }

    /// Saves, whatever becomes of the key meanwhile, as long as it is ours.
    async fn replace(
        &mut self,
        text: &[u8],
        address: &KeyAddress,
        create_bucket: bool,
    ) -> Result<(), CursorError> {
        for _ in 0..MAX_TRIES {
            match self.put(text).await {
                Ok(revision) => {
                    self.revision = revision;
                    return Ok(());
                }
                Err(NotPut::Replaced) => drop(self.adopt().await?),
                Err(NotPut::NobodyThere) => self.find_bucket(address, create_bucket).await?,
                Err(NotPut::Failed(error)) => return Err(error.into()),
            }
        }
        Err(KvCursorError::Overtaken(address.to_string()).into())
    }

    /// What to go on from where somebody has replaced the value: an earlier save of our own whose answer was lost, or nobody at all,
    /// where the key was deleted.
    async fn adopt(&mut self) -> Result<Value, CursorError> {
        let value = self.key.get().await?;
        let name = &self.key.name;
        if value.owner.as_deref() == Some(&self.owner.inbox) {
            let revision = value.revision;
            debug!(revision, "an earlier save was made after all");
        } else if value.owner.is_none() && value.text.is_empty() {
            warn!(target: STATE, key = name, "the cursor '{name}' was deleted; it is written anew");
        } else {
            return Err(KvCursorError::Overtaken(name.clone()).into());
        }
        self.revision = value.revision;
        Ok(value)
    }

    /// What the key holds, which is ours already.
    async fn load(&mut self, address: &KeyAddress) -> Result<Option<Saved>, CursorError> {
        let value = self.adopt().await?;
        value.saved(address)
    }

    /// Looks at the bucket where nobody takes a save; makes it anew if that is wanted.
    async fn find_bucket(&self, address: &KeyAddress, create: bool) -> Result<(), CursorError> {
        let KeyAddress { bucket, .. } = address;
        match self.key.connection.look_at(&self.key.stream).await {
            Ok(_) => Err(self.key.without_leader().into()),
            Err(NatsError::NoStream { servers, .. }) => {
                if !create {
                    let bucket = bucket.clone();
                    return Err(KvCursorError::BucketGone { servers, bucket }.into());
                }
                warn!(target: STATE, bucket, "the bucket '{bucket}' was deleted; it is made anew");
                Ok(self.key.create(bucket).await?)
            }
            Err(failed) => Err(failed.into()),
        }
    }
}

impl AsNats for CursorError {
    fn as_nats(&self) -> Option<&NatsError> {
        self.downcast_ref()
    }
}

fn parse(address: &KeyAddress, text: &[u8]) -> Result<Saved, CursorError> {
    contents::parse(Path::new(&address.to_string()), text).map_err(|error| {
        KvCursorError::DamagedKey {
            key: address.to_string(),
            source: Box::new(error),
        }
        .into()
    })
}

impl CursorStore for KvCursor {
    async fn load(&mut self) -> Result<Option<Saved>, CursorError> {
        let address = &self.settings.address;
        if let Some(held) = &mut self.held {
            let connection = held.key.connection.clone();
            return tokio::select! {
                biased;
                error = connection.abandoned() => Err(error.into()),
                saved = held.load(address) => saved,
            };
        }
        let (held, saved) = self.hold().await?;
        self.held = Some(held);
        Ok(saved)
    }

    async fn save(&mut self, saved: &Saved) -> Result<(), CursorError> {
        let text = contents::text(saved);
        if self.held.is_none() {
            self.held = Some(self.hold().await?.0);
        }
        let KvCursorSettings {
            address,
            create_bucket,
            ..
        } = &self.settings;
        let held = self.held.as_mut().expect("it is held from here on");
        held.owner.drop_questions();
        let connection = held.key.connection.clone();
        tokio::select! {
            biased;
            error = connection.abandoned() => Err(error.into()),
            saved = held.replace(&text, address, *create_bucket) => saved,
        }
    }
}

/// A key in a bucket, as messages of the stream behind it.
#[derive(Debug)]
struct Key {
    connection: Connection,
    stream: String,
    /// The subject that its values have in the stream.
    subject: String,
    /// Where values are sent to, which is another one where JetStream is not where we are.
    target: String,
    name: String,
}

impl Key {
    async fn open(
        connection: Connection,
        nats: &NatsSettings,
        address: &KeyAddress,
        create_bucket: bool,
    ) -> Result<Self, CursorError> {
        let KeyAddress { bucket, key, .. } = address;
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
            name: address.to_string(),
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
    async fn create(&self, bucket: &str) -> Result<(), NatsError> {
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

    async fn get(&self) -> Result<Value, NatsError> {
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
    async fn put(&self, owner: &Owner, revision: u64, text: &[u8]) -> Result<u64, NotPut> {
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
    fn without_leader(&self) -> NatsError {
        NatsError::Unavailable {
            action: format!("save the cursor '{}'", self.name),
            servers: self.connection.servers().to_owned(),
            answer: "nobody answers for the bucket".to_owned(),
        }
    }

    /// Listens at an address of our own.
    async fn listen(&self) -> Result<Owner, NatsError> {
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

    /// Whether an owner listens at its address. It says nothing; but of an address where nobody listens the server tells.
    /// `None` where this user may not ask.
    async fn is_there(&self, owner: &str) -> Option<bool> {
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
