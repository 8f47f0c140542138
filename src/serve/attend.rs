//! One connection, from its first byte: its request is read and answered, and a consumer is served.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{
    Feed, Shared,
    answer::{Answer, respond},
    budget::Share,
    consumer::Consumer,
    disconnect::Disconnect,
    encoding::Wire,
    options::Cursor,
    request::{self, LARGEST_HEAD, Request, Subscribe},
};
use crate::{
    log::{STATE, chain},
    serve::listen::{Head, PendingRequest, Refusal, read_head},
    wire::v2::error::CURSOR_TOO_OLD,
};

/// A connection that has to say what it wants.
pub(super) struct Visit {
    pub(super) peer: SocketAddr,
    /// Gone once the request is answered.
    pub(super) pending: PendingRequest,
    pub(super) places: Arc<Semaphore>,
}

/// What a consumer has of what there is for all of them.
struct Seat {
    share: Share,
    _place: OwnedSemaphorePermit,
}

/// Answers one request, and serves the consumer that it may lead to.
pub(super) async fn attend<F: Feed>(
    mut stream: TcpStream,
    visit: Visit,
    shared: Arc<Shared<F>>,
    stop: CancellationToken,
) {
    let Visit {
        peer,
        pending,
        places,
    } = visit;
    let within = shared.settings.upgrade_within;
    let request = tokio::select! {
        request = timeout(within, read(&mut stream, &pending, &shared)) => request,
        () = pending.turned_out() => return,
        () = stop.cancelled() => return,
    };
    let (request, received) = match request {
        Ok(Some(request)) => request,
        Ok(None) => return,
        Err(_) => {
            debug!(%peer, "a request took too long");
            return;
        }
    };
    let request = refuse_too_old(&shared, request).await;
    match admit(&shared, &places, peer, request) {
        Err(answer) => {
            debug!(%peer, status = answer.status, "a request was answered");
            tokio::select! {
                // The client may be gone, or take too long.
                _ = timeout(within, respond(&mut stream, &answer)) => {}
                () = pending.turned_out() => {}
            }
        }
        Ok((subscribe, seat)) => {
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
    }
}

/// Reads a request. Returns it with the bytes that came behind it; `None` where there will be none.
async fn read<F: Feed>(
    stream: &mut TcpStream,
    pending: &PendingRequest,
    shared: &Arc<Shared<F>>,
) -> Option<(Request, Vec<u8>)> {
    match read_head(stream, pending, LARGEST_HEAD).await.ok()? {
        Head::Unfinished => None,
        Head::TooLarge => Some((Request::too_large(), Vec::new())),
        Head::Foreign => Some((Request::foreign(), Vec::new())),
        Head::Whole(head, rest) => {
            let (rules, n_bytes) = (Arc::clone(shared), head.len());
            let parse = move || request::parse(&head, &rules.rules());
            Some((shared.read(n_bytes, parse).await?, rest))
        }
    }
}

/// Gives a consumer what it needs, or returns what it is answered instead.
fn admit<F>(
    shared: &Shared<F>,
    places: &Arc<Semaphore>,
    peer: SocketAddr,
    request: Request,
) -> Result<(Box<Subscribe>, Seat), Answer> {
    let subscribe = match refuse(shared, request) {
        Request::Subscribe(subscribe) => subscribe,
        Request::Other(answer) => return Err(answer),
        Request::Refused(refusal) => {
            log_refused(shared, peer, &refusal);
            return Err(Answer::from(&refusal));
        }
    };
    let Ok(place) = Arc::clone(places).try_acquire_owned() else {
        let text = "there are too many consumers, try again later";
        return Err(Answer::of_status(subscribe.encoding.wire(), 503, text));
    };
    let mut share = shared.budget.share();
    if !share.hold(subscribe.query.options.held_bytes) {
        let left = shared.over_budget();
        log_disconnect(shared, peer, &left);
        let text = "the filters of all consumers together are too large, try again later";
        return Err(Answer::of_status(subscribe.encoding.wire(), 503, text));
    }
    let seat = Seat {
        share,
        _place: place,
    };
    Ok((subscribe, seat))
}

/// Refuses a request that would make a consumer, as often as that is wanted.
fn refuse<F>(shared: &Shared<F>, request: Request) -> Request {
    match (request, shared.settings.faults.refusals()) {
        (Request::Subscribe(subscribe), Some((status, times)))
            if shared.refused.fetch_add(1, Relaxed) < times =>
        {
            let (wire, text) = (
                subscribe.encoding.wire(),
                "refused on purpose, by the fault refuse",
            );
            Request::Other(Answer::of_status(wire, status, text))
        }
        (request, _) => request,
    }
}

/// Refuses a number before the first one there is, as the v2 wire does; on the v1 wire such a
/// consumer begins at the first event.
async fn refuse_too_old<F: Feed>(shared: &Shared<F>, request: Request) -> Request {
    let Request::Subscribe(subscribe) = &request else {
        return request;
    };
    let (Wire::V2, Cursor::Seq(seq)) = (subscribe.encoding.wire(), subscribe.query.cursor) else {
        return request;
    };
    let text = if shared.settings.faults.too_old() {
        format!("the cursor {seq} is too old, by the fault too-old")
    } else {
        let first = shared.first_seq().await;
        // There is no event 0.
        if seq.max(1) >= first {
            return request;
        }
        format!("the cursor {seq} is too old: the first event there is has {first}")
    };
    Request::Other(Answer::error(400, CURSOR_TOO_OLD, &text))
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
