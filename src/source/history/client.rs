//! Requests to an archive, made again until they are answered.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{
    HeaderMap, Method,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue},
};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, warn};

use super::{
    calls::{Asked, ListPage, PlanPage},
    error::HistoryError,
    fetch_error::FetchError,
    meter::Meter,
    pool::Pool,
};
use crate::{
    backoff::Backoff,
    error::MemberError,
    log::{STATE, chain, throttle::Throttle, throttle::more},
    source::ReadError,
    stats::Stats,
    wire::{
        dial::http::{Answer, Call},
        v2::archive,
    },
};

/// The longest plan or list that is read: one of 100,000 entries has some 10 MB.
const MAX_TEXT_BYTES: u64 = 64 * 1024 * 1024;

/// The most of an error's body that is read.
const MAX_ERROR_BYTES: u64 = 4096;

/// How often in a row an answer may make no sense.
const MAX_ODD: u32 = 8;

/// How much longer than it may a call takes where the machine is busy.
const OVERDUE_GRACE: Duration = Duration::from_secs(5);

/// What a plan or a list takes of a quota, before it is known.
const TEXT_ESTIMATE: u64 = 16 * 1024;

/// How an archive is asked.
#[derive(Debug)]
pub(super) struct Client {
    pool: Pool,
    pub(super) meter: Meter,
    max_retries: Option<u32>,
    max_backoff: Duration,
    /// A key was given, so that another one is needed where it is refused.
    has_key: bool,
    /// Who is told that waits are no standstill.
    stats: Arc<Stats>,
    /// How often failures are said.
    pace: Mutex<Throttle>,
}

/// The tries of one request.
#[derive(Debug)]
pub(super) struct Tries {
    what: String,
    backoff: Backoff,
}

impl Client {
    pub(super) fn new(
        pool: Pool,
        meter: Meter,
        max_retries: Option<u32>,
        max_backoff: Duration,
        has_key: bool,
        stats: Arc<Stats>,
    ) -> Self {
        Self {
            pool,
            meter,
            max_retries,
            max_backoff,
            has_key,
            stats,
            pace: Mutex::new(Throttle::new()),
        }
    }

    /// The address of the service.
    pub(super) fn url(&self) -> String {
        self.pool.endpoint().to_string()
    }

    /// Asks what has to be read.
    pub(super) async fn plan(&self, asked: &Asked) -> Result<PlanPage, MemberError> {
        let body = serde_json::to_vec(asked).map_err(MemberError::other)?;
        let json = HeaderValue::from_static("application/json");
        let call = Call {
            method: Method::POST,
            target: archive::PLAN_PATH.to_owned(),
            headers: vec![(CONTENT_TYPE, json)],
            body: body.into(),
        };
        let page: PlanPage = self.text(&call, "get a plan").await?;
        if page.is_possible(asked) {
            Ok(page)
        } else {
            Err(HistoryError::Plan(self.url()).into())
        }
    }

    /// A page of the list of all files: the first, or the one that the page before named.
    pub(super) async fn list(&self, cursor: Option<&str>) -> Result<ListPage, MemberError> {
        let cursor = cursor.map_or(String::new(), |cursor| {
            let encoded = url::form_urlencoded::byte_serialize(cursor.as_bytes());
            format!("&cursor={}", encoded.collect::<String>())
        });
        let call = get(format!("{}?limit=1000{cursor}", archive::LIST_PATH), vec![]);
        self.text(&call, "list the files").await
    }

    async fn text<T: DeserializeOwned>(&self, call: &Call, what: &str) -> Result<T, MemberError> {
        let mut tries = self.tries(format!("{what} of {}", self.url()));
        loop {
            self.take(TEXT_ESTIMATE).await;
            let mut body = Vec::new();
            let answered = self.text_once(call, &mut body).await;
            self.meter.settle(TEXT_ESTIMATE, body.len() as u64);
            match answered {
                Ok(value) => return Ok(value),
                Err(error) => self.failed(&mut tries, error).await?,
            }
        }
    }

    async fn text_once<T: DeserializeOwned>(
        &self,
        call: &Call,
        body: &mut Vec<u8>,
    ) -> Result<T, FetchError> {
        let mut answer = self.send(call).await?;
        if answer.status != 200 {
            return Err(self.refusal(answer).await);
        }
        self.read(&mut answer, MAX_TEXT_BYTES, body).await?;
        self.pool.put_back(answer);
        serde_json::from_slice(body).map_err(|error| FetchError::Unreadable(error.to_string()))
    }

    /// Sends a request once, and learns the limits from its answer.
    pub(super) async fn send(&self, call: &Call) -> Result<Answer, FetchError> {
        let answer = self.pool.send(call).await?;
        self.meter.learn(&answer.headers);
        Ok(answer)
    }

