//! What becomes of a request that was read: whether it is accepted, and what it is answered.

use std::sync::atomic::Ordering::Relaxed;

use hyper::{HeaderMap, StatusCode, header::HeaderValue};
use tracing::warn;

use super::{
    Shared,
    body::{Body, Refusal},
    locked,
};
use crate::{
    event::now_us,
    log::{STATE, throttle::more},
    serve::fault::{RequestFaults, Silence},
};

/// What a request is answered.
#[derive(Debug)]
pub(super) struct Outcome {
    /// None where it gets no answer.
    pub(super) status: Result<StatusCode, Silence>,
    pub(super) text: String,
    /// How many seconds it is asked to wait.
    pub(super) retry_after: Option<u64>,
}

impl From<Refusal> for Outcome {
    fn from((status, text): Refusal) -> Self {
        Self {
            status: Ok(status),
            text,
            retry_after: None,
        }
    }
}

impl Shared {
    /// Takes what was sent, or says why not. Blocks the thread.
    pub(super) fn judge(&self, headers: &HeaderMap, sent: &[u8], faults: RequestFaults) -> Outcome {
        if let Err(refusal) = self.check_sender(headers, sent) {
            return refusal.into();
        }
        if let Some(status) = faults.status {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            let text = "refused on purpose, by a fault".to_owned();
            return Outcome {
                retry_after: faults.retry_after,
                ..(status, text).into()
            };
        }
        let taken = match faults.silence {
            Some(silence) if !silence.is_taken => Ok(()),
            _ => self.take(headers, sent),
        };
        match (taken, faults.silence) {
            (Err(refusal), _) => refusal.into(),
            (Ok(()), Some(silence)) => Outcome {
                status: Err(silence),
                text: String::new(),
                retry_after: None,
            },
            (Ok(()), None) => (StatusCode::NO_CONTENT, String::new()).into(),
        }
    }

    /// Whether it is from who has the key and a secret.
    fn check_sender(&self, headers: &HeaderMap, sent: &[u8]) -> Result<(), Refusal> {
        let refused = |why: String| Err((StatusCode::UNAUTHORIZED, why));
        if self.key.as_ref().is_some_and(|key| !key.admits(headers)) {
            self.n_unauthorized.fetch_add(1, Relaxed);
            return refused("it does not carry the key, or one that has expired".to_owned());
        }
        let seconds = now_us() / 1_000_000;
        let secrets = self.settings.secrets.as_ref();
        let verified = secrets.map(|secrets| secrets.verify(headers, seconds, sent));
        if let Some(Err(why)) = verified {
            self.n_unsigned.fetch_add(1, Relaxed);
            if let Some(left_out) = locked(&self.pace).check() {
                let more = more(left_out);
                warn!(target: STATE, "refused a request that is not signed as it has to be: {why}{more}");
            }
            return refused(why.to_string());
        }
        Ok(())
    }

    fn take(&self, headers: &HeaderMap, sent: &[u8]) -> Result<(), Refusal> {
        let body = Body::read(headers, sent)?;
        let faults = &self.settings.faults;
        if body.events.events().any(|event| faults.refuses(&event)) {
            let text = "refused on purpose, by the fault sink-refuse".to_owned();
            return Err((StatusCode::UNPROCESSABLE_ENTITY, text));
        }
        let id = headers.get("webhook-id").map(HeaderValue::as_bytes);
        let taken = locked(&self.book).take(id, &body);
        taken.map_err(|error| {
            locked(&self.failed).get_or_insert(error);
            self.ending.cancel();
            let text = "what is accepted cannot be printed".to_owned();
            (StatusCode::SERVICE_UNAVAILABLE, text)
        })
    }
}
