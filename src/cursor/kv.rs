//! A cursor under a key of a NATS bucket: replaced only by its last writer, and held by one process
//! at a time.
//!
//! Each save names the revision it replaces, which keeps out a process that was overtaken. A second
//! process is refused before it begins: the owner listens at an address of its own, which stands
//! beside the cursor, and a server knows at once when nobody does.

mod error;
mod key;
mod look;
mod name;

use tracing::{debug, warn};

use self::{
    error::KvCursorError,
    key::{Key, NotPut, Owner, Value},
    name::KeyName,
};
use super::{CursorStore, Glimpse, Saved, contents};
use crate::{
    error::MemberError,
    log::STATE,
    nats::{Connection, NatsError, NatsSettings, retry},
};

/// How often a save is sent: somebody may delete the key and the bucket under it, and no more than
/// that is expected.
const MAX_TRIES: usize = 4;

/// A cursor in a bucket of NATS.
///
/// ```no_run
/// use rocketman::{Pipeline, cursor::KvCursor, nats::NatsSettings};
/// use rocketman::{sink::StdoutSink, source::jetstream::{Jetstream, JetstreamSettings}};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let nats = NatsSettings::new("nats://localhost");
/// let cursor = KvCursor::new(nats, "cursors", "posts").create_bucket();
/// let source = Jetstream::new(JetstreamSettings::default());
/// let pipeline = Pipeline::new(source, StdoutSink::new(false)).cursor(cursor);
/// pipeline.run(std::future::pending()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct KvCursor {
    nats: NatsSettings,
    name: KeyName,
    create_bucket: bool,
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

impl KvCursor {
    /// This key, in a bucket that is there. Nothing is connected to yet.
    pub fn new(nats: NatsSettings, bucket: impl Into<String>, key: impl Into<String>) -> Self {
        let name = KeyName::new(&nats.shown(), bucket.into(), key.into());
        Self {
            nats,
            name,
            create_bucket: false,
            held: None,
        }
    }

    /// Makes the bucket if it is not there.
    #[must_use]
    pub fn create_bucket(self) -> Self {
        Self {
            create_bucket: true,
            ..self
        }
    }

    /// Whether a bucket and a key can be called so. What cannot be is an error of
    /// [`load`](CursorStore::load) too.
    pub fn check(&self) -> Result<(), MemberError> {
        Ok(self.name.check()?)
    }

    /// Connects, and makes the key ours.
    async fn hold(&self) -> Result<(Held, Option<Saved>), MemberError> {
        self.check()?;
        let connection = Connection::open(&self.nats).await?;
        retry(&self.nats, || self.claim(connection.clone())).await
    }

    async fn claim(&self, connection: Connection) -> Result<(Held, Option<Saved>), MemberError> {
        let name = &self.name;
        let key = Key::open(connection, &self.nats, name, self.create_bucket).await?;
        let value = key.get().await?;
        let taken = || KvCursorError::KeyTaken(name.to_string()).into();
        if let Some(owner) = &value.owner {
            match key.is_there(owner).await {
                Some(true) => return Err(taken()),
                Some(false) => {}
                None => {
                    warn!(target: STATE, key = key.name, "whether another process uses the cursor '{}' cannot be seen, as this user may not ask; if so, one of them ends with the next save", key.name);
                }
            }
        }
        let saved = value.saved(name)?;
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

impl Held {
    /// Replaces the value that was written last, and returns its new revision.
    async fn put(&self, text: &[u8]) -> Result<u64, NotPut> {
        self.key.put(&self.owner, self.revision, text).await
    }

    /// Saves, whatever becomes of the key meanwhile, as long as it is ours.
    async fn replace(
        &mut self,
        text: &[u8],
        name: &KeyName,
        create_bucket: bool,
    ) -> Result<(), MemberError> {
        for _ in 0..MAX_TRIES {
            match self.put(text).await {
                Ok(revision) => {
                    self.revision = revision;
                    return Ok(());
                }
                Err(NotPut::Replaced) => drop(self.adopt().await?),
                Err(NotPut::NobodyThere) => self.find_bucket(name, create_bucket).await?,
                Err(NotPut::Failed(error)) => return Err(error.into()),
            }
        }
        Err(KvCursorError::Overtaken(name.to_string()).into())
    }

    /// What to go on from where somebody has replaced the value: an earlier save of our own whose
    /// answer was lost, or nobody at all, where the key was deleted.
    async fn adopt(&mut self) -> Result<Value, MemberError> {
        let value = self.key.get().await?;
        let name = &self.key.name;
        if value.owner.as_deref() == Some(&self.owner.inbox) {
            let revision = value.revision;
            debug!(revision, "an earlier save was made after all");
        } else if value.owner.is_none() && value.text.is_empty() {
            warn!(target: STATE, key = name, "the cursor '{name}' was deleted; it is written again");
        } else {
            return Err(KvCursorError::Overtaken(name.clone()).into());
        }
        self.revision = value.revision;
        Ok(value)
    }

    /// What the key holds, which is ours already.
    async fn load(&mut self, name: &KeyName) -> Result<Option<Saved>, MemberError> {
        let value = self.adopt().await?;
        value.saved(name)
    }

    /// Looks at the bucket where nobody takes a save; makes it anew if that is wanted.
    async fn find_bucket(&self, name: &KeyName, create: bool) -> Result<(), MemberError> {
        let KeyName { bucket, .. } = name;
        match self.key.connection.look_at(&self.key.stream).await {
            Ok(_) => Err(self.key.without_leader().into()),
            Err(NatsError::NoStream { servers, .. }) => {
                if !create {
                    let bucket = bucket.clone();
                    return Err(KvCursorError::BucketGone { servers, bucket }.into());
                }
                warn!(target: STATE, bucket, "the bucket '{bucket}' was deleted; it is made again");
                Ok(self.key.create(bucket).await?)
            }
            Err(failed) => Err(failed.into()),
        }
    }
}

impl CursorStore for KvCursor {
    async fn load(&mut self) -> Result<Option<Saved>, MemberError> {
        if let Some(held) = &mut self.held {
            let connection = held.key.connection.clone();
            return tokio::select! {
                biased;
                error = connection.abandoned() => Err(error.into()),
                saved = held.load(&self.name) => saved,
            };
        }
        let (held, saved) = self.hold().await?;
        self.held = Some(held);
        Ok(saved)
    }

    async fn save(&mut self, saved: &Saved) -> Result<(), MemberError> {
        let text = contents::text(saved);
        if self.held.is_none() {
            self.held = Some(self.hold().await?.0);
        }
        let held = self.held.as_mut().expect("it is held from here on");
        held.owner.drop_questions();
        let connection = held.key.connection.clone();
        tokio::select! {
            biased;
            error = connection.abandoned() => Err(error.into()),
            saved = held.replace(&text, &self.name, self.create_bucket) => saved,
        }
    }
}
