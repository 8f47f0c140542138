//! A call of the archive on its connection: who may ask, its body, its answer, and what follows.

mod send;

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::spawn_blocking,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use self::send::{Fetched, send};
use super::{
    answer::{After, Answer, respond},
    archive::{ArchiveCalls, BodyLength, Call, Reply},
    shared::Shared,
    visit::Visit,
};
use crate::{
    log::{STATE, chain},
    segment::SegmentError,
    serve::listen::PendingRequest,
    wire::v2::{archive::MAX_BODY_BYTES, error},
};

/// How long a connection may lie idle between two requests.
const IDLE: Duration = Duration::from_secs(120);

/// What follows on the connection.
pub(super) enum Next {
    /// A request, which may have begun with these bytes.
    Request(Visit, Vec<u8>),
    Nothing,
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
    let Some(archive) = shared.settings.archive.clone() else {
        return Next::Nothing;
    };
    if let Some(refused) = refuse(shared, &archive, &call, &visit) {
        timeout(within, respond(stream, &refused)).await.ok();
        return Next::Nothing;
    }
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
        places,
    } = visit;
    let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
        let text = "there are too many consumers, try again later";
        let refused = Answer::error(503, error::SERVICE_UNAVAILABLE, text);
        timeout(within, respond(stream, &refused)).await.ok();
        return Next::Nothing;
    };
    let room = Arc::clone(pending.room());
    drop(pending);
    let after = if call.is_kept {
        After::Keep
    } else {
        After::Close
    };
    let is_sent = match fetch(shared, &archive, call, body, after).await {
        Some(fetched) => {
            debug!(%peer, status = fetched.reply.answer.status, "an archive call is answered");
            send(stream, fetched, &archive, shared).await.is_ok()
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
        pending: room.admit(),
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

/// What a call is answered before its body is read.
fn refuse<F>(
    shared: &Shared<F>,
    archive: &ArchiveCalls,
    call: &Call,
    visit: &Visit,
) -> Option<Answer> {
    if call.has_authorization() && shared.settings.faults.refuses_authorization() {
        let n = archive.count_authorized();
        warn!(target: STATE, peer = %visit.peer, "a call from {} carried an Authorization, which is refused by a fault: {n} so far", visit.peer);
        let text = "refused on purpose, by the fault archive-refuse-authorization";
        return Some(Answer::error(400, error::INVALID_REQUEST, text));
    }
    archive.refuse(call)
}

/// The answer to a call, and the beginning of it; `None` where the program ends.
async fn fetch<F>(
    shared: &Shared<F>,
    archive: &ArchiveCalls,
    call: Call,
    body: Vec<u8>,
    after: After,
) -> Option<Fetched> {
    let faults = shared.settings.faults.of_call(archive.count_call());
    let fault = faults.end.filter(|_| faults.status.is_none());
    let _turn = archive.turn(&call).await;
    let gone = CancellationToken::new();
    let _gone = gone.clone().drop_guard();
    let archive = archive.clone();
    let fetched = spawn_blocking(move || {
        let mut reply = archive.answer(call, &body, &faults, &gone)?;
        let (mut buffer, bytes) = (Vec::new(), reply.bytes());
        let head_bytes = reply.begin(after, &mut buffer)?;
        Ok(Fetched {
            reply,
            buffer,
            head_bytes,
            end: fault.map(|end| (end.of(bytes), end.is_silent)),
        })
    });
    match fetched.await.ok()? {
        Ok(fetched) => Some(fetched),
        Err(error) => {
            log_unreadable(shared, &error);
            let text = "a segment file cannot be read";
            let mut reply = Reply::from(Answer::error(500, error::INTERNAL_SERVER_ERROR, text));
            let mut buffer = Vec::new();
            // Nothing of it lies in a file.
            let head_bytes = reply.begin(after, &mut buffer).ok()?;
            Some(Fetched {
                reply,
                buffer,
                head_bytes,
                end: None,
            })
        }
    }
}

fn log_unreadable<F>(shared: &Shared<F>, error: &SegmentError) {
    if let Some(more) = shared.may_log() {
        warn!(target: STATE, "cannot answer an archive call: {}{more}", chain(error));
    }
}
