//! A call of the archive on its connection: its body is read, and its answer is written piece by
//! piece, no faster than the client takes it.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::spawn_blocking,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{
    answer::{After, Answer, respond},
    archive::{BodyLength, Call, Reply},
    shared::Shared,
    visit::Visit,
};
use crate::{
    log::{STATE, chain},
    segment::SegmentError,
    serve::listen::PendingRequest,
    wire::v2::{archive::MAX_BODY_BYTES, error},
};

/// How long a client may take for one piece of an answer. Longer than a consumer of events, who
/// would be behind then.
const PIECE_WITHIN: Duration = Duration::from_secs(60);

/// How much of an answer is a piece.
const PIECE_BYTES: usize = 256 * 1024;

/// How long a connection may lie idle between two requests.
const IDLE: Duration = Duration::from_secs(120);

/// What follows on the connection.
pub(super) enum Next {
    /// A request, which may have begun with these bytes.
    Request(Visit, Vec<u8>),
    Nothing,
}

/// An answer, as far as it is at hand.
struct Fetched {
    reply: Reply,
    buffer: Vec<u8>,
}

/// Answers a call, and waits for what follows.
///
/// Cancel safety: none; the connection ends.
pub(super) async fn answer<F>(
    stream: &mut TcpStream,
    call: Call,
    received: Vec<u8>,
    visit: Visit,
    shared: &Shared<F>,
) -> Next {
    let within = shared.settings.upgrade_within;
    let read = tokio::select! {
        read = timeout(within, body(stream, call.body, received, &visit.pending)) => read,
        () = visit.pending.turned_out() => return Next::Nothing,
    };
    let (body, rest) = match read {
        Ok(Ok(Ok(read))) => read,
        Ok(Ok(Err(refused))) => {
            // The client may be gone, or take too long.
            timeout(within, respond(stream, &refused)).await.ok();
            return Next::Nothing;
        }
        Ok(Err(_)) | Err(_) => return Next::Nothing,
    };
    let Visit {
        peer,
        pending,
        pending_requests,
        places,
    } = visit;
    let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
        let text = "there are too many consumers, try again later";
        let refused = Answer::error(503, error::SERVICE_UNAVAILABLE, text);
        timeout(within, respond(stream, &refused)).await.ok();
        return Next::Nothing;
    };
    drop(pending);
    let after = if call.is_kept {
        After::Keep
    } else {
        After::Close
    };
    let is_sent = match fetch(shared, call, body, after).await {
        Some(fetched) => {
            debug!(%peer, status = fetched.reply.answer.status, "an archive call is answered");
            send(stream, fetched, shared).await.is_ok()
        }
        None => false,
    };
    drop(place);
    if !is_sent || after == After::Close {
        stream.shutdown().await.ok();
        return Next::Nothing;
    }
    let visit = Visit {
        peer,
        pending: pending_requests.admit(),
        pending_requests,
        places,
    };
    if rest.is_empty() {
        let is_there = tokio::select! {
            ready = timeout(IDLE, stream.readable()) => matches!(ready, Ok(Ok(()))),
            () = visit.pending.turned_out() => false,
        };
        if !is_there {
            return Next::Nothing;
        }
    }
    Next::Request(visit, rest)
}

/// Reads the body of a request, and returns what came behind it too; or what the request is
/// answered instead.
async fn body(
    stream: &mut TcpStream,
    length: BodyLength,
    mut received: Vec<u8>,
    pending: &PendingRequest,
) -> io::Result<Result<(Vec<u8>, Vec<u8>), Answer>> {
    let BodyLength::Bytes { n, is_announced } = length else {
        let text = "say once how long the body is, with Content-Length";
        return Ok(Err(Answer::error(411, error::INVALID_REQUEST, text)));
    };
    if n > MAX_BODY_BYTES {
        let text = format!("the body has more than {MAX_BODY_BYTES} bytes");
        return Ok(Err(Answer::error(413, error::TOO_LARGE, &text)));
    }
    if is_announced && received.len() < n {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    while received.len() < n {
        received.reserve(received.len().clamp(1024, MAX_BODY_BYTES));
        pending.hold(received.capacity());
        if stream.read_buf(&mut received).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let rest = received.split_off(n);
    Ok(Ok((received, rest)))
}

/// The answer to a call, and the beginning of it; `None` where the program ends.
async fn fetch<F>(shared: &Shared<F>, call: Call, body: Vec<u8>, after: After) -> Option<Fetched> {
    let archive = shared.settings.archive.clone()?;
    let _turn = archive.turn(&call).await;
    let gone = CancellationToken::new();
    let _gone = gone.clone().drop_guard();
    let fetched = spawn_blocking(move || {
        let mut buffer = Vec::new();
        let reply = archive.answer(&call, &body, &gone).and_then(|mut reply| {
            reply.begin(after, &mut buffer)?;
            Ok(reply)
        });
        reply.map(|reply| Fetched { reply, buffer })
    });
    match fetched.await.ok()? {
        Ok(fetched) => Some(fetched),
        Err(error) => {
            log_unreadable(shared, &error);
            let text = "a segment file cannot be read";
            let mut reply = Reply::from(Answer::error(500, error::INTERNAL_SERVER_ERROR, text));
            let mut buffer = Vec::new();
            // Nothing of it lies in a file.
            reply.begin(after, &mut buffer).ok()?;
            Some(Fetched { reply, buffer })
        }
    }
}

/// Writes an answer to its end. A file that cannot be read on ends the connection.
async fn send<F>(stream: &mut TcpStream, fetched: Fetched, shared: &Shared<F>) -> io::Result<()> {
    let Fetched {
        mut reply,
        mut buffer,
    } = fetched;
    loop {
        for piece in buffer.chunks(PIECE_BYTES) {
            timeout(PIECE_WITHIN, stream.write_all(piece)).await??;
        }
        if reply.is_over() {
            return Ok(());
        }
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

fn log_unreadable<F>(shared: &Shared<F>, error: &SegmentError) {
    if let Some(more) = shared.may_log() {
        warn!(target: STATE, "cannot answer an archive call: {}{more}", chain(error));
    }
}
