//! Reads the head of a request, up to its empty line.
//!
//! Small until it proves otherwise: what is beyond a few kilobytes is counted against what all
//! heads may take together.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::PendingRequest;

/// Every head may take this much: with a browser's cookies, or a filter of a hundred accounts.
const SMALL_BYTES: usize = 8 * 1024;

/// What a head begins in.
const FIRST_BYTES: usize = 1024;

/// What came of reading a head.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// The head, its empty line included, and what came behind it.
    Whole(Vec<u8>, Vec<u8>),
    /// There is more of it than is allowed.
    TooLarge,
    /// It does not begin as a request does.
    Foreign,
    /// The other side left before it was whole.
    Unfinished,
}

/// Reads a head of at most this many bytes.
///
/// Cancel safety: none; what was read is lost.
pub(crate) async fn read_head(
    stream: &mut (impl AsyncRead + Unpin),
    pending: &PendingRequest,
    most: usize,
) -> io::Result<Head> {
    let mut received = Vec::with_capacity(FIRST_BYTES);
    loop {
        let before = received.len();
        if stream.read_buf(&mut received).await? == 0 {
            return Ok(Head::Unfinished);
        }
        if before == 0 {
            // Empty lines may come before a request (RFC 9112, section 2.2).
            let is_blank = |byte: &u8| b"\r\n".contains(byte);
            let n_blank = received.iter().take_while(|byte| is_blank(byte)).count();
            received.drain(..n_blank);
        }
        if received
            .first()
            .is_some_and(|byte| !byte.is_ascii_alphabetic())
        {
            return Ok(Head::Foreign);
        }
        let end = end_of_head(&received, before);
        if end.unwrap_or(received.len()) > most {
            return Ok(Head::TooLarge);
        }
        if let Some(end) = end {
            let rest = received.split_off(end);
            return Ok(Head::Whole(received, rest));
        }
        if received.len() == received.capacity() {
            let room = received
                .len()
                .max(FIRST_BYTES)
                .min(most + 1 - received.len());
            received.reserve_exact(room);
            pending.hold(received.capacity().saturating_sub(SMALL_BYTES));
        }
    }
}

/// Where a head ends, if it does behind `from`: lines may end without a CR (RFC 9112, section 2.2).
fn end_of_head(received: &[u8], from: usize) -> Option<usize> {
    // The end may lie across two reads.
    let from = from.saturating_sub(3);
    let tail = received.get(from..)?;
    memchr::memchr_iter(b'\n', tail).find_map(|at| match tail.get(at + 1..)? {
        [b'\n', ..] => Some(from + at + 2),
        [b'\r', b'\n', ..] => Some(from + at + 3),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;
    use crate::serve::listen::PendingRequests;

    const MOST: usize = 100_000;

    /// What comes of these bytes, and of the end behind them, in pieces of this size.
    async fn read(bytes: &[u8], piece: usize) -> Head {
        let (mut client, mut stream) = duplex(piece);
        let pending = PendingRequests::new("a test", 1, usize::MAX).admit();
        let send = async move {
            // The reader may be done before.
            client.write_all(bytes).await.ok();
        };
        // The stream is closed once it is read.
        let read = async move { read_head(&mut stream, &pending, MOST).await };
        tokio::join!(read, send).0.unwrap()
    }

    #[tokio::test]
    async fn a_head_ends_at_its_empty_line_whatever_the_pieces() {
        let whole = |head: &str, rest: &str| Head::Whole(head.into(), rest.into());
        for (bytes, expected) in [
            (
                "GET / HTTP/1.1\r\nA: b\r\n\r\n",
                whole("GET / HTTP/1.1\r\nA: b\r\n\r\n", ""),
            ),
            ("GET / HTTP/1.0\n\n", whole("GET / HTTP/1.0\n\n", "")),
            ("GET / HTTP/1.0\r\n\n", whole("GET / HTTP/1.0\r\n\n", "")),
            ("\r\n\nGET /\r\n\r\n", whole("GET /\r\n\r\n", "")),
            ("GET / HTTP/1.1\r\nA: b\r\n", Head::Unfinished),
            ("\r\n\r\n", Head::Unfinished),
            ("", Head::Unfinished),
            ("\u{16}\u{3}\u{1}", Head::Foreign),
            ("{}", Head::Foreign),
        ] {
            for piece in [1, 3, 1000] {
                let found = read(bytes.as_bytes(), piece).await;
                assert_eq!(found, expected, "{bytes:?} in pieces of {piece}");
            }
        }
        let behind = read(b"GET /\r\n\r\nmore\r\n\r\n", 1000).await;
        assert_eq!(behind, whole("GET /\r\n\r\n", "more\r\n\r\n"));
    }

    #[tokio::test]
    async fn a_head_has_at_most_as_many_bytes_as_are_allowed() {
        let head = |len: usize| format!("GET /\r\nA: {}\r\n\r\n", "x".repeat(len - 14));
        for piece in [999, 1 << 20] {
            let fits = read(head(MOST).as_bytes(), piece).await;
            assert!(matches!(fits, Head::Whole(head, _) if head.len() == MOST));
            let large = read(head(MOST + 1).as_bytes(), piece).await;
            assert_eq!(large, Head::TooLarge);
        }
    }

    #[tokio::test]
    async fn what_is_beyond_a_small_head_counts_for_all() {
        let pending_requests = PendingRequests::new("a test", 10, 2 * SMALL_BYTES);
        let (small, large) = (pending_requests.admit(), pending_requests.admit());
        for (pending, len, is_turned_out) in [(&small, SMALL_BYTES, false), (&large, 50_000, true)]
        {
            let (mut client, mut stream) = duplex(1024);
            let bytes = [b"GET /".as_slice(), &vec![b'x'; len - 5]].concat();
            let send = async move {
                client.write_all(&bytes).await.ok();
            };
            let head = async move {
                tokio::select! {
                    head = read_head(&mut stream, pending, MOST) => Some(head.unwrap()),
                    () = pending.turned_out() => None,
                }
            };
            let (head, ()) = tokio::join!(head, send);
            assert_eq!(head.is_none(), is_turned_out, "{len}: {head:?}");
        }
    }
}
