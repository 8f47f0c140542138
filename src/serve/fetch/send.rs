//! The answer to a call, written piece by piece, no faster than the client takes it.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::spawn_blocking,
    time::timeout,
};

use super::log_unreadable;
use crate::serve::{
    archive::{ArchiveCalls, Reply},
    shared::Shared,
};

/// How long a client may take for one piece of an answer. Longer than a consumer of events, who
/// would be behind then.
const PIECE_WITHIN: Duration = Duration::from_secs(60);

/// How much of an answer is a piece.
const PIECE_BYTES: usize = 256 * 1024;

/// An answer, as far as it is at hand.
pub(super) struct Fetched {
    pub(super) reply: Reply,
    /// The head, and what follows.
    pub(super) buffer: Vec<u8>,
    pub(super) head_bytes: usize,
    /// After how many bytes of the body it ends too early, by a fault, and whether the connection
    /// stays open then.
    pub(super) end: Option<(u64, bool)>,
}

/// Writes an answer to its end. A file that cannot be read on ends the connection.
pub(super) async fn send<F>(
    stream: &mut TcpStream,
    fetched: Fetched,
    archive: &ArchiveCalls,
    shared: &Shared<F>,
) -> io::Result<()> {
    let Fetched {
        mut reply,
        mut buffer,
        mut head_bytes,
        end,
    } = fetched;
    let mut left = end.map_or(u64::MAX, |(bytes, _)| bytes);
    // What is refused costs nothing.
    let is_counted = matches!(reply.answer.status, 200 | 206);
    loop {
        let (mut body, most) = (buffer.len() - head_bytes, usize::try_from(left));
        body = body.min(most.unwrap_or(usize::MAX));
        buffer.truncate(head_bytes + body);
        for piece in buffer.chunks(PIECE_BYTES) {
            timeout(PIECE_WITHIN, stream.write_all(piece)).await??;
        }
        if is_counted {
            archive.count_sent(body as u64);
        }
        left -= body as u64;
        if let Some((_, is_silent)) = end.filter(|_| left == 0) {
            if is_silent {
                until_gone(stream).await;
            }
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        if reply.is_over() {
            return Ok(());
        }
        head_bytes = 0;
        let read = spawn_blocking(move || {
            buffer.clear();
            reply.more(&mut buffer)?;
            Ok((reply, buffer))
        });
        (reply, buffer) = match read.await {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => {
                log_unreadable(shared, &error);
                return Err(io::Error::other(error));
            }
            Err(ended) => return Err(ended.into()),
        };
    }
}

/// Waits for the client to leave.
async fn until_gone(stream: &mut TcpStream) {
    let mut ignored = [0; 1024];
    while matches!(stream.read(&mut ignored).await, Ok(1..)) {}
}
