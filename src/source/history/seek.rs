//! Which numbers of an archive lie within some times, by the list of its files.

use super::{calls::ListedSegment, client::Client, error::HistoryError};
use crate::error::MemberError;

/// The most files that a list may have: a hundred times those of the public archive, and more.
const MAX_FILES: usize = 1_000_000;

/// Numbers around some times: no file outside of them has any.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbers {
    /// The first number that may be of such a time; `None` where the archive has none.
    pub(super) first: Option<u64>,
    /// The last one.
    pub(super) last: u64,
    /// The highest number of the archive.
    pub(super) tip: u64,
}

impl Numbers {
    fn add(&mut self, numbers: (u64, u64), is_within: bool) {
        self.tip = self.tip.max(numbers.1);
        if is_within {
            self.first = Some(self.first.map_or(numbers.0, |first| first.min(numbers.0)));
            self.last = self.last.max(numbers.1);
        }
    }
}

/// Looks for the files with events from one time on and before another. Times do not rise
/// everywhere, so that all files are looked at.
pub(super) async fn seek(
    client: &Client,
    since_us: Option<u64>,
    until_us: Option<u64>,
) -> Result<Numbers, MemberError> {
    let signed = |us: u64| i64::try_from(us).unwrap_or(i64::MAX);
    let since = since_us.map_or(i64::MIN, signed);
    let until = until_us.map_or(i64::MAX, signed);
    let mut numbers = Numbers::default();
    for file in list(client).await? {
        let is_within = file.max_witnessed_at >= since && file.min_witnessed_at < until;
        let is_within = is_within && file.event_count > 0;
        numbers.add((file.min_seq, file.max_seq), is_within);
    }
    Ok(numbers)
}

/// All files of the archive, in the order of their numbers.
pub(super) async fn list(client: &Client) -> Result<Vec<ListedSegment>, MemberError> {
    let mut files = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = client.list(cursor.as_deref()).await?;
        let is_empty = page.segments.is_empty();
        files.extend(page.segments);
        if files.len() > MAX_FILES {
            return Err(HistoryError::Endless(client.url()).into());
        }
        match page.cursor {
            Some(next) if !is_empty && cursor.as_ref() != Some(&next) => cursor = Some(next),
            _ => return Ok(files),
        }
    }
}
