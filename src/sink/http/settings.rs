//! How events are sent, and what follows when they are not accepted.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use super::{BodyTemplate, ClickHouseRows, HttpAddress, HttpHeaders, SigningSecrets};
use crate::{
    sink::{LineFormat, OnFailure},
    wire::dial::{proxy::Proxies, user_agent},
};

/// How a request is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpMethod {
    /// `POST`.
    #[default]
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
}

/// What the body of a request is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyForm {
    /// Each event in this form, one after the other: by default its line (NDJSON).
    Lines(LineFormat),
    /// A JSON array of events.
    Array,
    /// A text of one's own around them.
    Template(BodyTemplate),
}

impl Default for BodyForm {
    fn default() -> Self {
        Self::Lines(LineFormat::default())
    }
}

/// How bodies are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyCompression {
    /// `Content-Encoding: gzip`.
    #[cfg(feature = "gzip")]
    Gzip,
    /// `Content-Encoding: zstd`.
    #[cfg(feature = "zstd")]
    Zstd,
}

/// When events are sent: as soon as one of these is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpBatch {
    /// So many events wait; with 1 each has a request of its own.
    pub events: NonZeroUsize,
    /// So many bytes of them wait; a single event may be larger.
    pub bytes: NonZeroUsize,
    /// The first of them has waited so long.
    pub wait: Duration,
}

impl HttpBatch {
    /// As a table wants it: few inserts, and large ones.
    fn of_rows() -> Self {
        Self {
            events: NonZeroUsize::new(10_000).expect("it is not zero"),
            bytes: NonZeroUsize::new(8 * 1024 * 1024).expect("it is not zero"),
            wait: Duration::from_secs(1),
        }
    }
}

impl Default for HttpBatch {
    fn default() -> Self {
        Self {
            events: NonZeroUsize::new(500).expect("it is not zero"),
            bytes: NonZeroUsize::new(1024 * 1024).expect("it is not zero"),
            wait: Duration::from_millis(200),
        }
    }
}

/// What follows when the endpoint accepts nothing, whatever it is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnRefusal {
    /// It is tried again after growing waits, and nothing is lost.
    #[default]
    Wait,
    /// The run ends with [`ErrorKind::Refused`](crate::ErrorKind::Refused).
    Stop,
}

/// How events are sent, and what follows when they are not accepted.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Where to.
    pub address: HttpAddress,
    /// How a request is made.
    pub method: HttpMethod,
    /// Headers that go with each request.
    pub headers: HttpHeaders,
    /// A file with more of them, which is read again when the endpoint refuses: a token that is
    /// replaced there is taken up.
    pub header_file: Option<PathBuf>,
    /// What requests are signed with, as Standard Webhooks has it.
    pub signing: Option<SigningSecrets>,
    /// A file with that in place of it, which is read again when the endpoint refuses.
    pub signing_file: Option<PathBuf>,
    /// What the body of a request is made of.
    pub form: BodyForm,
    /// What it is made of in place of that where the address is a table of ClickHouse.
    pub rows: ClickHouseRows,
    /// How it is compressed.
    pub compression: Option<BodyCompression>,
    /// When events are sent.
    pub batch: HttpBatch,
    /// How many requests are under way at the same time. Those of one account follow each other.
    pub jobs: NonZeroUsize,
    /// How long a request may take, its answer included.
    pub timeout: Duration,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How often events are tried again that fail while others are accepted.
    pub retries: u32,
    /// What becomes of an event that is refused for its content, or failed as often as it may.
    pub on_error: OnFailure,
    /// What follows when the endpoint refuses whatever it is sent.
    pub on_refusal: OnRefusal,
    /// How many bytes of events may be unanswered before no more are taken.
    pub max_unanswered: usize,
    /// The proxies of the way there.
    pub proxies: Proxies,
    /// How the endpoint learns who sends.
    pub user_agent: String,
}

impl HttpSettings {
    /// The usual settings for this address.
    pub fn new(address: HttpAddress) -> Self {
        let (batch, jobs) = if address.is_clickhouse() {
            (HttpBatch::of_rows(), 2)
        } else {
            (HttpBatch::default(), 4)
        };
        let jobs = NonZeroUsize::new(jobs).expect("it is not zero");
        Self {
            address,
            method: HttpMethod::default(),
            headers: HttpHeaders::default(),
            header_file: None,
            signing: None,
            signing_file: None,
            form: BodyForm::default(),
            rows: ClickHouseRows::default(),
            compression: None,
            batch,
            jobs,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            retries: 5,
            on_error: OnFailure::Stop,
            on_refusal: OnRefusal::default(),
            max_unanswered: 16 * 1024 * 1024,
            proxies: Proxies::default(),
            user_agent: user_agent::DEFAULT.to_owned(),
        }
    }
}
