//! Which numbers of an archive lie within some times, by the list of its files.

use super::{calls::ListedSegment, client::Client, error::HistoryError};
use crate::error::MemberError;

/// The most files that a list may have: a hundred times those of the public archive, and more.
const MAX_FILES: usize = 1_000_000;

/// The first number that may be of an event from one time on and before another; `None` where the
/// archive has none. Times do not rise everywhere, so that all files are looked at.
pub(super) async fn seek(
    client: &Client,
    since_us: u64,
    until_us: Option<u64>,
) -> Result<Option<u64>, MemberError> {
    let signed = |us: u64| i64::try_from(us).unwrap_or(i64::MAX);
    let (since, until) = (signed(since_us), until_us.map_or(i64::MAX, signed));
    let files = list(client).await?;
    let within = files.iter().filter(|file| {
        let is_within = file.max_witnessed_at >= since && file.min_witnessed_at < until;
        is_within && file.event_count > 0
    });
    Ok(within.map(|file| file.min_seq).min())
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
