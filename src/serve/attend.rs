//! One connection, from its first byte: its request is read and answered, and a consumer is served.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

#[cfg(feature = "segments")]
use super::fetch::{self, Next};
use super::{
    Feed, Shared,
    answer::{Answer, respond},
    budget::Share,
    consumer::Consumer,
    disconnect::Disconnect,
    encoding::Wire,
    options::Cursor,
    request::{self, LARGEST_HEAD, Request, Subscribe},
    visit::Visit,
};
use crate::{
    log::{STATE, chain},
    serve::listen::{Head, PendingRequest, Refusal, read_head},
    wire::v2::error::CURSOR_TOO_OLD,
};

/// What a consumer has of what there is for all of them.
struct Seat {
    share: Share,
    _place: OwnedSemaphorePermit,
}

/// Answers one request, and serves the consumer that it may lead to. Behind a call of the archive
/// another request may follow.
#[cfg_attr(
    not(feature = "segments"),
    allow(
        clippy::never_loop,
        unused_mut,
        reason = "without archive calls nothing follows"
    )
)]
pub(super) async fn attend<F: Feed>(
    mut stream: TcpStream,
    mut visit: Visit,
    shared: Arc<Shared<F>>,
    stop: CancellationToken,
) {
    let mut received = Vec::new();
    loop {
        let within = shared.settings.upgrade_within;
        let read = read(&mut stream, received, &visit.pending, &shared);
        let request = tokio::select! {
            request = timeout(within, read) => request,
            () = visit.pending.turned_out() => return,
            () = stop.cancelled() => return,
        };
        let peer = visit.peer;
        let (request, rest) = match request {
            Ok(Some(request)) => request,
            Ok(None) => return,
            Err(_) => {
                debug!(%peer, "a request took too long");
                return;
            }
        };
        let answer = match request {
            Request::Subscribe(subscribe) => {
                match admit(&shared, &visit.places, peer, &subscribe).await {
                    Ok(seat) => {
                        return consume(stream, visit, shared, (subscribe, rest, seat), stop).await;
                    }
                    Err(answer) => answer,
                }
            }
            Request::Other(answer) => answer,
            Request::Refused(refusal) => {
                log_refused(&shared, peer, &refusal);
                Answer::from(&refusal)
            }
            #[cfg(feature = "segments")]
            Request::Call(call) => {
                let answered = fetch::answer(&mut stream, *call, rest, visit, &shared);
                let next = tokio::select! {
                    next = answered => next,
                    () = stop.cancelled() => return,
                };
                let Next::Request(next, rest) = next else {
                    return;
                };
                (visit, received) = (next, rest);
                continue;
            }
        };
        debug!(%peer, status = answer.status, "a request was answered");
        tokio::select! {
            // The client may be gone, or take too long.
            _ = timeout(within, respond(&mut stream, &answer)) => {}
            () = visit.pending.turned_out() => {}
        }
        return;
    }
}

/// Serves a consumer to its end.
async fn consume<F: Feed>(
    mut stream: TcpStream,
    visit: Visit,
    shared: Arc<Shared<F>>,
    (subscribe, received, seat): (Box<Subscribe>, Vec<u8>, Seat),
    stop: CancellationToken,
) {
    let Visit { peer, pending, .. } = visit;
    let switching = request::switching(&subscribe);
    let write = stream.write_all(switching.as_bytes());
    let Ok(Ok(())) = timeout(shared.settings.write_within, write).await else {
        return;
    };
    drop(pending);
    shared.consumers.fetch_add(1, Relaxed);
    info!(%peer, "client connected");
    let Seat { share, _place } = seat;
    let left = Consumer::new(Arc::clone(&shared), *subscribe, received, share, stop)
        .run(&mut stream)
        .await;
    log_disconnect(&shared, peer, &left);
}

