//! What a consumer is sent: where it begins, and which events are next.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::time::Instant;

use super::Consumer;
use crate::serve::{
    block::Block,
    disconnect::Disconnect,
    encoding::Wire,
    fault::{Fault, Faults, FaultsAfter},
    feed::{Feed, FeedError, FeedPosition},
    options::{Cursor, Options},
    v2,
};

/// Events that are due are sent so often: fewer, larger writes, and nobody sees the difference.
const TICK: Duration = Duration::from_millis(10);

/// Where a consumer is in the stream.
#[derive(Debug)]
pub(super) enum Stage {
    /// It has not begun: a message is required first.
    AwaitingHello(Cursor),
    /// It looks for its place, in this block.
    Seeking {
        index: u64,
        position: FeedPosition,
        is_tip: bool,
    },
    /// It is within a block.
    Within {
        index: u64,
        block: Arc<Block>,
        idx: usize,
    },
    /// It is at this block, which is not read yet.
    Before(u64),
    /// It has everything.
    End,
}

/// Whether a block is there.
enum Reach {
    There,
    /// Not yet.
    Ahead,
    /// Nor will it ever be.
    Over,
    /// No more.
    Gone,
}

/// What to do when nothing is left to write.
pub(super) enum Next {
    /// Look again at once.
    Again,
    /// Nothing before this moment.
    At(Instant),
    /// Nothing before the feed grows.
    Growth,
    /// Nothing any more.
    Nothing,
}

impl<F: Feed> Consumer<F> {
    /// Begins where it asked to.
    pub(super) fn begin(&mut self) {
        let Stage::AwaitingHello(cursor) = self.stage else {
            return;
        };
        let faults = &self.shared.settings.faults;
        match cursor {
            Cursor::Tip => self.seek(self.shared.tip(), true),
            // On the v2 wire it was refused.
            Cursor::Seq(_) if faults.too_old() => self.seek(self.shared.tip(), true),
            Cursor::Time(_) if faults.outdated() => {
                self.report_outdated(
                    "the time asked for is older than all events, by the fault outdated",
                );
                self.seek(self.shared.tip(), true);
            }
            Cursor::Seq(seq) => self.seek(FeedPosition::Seq(seq), false),
            Cursor::Time(time_us) => self.seek(FeedPosition::Time(time_us), false),
        }
    }

    fn seek(&mut self, position: FeedPosition, is_tip: bool) {
        let index = self.shared.find(position);
        self.stage = Stage::Seeking {
            index,
            position,
            is_tip,
        };
    }

    /// Chooses what is sent next, from one block at most.
    pub(super) async fn choose(&mut self) -> Result<Next, Disconnect> {
        match &self.stage {
            Stage::AwaitingHello(_) | Stage::End => Ok(Next::Nothing),
            Stage::Seeking {
                index,
                position,
                is_tip,
            } => {
                let (index, position, is_tip) = (*index, *position, *is_tip);
                self.find(index, position, is_tip).await
            }
            Stage::Before(index) => {
                let index = *index;
                match self.reach(index) {
                    Reach::There => {}
                    Reach::Ahead => return Ok(Next::Growth),
                    Reach::Over => return Ok(self.end()),
                    Reach::Gone => return Err(Disconnect::Forgotten(index)),
                }
                let block = self.read(index).await?;
                // A kill gave other numbers to what is read.
                if self.life.is_cancelled() {
                    return Err(Disconnect::Cut);
                }
                match block {
                    Some(block) => Ok(self.send_from(index, block, 0)),
                    None => Ok(self.end()),
                }
            }
            Stage::Within { index, block, idx } => {
                let (index, block, idx) = (*index, Arc::clone(block), *idx);
                Ok(self.send_from(index, block, idx))
            }
        }
    }

    /// Sends what is due of a block, and notes where it is then.
    fn send_from(&mut self, index: u64, block: Arc<Block>, idx: usize) -> Next {
        let (idx, next) = self.send(&block, idx);
        self.stage = if idx < block.entries().len() {
            Stage::Within { index, block, idx }
        } else {
            Stage::Before(block.next(index))
        };
        next
    }

    /// Whether the feed has this block, which it may have no more, or not yet.
    fn reach(&mut self, index: u64) -> Reach {
        let Some(growth) = &mut self.extent else {
            return Reach::There;
        };
        let extent = *growth.borrow_and_update();
        match () {
            () if index < extent.first => Reach::Gone,
            () if index < extent.next => Reach::There,
            () if extent.is_over => Reach::Over,
            () => Reach::Ahead,
        }
    }

    pub(super) async fn read(&self, index: u64) -> Result<Option<Arc<Block>>, FeedError> {
        let start_us = self.shared.start_us();
        self.shared.blocks.get(index, start_us, self.encoding).await
    }

