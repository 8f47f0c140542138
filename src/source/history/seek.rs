//! Which numbers of an archive lie within some times, by the list of its files.

use super::{calls::ListedSegment, client::Client, error::HistoryError};
use crate::{error::MemberError, event::micros, source::READ_BEYOND};

/// The most files that a list may have: a hundred times those of the public archive, and more.
const MAX_FILES: usize = 1_000_000;

/// The files of an archive, asked for once.
#[derive(Debug, Default)]
pub(super) struct Listing(Option<Vec<ListedSegment>>);

impl Listing {
    /// All files of the archive, in the order of their numbers.
    pub(super) async fn files(&mut self, client: &Client) -> Result<&[ListedSegment], MemberError> {
        let files = match self.0.take() {
            Some(files) => files,
            None => list(client).await?,
        };
        Ok(self.0.insert(files))
    }
}

/// The first number that may be of an event from one time on and before another; `None` where the
/// archive has none. Times do not rise everywhere, so that all files are looked at.
pub(super) fn first_within(
    files: &[ListedSegment],
    since_us: u64,
    until_us: Option<u64>,
) -> Option<u64> {
    let (since, until) = (signed(since_us), until_us.map_or(i64::MAX, signed));
    let within = files.iter().filter(|file| {
        let is_within = file.max_witnessed_at >= since && file.min_witnessed_at < until;
        is_within && file.event_count > 0
    });
    within.map(|file| file.min_seq).min()
}

/// The last number that may be of an event before a time, 0 where there is none; `None` where the
/// archive does not reach so far beyond that time that its socket has no more.
pub(super) fn last_before(files: &[ListedSegment], until_us: u64) -> Option<u64> {
    let until = signed(until_us);
    let over = signed(until_us.saturating_add(micros(READ_BEYOND)));
    let with_events = || files.iter().filter(|file| file.event_count > 0);
    let last = with_events().max_by_key(|file| file.max_seq)?;
    if last.max_witnessed_at < over {
        return None;
    }
    let before = with_events().filter(|file| file.min_witnessed_at < until);
    Some(before.map(|file| file.max_seq).max().unwrap_or(0))
}

fn signed(us: u64) -> i64 {
    i64::try_from(us).unwrap_or(i64::MAX)
}

/// All files of the archive, in the order of their numbers.
async fn list(client: &Client) -> Result<Vec<ListedSegment>, MemberError> {
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
