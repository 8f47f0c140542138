//! One request to the endpoint, and what became of it.

use std::{
    fs, io,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
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
    HttpHeaders, HttpMethod, HttpSettings, SigningSecrets, error::HttpError, parcel::Parcel,
    verdict::Verdict,
};
use crate::{
    error::{MemberError, ParseError},
    event::now_us,
    log::{STATE, chain},
    wire::dial::{
        Connector,
        http::{Call, CallError, Connections},
    },
};

/// How much of an answer is read, so that its connection can be used again.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// How long the rest of an answer may take, whose status says enough.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// How much of it is kept, to be shown.
const MAX_KEPT_BYTES: usize = 2048;

/// The largest file that may hold headers or secrets.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Sends requests to the endpoint.
#[derive(Debug)]
pub(super) struct Client {
    settings: HttpSettings,
    connections: Connections,
    of_files: Mutex<OfFiles>,
    /// Nobody asked for it, or it was.
    is_table_made: tokio::sync::Mutex<bool>,
}

/// What is read of files, and again when the endpoint refuses.
#[derive(Debug, Clone)]
struct OfFiles {
    headers: HttpHeaders,
    signing: Option<SigningSecrets>,
}

impl Client {
    /// Reads the files with headers and secrets, and wants secrets to be private on their way.
    pub(super) fn new(settings: HttpSettings) -> Result<Self, MemberError> {
        let mut connector = Connector::new(settings.proxies.clone(), settings.user_agent.clone());
        let address = settings.address.address();
        connector.prepare(address, address)?;
        let jobs = settings.jobs.get();
        let of_files = OfFiles::read(&settings)?;
        let mut all = settings.headers.clone();
        all.extend(of_files.headers.clone());
        if let Some(header) = all.secret().filter(|_| !settings.address.is_private()) {
            return Err(HttpError::Overheard {
                address: settings.address.to_string(),
                header: header.to_owned(),
            }
            .into());
        }
        Ok(Self {
            connections: Connections::new(connector, settings.connect_timeout, jobs),
            is_table_made: tokio::sync::Mutex::new(!settings.rows.create_table),
            settings,
            of_files: Mutex::new(of_files),
        })
    }

    /// Reads the files again: what was refused may have been replaced there.
    pub(super) async fn reload(&self) {
        let settings = self.settings.clone();
        let is_private = settings.address.is_private();
        match spawn_blocking(move || OfFiles::read(&settings)).await {
            Ok(Ok(read)) if is_private || read.headers.secret().is_none() => {
                *self.of_files() = read;
            }
            Ok(Ok(_)) | Err(_) => {}
            Ok(Err(error)) => {
                let why = chain(&error);
                warn!(target: STATE, why, "{why}; what was read before is sent");
            }
        }
    }

    fn of_files(&self) -> MutexGuard<'_, OfFiles> {
        self.of_files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends these events.
    ///
    /// Cancel safety: dropped, they may have been accepted or not.
    pub(super) async fn deliver(&self, parcel: &Parcel) -> Verdict {
        let limit = self.settings.timeout;
        let delivered = timeout(limit, self.send(parcel)).await;
        match delivered {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(error)) => Verdict::of_error(&error),
            Err(_elapsed) => Verdict::of_timeout(limit),
        }
    }

    async fn send(&self, parcel: &Parcel) -> Result<Verdict, CallError> {
        let settings = &self.settings;
        let Some(table) = settings.address.table() else {
            let body = settings.form.body_of(&parcel.items);
            return self.call(settings.address.target(), body, parcel).await;
        };
        let mut is_made = self.is_table_made.lock().await;
        if !*is_made {
            let create = settings.rows.create(table);
            match self.call(create, Vec::new(), parcel).await? {
                Verdict::Accepted => *is_made = true,
                // It is about no event.
                Verdict::Content { why, .. } => return Ok(Verdict::Endpoint { why }),
                verdict => return Ok(verdict),
            }
        }
        drop(is_made);
        let body = settings.rows.body_of(&parcel.items);
        let insert = settings.rows.insert(table, parcel.id());
        self.call(insert, body, parcel).await
    }

    async fn call(
        &self,
        target: String,
        mut body: Vec<u8>,
        parcel: &Parcel,
    ) -> Result<Verdict, CallError> {
        let settings = &self.settings;
        let mut headers = self.headers();
        if let Some(compression) = settings.compression {
            let compressed = spawn_blocking(move || compression.compress(&body)).await;
            let failed = |error: &dyn std::fmt::Display| CallError::Setup(error.to_string());
            let compressed = compressed.map_err(|error| failed(&error))?;
            body = compressed.map_err(|error| failed(&error))?;
            let name = HeaderValue::from_static(compression.name());
            headers.push((CONTENT_ENCODING, name));
        }
        headers.extend(self.signature(parcel, &body));
        let call = Call {
            method: match settings.method {
                HttpMethod::Post => Method::POST,
                HttpMethod::Put => Method::PUT,
                HttpMethod::Patch => Method::PATCH,
            },
            target,
            headers,
            body: body.into(),
        };
        let address = settings.address.address();
        let mut answer = self
            .connections
            .send(address, &call, settings.timeout)
            .await?;
        let read = timeout(ANSWER_TIMEOUT, read_answer(&mut answer.body)).await;
        let (said, is_whole) = read.unwrap_or_default();
        let verdict = Verdict::of_answer(answer.status.as_u16(), &answer.headers, &said);
        if is_whole {
            self.connections.put_back(answer);
        }
        Ok(verdict)
    }

    /// The headers by which the endpoint knows that it was us.
    fn signature(&self, parcel: &Parcel, body: &[u8]) -> Vec<(HeaderName, HeaderValue)> {
        let signing = self.of_files().signing.clone();
        let signed = signing.map(|signing| {
            let seconds = now_us() / 1_000_000;
            signing.headers(&parcel.id().to_string(), seconds, body)
        });
        signed.unwrap_or_default()
    }

    fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        let settings = &self.settings;
        let of_file = &self.of_files().headers;
        let mut headers = Vec::new();
        if !settings.headers.has_content_type() && !of_file.has_content_type() {
            let form = HeaderValue::from_static(settings.form.content_type());
            headers.push((CONTENT_TYPE, form));
        }
        headers.extend(settings.headers.iter().chain(of_file.iter()).cloned());
        headers
    }
}

impl OfFiles {
    fn read(settings: &HttpSettings) -> Result<Self, HttpError> {
        let headers = match &settings.header_file {
            Some(path) => read("headers", path, HttpHeaders::parse)?,
            None => HttpHeaders::default(),
        };
        let signing = match &settings.signing_file {
            Some(path) => Some(read("secrets", path, SigningSecrets::parse)?),
            None => settings.signing.clone(),
        };
        Ok(Self { headers, signing })
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

/// What a file holds, which is small.
fn read<T>(
    what: &'static str,
    path: &Path,
    parse: impl FnOnce(&str) -> Result<T, ParseError>,
) -> Result<T, HttpError> {
    let failed = |source| HttpError::File {
        what,
        path: path.to_owned(),
        source,
    };
    if fs::metadata(path).map_err(failed)?.len() > MAX_FILE_BYTES {
        return Err(failed(io::Error::other("it is too large for that")));
    }
    let text = fs::read_to_string(path).map_err(failed)?;
    parse(&text).map_err(|source| HttpError::Contents {
        what,
        path: path.to_owned(),
        source,
    })
}
