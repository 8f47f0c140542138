//! One request to the endpoint, and what became of it.

use std::{
    fs,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use http_body_util::BodyExt;
use hyper::{
    Method,
    body::Incoming,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue},
};
use tokio::{task::spawn_blocking, time::timeout};
use tracing::warn;

use super::{
    HttpHeaders, HttpMethod, HttpSettings, error::HttpError, parcel::Item, verdict::Verdict,
};
use crate::{
    error::MemberError,
    log::{STATE, chain},
    wire::dial::{
        Connector,
        http::{Call, CallError, Connections},
    },
};

/// How much of an answer is read, so that its connection can be used again.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// How much of it is kept, to be shown.
const MAX_KEPT_BYTES: usize = 2048;

/// The largest file that may hold headers.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Sends requests to the endpoint.
#[derive(Debug)]
pub(super) struct Client {
    settings: HttpSettings,
    connections: Connections,
    of_file: Mutex<HttpHeaders>,
}

impl Client {
    /// Reads the file with headers, and wants secrets to be private on their way.
    pub(super) fn new(settings: HttpSettings) -> Result<Self, MemberError> {
        let mut connector = Connector::new(settings.proxies.clone(), settings.user_agent.clone());
        let address = settings.address.address();
        connector.prepare(address, address)?;
        let jobs = settings.jobs.get();
        let of_file = match &settings.header_file {
            Some(path) => read(path)?,
            None => HttpHeaders::default(),
        };
        let mut all = settings.headers.clone();
        all.extend(of_file.clone());
        if let Some(header) = all.secret().filter(|_| !settings.address.is_private()) {
            return Err(HttpError::Overheard {
                address: settings.address.to_string(),
                header: header.to_owned(),
            }
            .into());
        }
        Ok(Self {
            connections: Connections::new(connector, settings.connect_timeout, jobs),
            settings,
            of_file: Mutex::new(of_file),
        })
    }

    /// Reads the file with headers again: what was refused may have been replaced there.
    pub(super) async fn reload(&self) {
        let Some(path) = self.settings.header_file.clone() else {
            return;
        };
        let is_private = self.settings.address.is_private();
        match spawn_blocking(move || read(&path)).await {
            Ok(Ok(headers)) if is_private || headers.secret().is_none() => {
                *self.of_file() = headers;
            }
            Ok(Ok(_)) | Err(_) => {}
            Ok(Err(error)) => {
                let why = chain(&error);
                warn!(target: STATE, why, "{why}; those that were read before are sent");
            }
        }
    }

    fn of_file(&self) -> MutexGuard<'_, HttpHeaders> {
        self.of_file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends these events.
    ///
    /// Cancel safety: dropped, they may have been accepted or not.
    pub(super) async fn deliver(&self, items: &[Item]) -> Verdict {
        let limit = self.settings.timeout;
        let delivered = timeout(limit, self.send(items)).await;
        match delivered {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(error)) => Verdict::of_error(&error),
            Err(_elapsed) => Verdict::of_timeout(limit),
        }
    }

    async fn send(&self, items: &[Item]) -> Result<Verdict, CallError> {
        let settings = &self.settings;
        let mut body = settings.form.body_of(items);
        let mut headers = self.headers();
        if let Some(compression) = settings.compression {
            let compressed = spawn_blocking(move || compression.compress(&body)).await;
            let failed = |error: &dyn std::fmt::Display| CallError::Setup(error.to_string());
            let compressed = compressed.map_err(|error| failed(&error))?;
            body = compressed.map_err(|error| failed(&error))?;
            let name = HeaderValue::from_static(compression.name());
            headers.push((CONTENT_ENCODING, name));
        }
        let call = Call {
            method: match settings.method {
                HttpMethod::Post => Method::POST,
                HttpMethod::Put => Method::PUT,
                HttpMethod::Patch => Method::PATCH,
            },
            target: settings.address.target(),
            headers,
            body: body.into(),
        };
        let address = settings.address.address();
        let mut answer = self
            .connections
            .send(address, &call, settings.timeout)
            .await?;
        let (said, is_whole) = read_answer(&mut answer.body).await;
        let verdict = Verdict::of_answer(answer.status.as_u16(), &answer.headers, &said);
        if is_whole {
            self.connections.put_back(answer);
        }
        Ok(verdict)
    }

    fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        let settings = &self.settings;
        let of_file = self.of_file();
        let mut headers = Vec::new();
        if !settings.headers.has_content_type() && !of_file.has_content_type() {
            let form = HeaderValue::from_static(settings.form.content_type());
            headers.push((CONTENT_TYPE, form));
        }
        headers.extend(settings.headers.iter().chain(of_file.iter()).cloned());
        headers
    }
}

/// The beginning of an answer's body, and whether all of it was read.
async fn read_answer(body: &mut Incoming) -> (Vec<u8>, bool) {
    let (mut kept, mut n_read) = (Vec::new(), 0);
    loop {
        match body.frame().await {
            None => return (kept, true),
            // The status says enough.
            Some(Err(_)) => return (kept, false),
            Some(Ok(frame)) => {
                let Some(data) = frame.data_ref() else {
                    continue;
                };
                n_read += data.len();
                let room = MAX_KEPT_BYTES.saturating_sub(kept.len()).min(data.len());
                kept.extend_from_slice(data.get(..room).unwrap_or_default());
            }
        }
        if n_read > MAX_ANSWER_BYTES {
            return (kept, false);
        }
    }
}

fn read(path: &Path) -> Result<HttpHeaders, HttpError> {
    let failed = |source| HttpError::File {
        path: path.to_owned(),
        source,
    };
    if fs::metadata(path).map_err(failed)?.len() > MAX_FILE_BYTES {
        let error = std::io::Error::other("it is too large to be one of headers");
        return Err(failed(error));
    }
    let text = fs::read_to_string(path).map_err(failed)?;
    HttpHeaders::parse(&text).map_err(|source| HttpError::Headers {
        path: path.to_owned(),
        source,
    })
}