/// Reads a request, of which a part may have been received before. Returns it with the bytes that
/// came behind it; `None` where there will be none.
async fn read<F: Feed>(
    stream: &mut TcpStream,
    received: Vec<u8>,
    pending: &PendingRequest,
    shared: &Arc<Shared<F>>,
) -> Option<(Request, Vec<u8>)> {
    let mut all = received.as_slice().chain(stream);
    let head = read_head(&mut all, pending, LARGEST_HEAD).await.ok()?;
    let (unread, _) = all.into_inner();
    match head {
        Head::Unfinished => None,
        Head::TooLarge => Some((Request::too_large(), Vec::new())),
        Head::Foreign => Some((Request::foreign(), Vec::new())),
        Head::Whole(head, mut rest) => {
            rest.extend_from_slice(unread);
            let (rules, n_bytes) = (Arc::clone(shared), head.len());
            let parse = move || request::parse(&head, &rules.rules());
            Some((shared.read(n_bytes, parse).await?, rest))
        }
    }
}

/// Gives a consumer what it needs, or returns what it is answered instead.
async fn admit<F: Feed>(
    shared: &Shared<F>,
    places: &Arc<Semaphore>,
    peer: SocketAddr,
    subscribe: &Subscribe,
) -> Result<Seat, Answer> {
    let wire = subscribe.encoding.wire();
    refuse_too_old(shared, subscribe).await?;
    refuse(shared, wire)?;
    let Ok(place) = Arc::clone(places).try_acquire_owned() else {
        let text = "there are too many consumers, try again later";
        return Err(Answer::of_status(wire, 503, text));
    };
    let mut share = shared.budget.share();
    if !share.hold(subscribe.query.options.held_bytes) {
        let left = shared.over_budget();
        log_disconnect(shared, peer, &left);
        let text = "the filters of all consumers together are too large, try again later";
        return Err(Answer::of_status(wire, 503, text));
    }
    Ok(Seat {
        share,
        _place: place,
    })
}

/// Refuses a request that would make a consumer, as often as that is wanted.
fn refuse<F>(shared: &Shared<F>, wire: Wire) -> Result<(), Answer> {
    match shared.settings.faults.refusals() {
        Some((status, times)) if shared.refused.fetch_add(1, Relaxed) < times => {
            let text = "refused on purpose, by the fault refuse";
            Err(Answer::of_status(wire, status, text))
        }
        _ => Ok(()),
    }
}

/// Refuses a number before the first one there is, as the v2 wire does; on the v1 wire such a
/// consumer begins at the first event.
async fn refuse_too_old<F: Feed>(shared: &Shared<F>, subscribe: &Subscribe) -> Result<(), Answer> {
    let (Wire::V2, Cursor::Seq(seq)) = (subscribe.encoding.wire(), subscribe.query.cursor) else {
        return Ok(());
    };
    let text = if shared.settings.faults.too_old() {
        format!("the cursor {seq} is too old, by the fault too-old")
    } else {
        let first = shared.first_seq().await;
        // There is no event 0.
        if seq.max(1) >= first {
            return Ok(());
        }
        format!("the cursor {seq} is too old: the first event there is has {first}")
    };
    Err(Answer::error(400, CURSOR_TOO_OLD, &text))
}

/// A browser shows its page no answer, so that its author learns it here.
fn log_refused<F>(shared: &Shared<F>, peer: SocketAddr, refusal: &Refusal) {
    if let Some(more) = shared.may_log() {
        warn!(target: STATE, %peer, setting = refusal.setting(), "refused a request of {peer}: {refusal}{more}");
    }
}

fn log_disconnect<F>(shared: &Shared<F>, peer: SocketAddr, left: &Disconnect) {
    match left {
        Disconnect::Slow(_)
        | Disconnect::Behind(_)
        | Disconnect::Forgotten(_)
        | Disconnect::Silent(_)
        | Disconnect::Unfinished(_)
        | Disconnect::OverBudget(_) => {
            if let Some(more) = shared.may_log() {
                warn!(target: STATE, %peer, "cut off the client at {peer}: {left}{more}");
            }
        }
        Disconnect::Feed(error) => warn!(target: STATE, %peer, "{}", chain(error)),
        Disconnect::Gone | Disconnect::Broken(_) | Disconnect::Closed(_) | Disconnect::Cut => {
            info!(%peer, "client disconnected: {left}");
        }
    }
}