    /// Looks for the place that was asked for in a block.
    async fn find(
        &mut self,
        index: u64,
        position: FeedPosition,
        is_tip: bool,
    ) -> Result<Next, Disconnect> {
        match self.reach(index) {
            Reach::There => {}
            Reach::Gone => {
                self.seek(position, is_tip);
                return Ok(Next::Again);
            }
            Reach::Ahead | Reach::Over => {
                self.stage = Stage::Before(index);
                return Ok(Next::Again);
            }
        }
        let Some(block) = self.read(index).await? else {
            return Ok(self.end());
        };
        let found = block.entries().iter().position(|entry| match position {
            FeedPosition::Beginning | FeedPosition::End => true,
            FeedPosition::Seq(seq) => entry.seq >= seq,
            FeedPosition::Time(time_us) => entry.time_us >= time_us,
        });
        let Some(idx) = found else {
            self.stage = Stage::Seeking {
                index: block.next(index),
                position,
                is_tip,
            };
            return Ok(Next::Again);
        };
        let time_us = block.entries().get(idx).map_or(0, |entry| entry.time_us);
        let is_future = self
            .shared
            .due(time_us)
            .is_none_or(|due| due > Instant::now());
        if is_future && !is_tip {
            // What lies in the future is the live tip (protocol reference, section 1.5).
            self.seek(self.shared.tip(), true);
            return Ok(Next::Again);
        }
        if let (FeedPosition::Time(asked_us), 0) = (position, idx)
            && time_us > asked_us
            && !is_tip
            && index == self.shared.find(FeedPosition::Beginning)
        {
            let first = block.entries().first().map_or(0, |entry| entry.seq);
            self.report_outdated(&format!(
                "the time asked for is older than all events: it begins at {first}"
            ));
        }
        self.stage = Stage::Within { index, block, idx };
        Ok(Next::Again)
    }

    /// Says on the v2 wire that events before its beginning are missing.
    fn report_outdated(&mut self, message: &str) {
        if self.encoding.wire() == Wire::V2 {
            let info = v2::frame::outdated_cursor(message);
            self.outbox.push_info(&info);
        }
    }

    /// Puts the events that are wanted and due into the outbox, and returns the event that is next.
    fn send(&mut self, block: &Arc<Block>, from: usize) -> (usize, Next) {
        if self.takes_all(block) {
            return self.send_all(block, from);
        }
        let now = Instant::now();
        let (mut idx, mut n_sent) = (from, 0);
        let mut next = Next::Again;
        let kill_at = self.shared.blocks.numbering().kill_at();
        while let Some(entry) = block.entries().get(idx) {
            let due = self.shared.due(entry.time_us);
            if due.is_none_or(|due| due > now) {
                next = due.map_or(Next::Nothing, |due| Next::At(due.max(now + TICK)));
                break;
            }
            let is_wanted = self.is_wanted(block, idx);
            idx += 1;
            let mut is_over = false;
            if is_wanted {
                self.outbox.push(block, block.frame(idx - 1, self.encoding));
                n_sent += 1;
                is_over = self.spoil(block, idx - 1);
            }
            if kill_at.is_some_and(|kill_at| entry.seq >= kill_at) {
                self.fault = Some(Fault::Kill(entry.time_us));
                is_over = true;
            }
            if is_over {
                break;
            }
        }
        self.shared.sent.fetch_add(n_sent, Relaxed);
        let reached = idx.checked_sub(1).and_then(|idx| block.entries().get(idx));
        if let Some(entry) = reached {
            self.headway.reach(entry.seq);
        }
        (idx, next)
    }

    /// Whether it is to get each event of a block, and at once.
    fn takes_all(&self, block: &Block) -> bool {
        let Options {
            filter, max_bytes, ..
        } = &self.options;
        self.shared.is_at_once()
            && *max_bytes == 0
            && filter.is_everything()
            && self.shared.settings.faults == Faults::default()
            && block.is_whole(self.encoding.wire())
    }

    /// Puts all that is left of a block into the outbox, as one piece.
    fn send_all(&mut self, block: &Arc<Block>, from: usize) -> (usize, Next) {
        let entries = block.entries().get(from..).unwrap_or_default();
        if let Some(last) = entries.last() {
            let frames = block.frames_from(from, self.encoding);
            self.outbox.push(block, frames);
            self.shared.sent.fetch_add(entries.len() as u64, Relaxed);
            self.headway.reach(last.seq);
        }
        (from + entries.len(), Next::Again)
    }

    /// Does what is to go wrong behind an event. Returns whether that has to be written before
    /// anything else is chosen.
    fn spoil(&mut self, block: &Arc<Block>, idx: usize) -> bool {
        self.n_sent += 1;
        let FaultsAfter {
            again,
            garbage,
            end,
        } = self.shared.settings.faults.behind(self.n_sent);
        if again {
            self.outbox.push(block, block.frame(idx, self.encoding));
        }
        if garbage {
            let (opcode, bytes) = self
                .shared
                .settings
                .faults
                .garbage(self.n_sent, self.encoding);
            self.outbox.push_own(opcode, bytes);
        }
        self.fault = end;
        garbage || end.is_some()
    }

    fn is_wanted(&self, block: &Block, idx: usize) -> bool {
        let Options {
            filter, max_bytes, ..
        } = &self.options;
        let is_small = *max_bytes == 0 || {
            // Legacy servers compare what they send (protocol reference, section 1.1).
            let bytes = if self.shared.settings.legacy && self.encoding.is_compressed() {
                block.frame(idx, self.encoding).len()
            } else {
                block.payload_bytes(idx, self.encoding.wire())
            };
            bytes <= *max_bytes as usize
        };
        let faults = &self.shared.settings.faults;
        let seq = block.entries().get(idx).map_or(0, |entry| entry.seq);
        is_small
            && !faults.hides(seq, || block.collection(idx))
            && block.is_wanted(idx, filter, self.encoding.wire())
    }

    fn end(&mut self) -> Next {
        self.stage = Stage::End;
        if self.shared.settings.exit_at_end {
            self.shared.over.cancel();
            let what = match self.extent {
                None => "the recording is over",
                Some(_) => "the stream is over",
            };
            self.close(1001, what);
            return Next::Again;
        }
        Next::Nothing
    }
}