    /// Reads a body to its end, and counts it.
    pub(super) async fn read(
        &self,
        answer: &mut Answer,
        most: u64,
        body: &mut Vec<u8>,
    ) -> Result<(), FetchError> {
        let limit = self.pool.stall_timeout();
        let said = content_length(&answer.headers);
        if said.is_some_and(|said| said > most) {
            return Err(FetchError::TooLarge(most));
        }
        let mut received = 0;
        loop {
            let frame = timeout(limit, answer.body.frame()).await;
            let Some(frame) = frame.map_err(|_| FetchError::Stalled(limit))? else {
                break;
            };
            let frame = frame.map_err(|error| match said {
                Some(said) if error.is_incomplete_message() => FetchError::Cut {
                    missing: said.saturating_sub(received),
                },
                _ => FetchError::Http(error),
            })?;
            if let Some(data) = frame.data_ref() {
                received += data.len() as u64;
                self.meter.count(data.len() as u64);
                if received > most {
                    return Err(FetchError::TooLarge(most));
                }
                body.extend_from_slice(data);
            }
        }
        let missing = said.map_or(0, |said| said.saturating_sub(received));
        if missing > 0 {
            return Err(FetchError::Cut { missing });
        }
        Ok(())
    }

    /// Gives a connection back whose answer was read.
    pub(super) fn put_back(&self, answer: Answer) {
        self.pool.put_back(answer);
    }

    /// What an answer means that is none of those that were hoped for.
    pub(super) async fn refusal(&self, mut answer: Answer) -> FetchError {
        let mut body = Vec::new();
        // What can be had of it; the status says enough.
        let read = self.read(&mut answer, MAX_ERROR_BYTES, &mut body).await;
        let error = FetchError::of_status(answer.status.as_u16(), &answer.headers, &body);
        if error.is_quota() {
            self.meter.refuse(error.asked_wait());
        }
        if read.is_ok() {
            self.pool.put_back(answer);
        }
        error
    }

    /// Waits until so much may be asked for, and takes it.
    pub(super) async fn take(&self, bytes: u64) {
        self.meter.take(bytes, |due| self.wait_until(due)).await;
    }

    /// Tells that nothing comes before this moment, and that this is as it has to be.
    fn wait_until(&self, due: Instant) {
        let answered = due + self.pool.stall_timeout();
        self.stats.set_alive_until(answered + OVERDUE_GRACE);
    }

    /// Begins to count the tries of a request.
    pub(super) fn tries(&self, what: String) -> Tries {
        Tries {
            what,
            backoff: Backoff::new(self.max_backoff),
        }
    }

    /// Waits until the next try is due, or says that there is none.
    pub(super) async fn failed(
        &self,
        tries: &mut Tries,
        error: FetchError,
    ) -> Result<(), MemberError> {
        let what = &tries.what;
        if error.wants_key() && self.pool.withholds_key() {
            return Err(HistoryError::Withheld(self.url()).into());
        }
        let is_senseless = error.is_odd() && tries.backoff.tries() >= MAX_ODD;
        if error.is_final() || is_senseless {
            return Err(HistoryError::refused(self.url(), what, error, self.has_key).into());
        }
        // A quota is no failure, and its wait is known.
        if error.is_quota() {
            let said = self.pace().check();
            if let Some(left_out) = said {
                warn!(target: STATE, "cannot {what}: {error}; waiting as asked{}", more(left_out));
            }
            return Ok(());
        }
        let asked = error.asked_wait().unwrap_or_default();
        let wait = tries.backoff.next_wait().max(asked);
        let n = tries.backoff.tries();
        if self.max_retries.is_some_and(|max| n > max) {
            return Err(ReadError::Unreachable {
                url: self.url(),
                tries: n,
                source: Box::new(error),
            }
            .into());
        }
        let why = chain(&error);
        let said = if n > 1 { self.pace().check() } else { None };
        let shown = humantime::format_duration(Duration::from_millis(
            u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
        ));
        if let Some(left_out) = said {
            warn!(target: STATE, tries = n, why, "cannot {what}: {why}; trying again in {shown}{}", more(left_out));
        } else {
            debug!(tries = n, why, "cannot {what}; trying again in {shown}");
        }
        let due = Instant::now() + wait;
        self.wait_until(due);
        sleep_until(due).await;
        Ok(())
    }

    fn pace(&self) -> std::sync::MutexGuard<'_, Throttle> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tries {
    /// Something came of it, so that failures are counted anew.
    pub(super) fn progressed(&mut self) {
        self.backoff.reset();
    }
}

/// A request without a body.
pub(super) fn get(target: String, headers: Vec<(hyper::header::HeaderName, HeaderValue)>) -> Call {
    Call {
        method: Method::GET,
        target,
        headers,
        body: Bytes::new(),
    }
}

/// How long an answer's body says that it is.
fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        source::jetstream::{Endpoint, JetstreamSettings},
        wire::dial::Connector,
    };

    #[tokio::test(start_paused = true)]
    async fn a_long_wait_is_no_standstill() {
        let JetstreamSettings {
            proxies,
            user_agent,
            ..
        } = JetstreamSettings::default();
        let connector = Connector::new(proxies, user_agent);
        let endpoint = Endpoint::parse("http://127.0.0.1:1").unwrap();
        let limit = Duration::from_secs(10);
        let pool = Pool::new(connector, endpoint, None, limit, limit).unwrap();
        let stats = Arc::new(Stats::unexported());
        let client = Client::new(
            pool,
            Meter::new(None),
            None,
            limit,
            false,
            Arc::clone(&stats),
        );
        client.meter.refuse(Some(Duration::from_secs(600)));
        let mut take = std::pin::pin!(client.take(1));
        for _ in 0..599 {
            assert!(timeout(Duration::from_secs(1), &mut take).await.is_err());
            assert!(stats.is_alive());
        }
        take.await;
    }
}
