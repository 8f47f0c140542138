//! One connection to a receiver of webhooks, and one request of it, from its head to its answer.

use std::{
    net::SocketAddr,
    pin::pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Bytes, Incoming},
    header::{ALLOW, HeaderValue, RETRY_AFTER},
    http::request::Parts,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpStream,
    task::spawn_blocking,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{Shared, judge::Outcome, locked};
use crate::{
    log::{STATE, throttle::more},
    serve::fault::Silence,
    wire::http::Headers,
};

/// The largest body as it is sent, and the largest head.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// How long a connection may lie idle, or take for a head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(120);

/// How long a body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// How long each piece of a body is left lying that is read slowly.
const SLOW_PAUSE: Duration = Duration::from_millis(100);

/// A request gets no answer, and its connection ends.
#[derive(Debug, thiserror::Error)]
#[error("cut on purpose, or at the end")]
struct Cut;

type Answer = Response<Full<Bytes>>;

/// Answers the requests of a connection.
pub(super) async fn attend(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>) {
    stream.set_nodelay(true).ok();
    // Set where the connection is closed behind an answer, without a word.
    let closing = CancellationToken::new();
    let ending = shared.ending.clone();
    let service = service_fn(|request| {
        let (shared, closing) = (Arc::clone(&shared), closing.clone());
        async move { answer(request, shared, closing).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let mut is_ending = false;
    loop {
        tokio::select! {
            // An answer is on its way before its connection is closed.
            biased;
            ended = &mut connection => {
                if let Err(error) = ended {
                    debug!(%peer, %error, "a connection ended");
                }
                return;
            }
            () = closing.cancelled() => return,
            () = ending.cancelled(), if !is_ending => {
                connection.as_mut().graceful_shutdown();
                is_ending = true;
            }
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
    closing: CancellationToken,
) -> Result<Answer, Cut> {
    let (head, body) = request.into_parts();
    if let Some(answer) = shared.answer_head(&head) {
        return Ok(answer);
    }
    let n = shared.n_requests.fetch_add(1, Relaxed) + 1;
    let faults = shared.settings.faults.of_request(n);
    let Ok(place) = shared.bodies.acquire().await else {
        return Err(Cut);
    };
    let read = timeout(BODY_TIMEOUT, read(body, faults.is_slow)).await;
    let sent = match read {
        Ok(Ok(sent)) => sent,
        Ok(Err(Unread::Lost)) => return Err(Cut),
        Ok(Err(Unread::TooLarge)) => {
            let why = format!("a body has at most {MAX_BODY_BYTES} bytes");
            return Ok(text(StatusCode::PAYLOAD_TOO_LARGE, why));
        }
        Err(_elapsed) => {
            let why = "the body did not come in time".to_owned();
            return Ok(text(StatusCode::REQUEST_TIMEOUT, why));
        }
    };
    let judging = Arc::clone(&shared);
    let judged = spawn_blocking(move || judging.judge(&head.headers, &sent, faults));
    let Outcome {
        status,
        text: why,
        retry_after,
    } = judged.await.map_err(|_| Cut)?;
    drop(place);
    let status = match status {
        Ok(status) => status,
        Err(Silence { is_open, .. }) => {
            if is_open {
                shared.ending.cancelled().await;
            }
            return Err(Cut);
        }
    };
    let mut answer = text(status, why);
    if let Some(seconds) = retry_after {
        answer.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    if faults.closes {
        closing.cancel();
    }
    Ok(answer)
}

/// Why there is no body.
enum Unread {
    TooLarge,
    Lost,
}

async fn read(body: Incoming, is_slow: bool) -> Result<Vec<u8>, Unread> {
    let announced = body.size_hint().lower();
    if announced > MAX_BODY_BYTES as u64 {
        return Err(Unread::TooLarge);
    }
    let mut body = Limited::new(body, MAX_BODY_BYTES);
    let room = announced.min(1 << 20);
    let mut sent = Vec::with_capacity(usize::try_from(room).unwrap_or_default());
    loop {
        if is_slow {
            sleep(SLOW_PAUSE).await;
        }
        let Some(frame) = body.frame().await else {
            return Ok(sent);
        };
        match frame {
            Ok(frame) => {
                if let Some(data) = frame.data_ref() {
                    sent.extend_from_slice(data);
                }
            }
            Err(error) if error.is::<LengthLimitError>() => return Err(Unread::TooLarge),
            Err(_) => return Err(Unread::Lost),
        }
    }
}

impl Shared {
    /// What is answered whatever the body is.
    fn answer_head(&self, head: &Parts) -> Option<Answer> {
        let headers = head.headers.iter();
        let headers: Headers<'_> = headers
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        let target = head.uri.to_string();
        let checked = self.gate.check_host(&target, &headers);
        if let Err(refusal) = checked.and_then(|()| self.gate.check_origin(&headers)) {
            if let Some(left_out) = locked(&self.pace).check() {
                let more = more(left_out);
                warn!(target: STATE, setting = refusal.setting(), "refused a request: {refusal}{more}");
            }
            return Some(text(StatusCode::FORBIDDEN, refusal.to_string()));
        }
        match head.method {
            Method::POST | Method::PUT | Method::PATCH => None,
            Method::GET if head.uri.path() == "/healthz" => {
                let received = self.received();
                let (events, accepted) = (received.events, received.accepted);
                let counts = format!("{events} events in {accepted} requests");
                Some(text(StatusCode::OK, counts))
            }
            _ => {
                let why = "events are sent by POST, PUT or PATCH".to_owned();
                let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, why);
                let allowed = HeaderValue::from_static("POST, PUT, PATCH");
                answer.headers_mut().insert(ALLOW, allowed);
                Some(answer)
            }
        }
    }
}

fn text(status: StatusCode, mut text: String) -> Answer {
    if !text.is_empty() {
        text.push('\n');
    }
    let body = Full::new(Bytes::from(text));
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer
}
