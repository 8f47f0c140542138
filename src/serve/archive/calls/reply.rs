//! The answer to a call, whose body may lie in a file, and is read piece by piece.

use std::sync::Arc;

use serde::Serialize;

use crate::{
    segment::{SegmentError, SegmentFile},
    serve::answer::{After, Answer},
};

/// How much of a file is read at once.
const PIECE_BYTES: u64 = 128 * 1024;

/// An answer, and what follows of it.
#[derive(Debug)]
pub(in crate::serve) struct Reply {
    pub(in crate::serve) answer: Answer,
    stored: Option<Stored>,
}

/// Bytes of a file that are still to be sent.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) file: Arc<SegmentFile>,
    pub(super) at: u64,
    pub(super) left: u64,
    /// What the file is said to begin with.
    pub(super) head: Option<Vec<u8>>,
}

impl Stored {
    /// Replaces what a piece has of the file's header.
    fn overlay(&self, piece: &mut [u8]) {
        let at = usize::try_from(self.at).unwrap_or(usize::MAX);
        let head = self.head.as_ref().and_then(|head| head.get(at..));
        for (byte, shown) in piece.iter_mut().zip(head.unwrap_or_default()) {
            *byte = *shown;
        }
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self {
            answer,
            stored: None,
        }
    }
}

impl Reply {
    /// What is plain data, as JSON.
    pub(super) fn json(data: &impl Serialize) -> Self {
        let body = serde_json::to_vec(data).unwrap_or_default();
        Answer::new(200, "application/json", body).into()
    }

    /// An answer whose body lies in a file.
    pub(super) fn of_file(answer: Answer, stored: Stored) -> Self {
        Self {
            answer,
            stored: Some(stored),
        }
    }

    /// How long the body is.
    pub(in crate::serve) fn bytes(&self) -> u64 {
        let stored = self.stored.as_ref().map_or(0, |stored| stored.left);
        self.answer.body.len() as u64 + stored
    }

    /// The head, whose length is returned, and of the body what is at hand. Blocks the thread.
    pub(in crate::serve) fn begin(
        &mut self,
        after: After,
        out: &mut Vec<u8>,
    ) -> Result<usize, SegmentError> {
        out.extend_from_slice(self.answer.head(self.bytes(), after).as_bytes());
        let head_bytes = out.len();
        out.extend_from_slice(&self.answer.body);
        self.more(out)?;
        Ok(head_bytes)
    }

    /// Whether there is more of the body.
    pub(in crate::serve) fn is_over(&self) -> bool {
        self.stored.as_ref().is_none_or(|stored| stored.left == 0)
    }

    /// Adds the next piece of the body. Blocks the thread.
    pub(in crate::serve) fn more(&mut self, out: &mut Vec<u8>) -> Result<(), SegmentError> {
        let Some(stored) = &mut self.stored else {
            return Ok(());
        };
        let (from, n) = (out.len(), stored.left.min(PIECE_BYTES));
        let added = stored.file.append(stored.at, n, out);
        added.map_err(|fault| stored.file.error(None, fault))?;
        stored.overlay(out.get_mut(from..).unwrap_or_default());
        stored.at += n;
        stored.left -= n;
        Ok(())
    }
}
