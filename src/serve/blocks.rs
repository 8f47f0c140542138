//! Blocks that consumers share: read and encoded when the first asks, kept while there is room.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    sync::{OnceCell, Semaphore},
    task::spawn_blocking,
};

use super::{
    block::{Block, BlockBuilder},
    encoding::Encoding,
    feed::{Feed, FeedError},
    numbering::Numbering,
};

/// How many blocks are read or compressed at once, however many consumers ask: each takes a thread
/// and a megabyte meanwhile.
const AT_ONCE: usize = 4;

/// The blocks of a feed.
#[derive(Debug)]
pub(super) struct Blocks<F> {
    feed: Arc<F>,
    legacy: bool,
    most_bytes: usize,
    /// Which numbers events have now.
    numbering: Mutex<Numbering>,
    shelf: Mutex<Shelf>,
    at_work: Semaphore,
}

/// What is kept, and for how much longer.
#[derive(Debug, Default)]
struct Shelf {
    held: HashMap<Key, Held>,
    bytes: usize,
    /// Counts the requests, so that the block that was asked for the longest ago is known.
    requests: u64,
}

/// Whether a block is of the time after a kill, and its index.
type Key = (bool, u64);

#[derive(Debug)]
struct Held {
    cell: Arc<OnceCell<Arc<Block>>>,
    bytes: usize,
    used: u64,
}

impl<F: Feed> Blocks<F> {
    pub(super) fn new(feed: Arc<F>, legacy: bool, most_bytes: usize, numbering: Numbering) -> Self {
        Self {
            feed,
            legacy,
            most_bytes,
            numbering: Mutex::new(numbering),
            shelf: Mutex::default(),
            at_work: Semaphore::new(AT_ONCE),
        }
    }

    /// A block, ready to be sent; `None` behind the last one.
    pub(super) async fn get(
        &self,
        index: u64,
        start_us: u64,
        encoding: Encoding,
    ) -> Result<Option<Arc<Block>>, FeedError> {
        let numbering = self.numbering();
        let key = (numbering.is_second(), index);
        let cell = self.shelf().ask(key);
        let read = || async {
            let (feed, legacy) = (Arc::clone(&self.feed), self.legacy);
            let mut builder = BlockBuilder::numbered(legacy, numbering);
            if feed.read_now(index, &mut builder) {
                return Ok(Arc::new(builder.finish()));
            }
            let _turn = self.at_work.acquire().await;
            let result = spawn_blocking(move || {
                let there_is = feed.read(index, start_us, &mut builder)?;
                Ok::<_, FeedError>(there_is.then(|| Arc::new(builder.finish())))
            });
            match result.await {
                Ok(Ok(Some(block))) => Ok(block),
                Ok(Ok(None)) => Err(None),
                Ok(Err(error)) => Err(Some(error)),
                // The runtime ends, or the feed panicked.
                Err(error) => Err(Some(FeedError {
                    what: format!("block {index}"),
                    source: io::Error::other(error),
                })),
            }
        };
        let block = match cell.get_or_try_init(read).await {
            Ok(block) => Arc::clone(block),
            Err(failure) => {
                self.shelf().forget(key);
                return failure.map_or(Ok(None), Err);
            }
        };
        if !block.is_made(encoding) {
            let block = Arc::clone(&block);
            let _turn = self.at_work.acquire().await;
            // The block itself sees to it that this is done once.
            spawn_blocking(move || block.make(encoding)).await.ok();
        }
        self.shelf().weigh(key, block.bytes(), self.most_bytes);
        Ok(Some(block))
    }

    /// Which numbers events have now.
    pub(super) fn numbering(&self) -> Numbering {
        *self
            .numbering
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives events other numbers from now on.
    pub(super) fn renumber(&self, numbering: Numbering) {
        *self
            .numbering
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = numbering;
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        // Nothing panics while it is held.
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn ask(&mut self, key: Key) -> Arc<OnceCell<Arc<Block>>> {
        self.requests += 1;
        let held = self.held.entry(key).or_insert_with(|| Held {
            cell: Arc::default(),
            bytes: 0,
            used: 0,
        });
        held.used = self.requests;
        Arc::clone(&held.cell)
    }

    fn forget(&mut self, key: Key) {
        if let Some(held) = self.held.remove(&key) {
            self.bytes -= held.bytes;
        }
    }

    /// Notes how large a block is, and makes room by those that were asked for the longest ago.
    fn weigh(&mut self, key: Key, bytes: usize, most_bytes: usize) {
        if let Some(held) = self.held.get_mut(&key) {
            self.bytes = self.bytes + bytes - held.bytes;
            held.bytes = bytes;
        }
        while self.bytes > most_bytes && self.held.len() > 1 {
            let oldest = self.held.iter().min_by_key(|(_, held)| held.used);
            let Some(oldest) = oldest.map(|(key, _)| *key) else {
                return;
            };
            self.forget(oldest);
        }
    }
}
