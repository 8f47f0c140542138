//! How events are sent to an endpoint of HTTP.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use super::units::{duration, interval, size, yes_or_no};
use rocketman::sink::http::{BodyCompression, HttpMethod, OnRefusal};

/// How events are sent
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Endpoints of HTTP (--output https://...)")]
pub(crate) struct HttpArgs {
    /// Send events once there are so many of them, so many bytes, or once the first has waited so long
    ///
    /// By default 500,1M,200ms, the most for one request. Some of the three may be left out: 1 is a request for each event, and 64K,1s leaves the
    /// number as it is. A single event may be larger. Endpoints that say 413 get smaller ones.
    #[arg(long, value_name = "COUNT,BYTES,TIME", env = "ROCKETMAN_BATCH", value_parser = batch, hide_short_help = true)]
    pub(crate) batch: Option<BatchArg>,
    /// Send events as lines, as an array of JSON, or within a text of your own: '{"records":[%{,}]}'
    ///
    /// By default lines: one event a line (application/x-ndjson), or in another --format. array is application/json. In a text %{,} is the place of
    /// the events, each in its --format, with what is in the braces between two of them; \n, \t, \r, \0, \xNN, \\ and %% are single characters.
    /// It is application/json where it begins with { or [.
    #[arg(long, value_name = "FORM", env = "ROCKETMAN_BODY", value_parser = body, hide_short_help = true)]
    pub(crate) body: Option<BodyArg>,
    /// Compress what is sent
    #[arg(
        long,
        value_name = "CODING",
        env = "ROCKETMAN_HTTP_COMPRESS",
        hide_short_help = true
    )]
    pub(crate) http_compress: Option<HttpCompressArg>,
    /// Send events by this method, POST where none is named
    #[arg(
        long,
        value_name = "METHOD",
        env = "ROCKETMAN_HTTP_METHOD",
        ignore_case = true,
        hide_short_help = true
    )]
    pub(crate) http_method: Option<HttpMethodArg>,
    /// Send this header too, such as 'X-Tenant: a'
    ///
    /// Can be repeated. For headers that hold a secret there is --http-header-file, and the variable ROCKETMAN_HTTP_HEADERS, with a header a
    /// line.
    #[arg(long, value_name = "NAME: VALUE", hide_short_help = true)]
    pub(crate) http_header: Vec<String>,
    /// Send the headers in this file too, one a line
    ///
    /// Such as 'Authorization: Bearer ...'. It is read again while the endpoint refuses what it is sent, so that a token that is replaced in
    /// it is taken up. Secrets go over TLS or to this machine, and nowhere else.
    #[arg(
        long,
        value_name = "FILE",
        env = "ROCKETMAN_HTTP_HEADER_FILE",
        hide_short_help = true
    )]
    pub(crate) http_header_file: Option<PathBuf>,
    /// Sign each request with the secret in this file, as Standard Webhooks has it
    ///
    /// whsec_ and Base64; or two of them, while one takes the other's place. Each request then has the headers webhook-id, webhook-timestamp
    /// and webhook-signature (v1, HMAC-SHA256 over what is sent). The id is a hash over which events are in it: sent again, they have it
    /// again. The file is read again while the endpoint refuses. ROCKETMAN_HTTP_SIGN_SECRETS holds the same without a file.
    #[arg(
        long,
        value_name = "FILE",
        env = "ROCKETMAN_HTTP_SIGN_FILE",
        hide_short_help = true
    )]
    pub(crate) http_sign_file: Option<PathBuf>,
    /// Allow a request this long, its answer included
    ///
    /// By default 30s. Then it has failed, and is tried again.
    #[arg(long, value_name = "DURATION", env = "ROCKETMAN_HTTP_TIMEOUT", value_parser = interval, hide_short_help = true)]
    pub(crate) http_timeout: Option<Duration>,
    /// Try events that fail while others are accepted this many times more
    ///
    /// By default 5, after waits that grow to 30s. That is for answers that may pass (408, 425, 429, 5xx), and for none at all. While nothing is accepted,
    /// all wait, and none is given up. Retry-After is obeyed.
    #[arg(
        long,
        value_name = "N",
        env = "ROCKETMAN_HTTP_RETRIES",
        hide_short_help = true
    )]
    pub(crate) http_retries: Option<u32>,
    /// Do this with an event that the endpoint refuses: stop, skip or dead-letter=FILE
    ///
    /// One that is refused for its content (400, 413, 422): what it was sent with is divided until it is alone. Or one that failed as often as
    /// --http-retries says. stop (the default) ends the run with exit code 1, and a saved cursor stays before the event. skip says
    /// so and goes on. dead-letter=FILE appends one JSON object a line to FILE, with time, error, status, tries and the event, and goes on once it is
    /// on the disk.
    #[arg(long, value_name = "WHAT", env = "ROCKETMAN_ON_HTTP_ERROR", value_parser = super::exec::on_exec_error, hide_short_help = true)]
    pub(crate) on_http_error: Option<super::OnExecErrorArg>,
    /// Do this while the endpoint refuses whatever it is sent: wait, or stop with exit code 6
    ///
    /// That is any other 4xx, such as 401 and 404, a redirect, which is never followed, or twenty events refused without one accepted in
    /// between. By default wait: it is tried again after waits that grow to 30s, and no event is lost.
    #[arg(
        long,
        value_name = "WHAT",
        env = "ROCKETMAN_ON_HTTP_REFUSAL",
        hide_short_help = true
    )]
    pub(crate) on_http_refusal: Option<OnHttpRefusalArg>,
    /// Let so many bytes of events be unanswered before no more are read
    ///
    /// By default 16M. Events of one account wait for each other; those of others go on past what fails, up to here.
    #[arg(long, value_name = "SIZE", env = "ROCKETMAN_MAX_UNANSWERED", value_parser = size, hide_short_help = true)]
    pub(crate) max_unanswered: Option<u64>,
    /// Make the table of ClickHouse if it is not there
    ///
    /// A ReplacingMergeTree ordered by account and event, which knows the last 10,000 inserts again. One that is there stays as it is.
    #[arg(long, env = "ROCKETMAN_CREATE_TABLE", value_parser = yes_or_no, hide_short_help = true)]
    pub(crate) create_table: bool,
}

impl HttpArgs {
    /// One of them that was given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let flags = [
            ("--batch", self.batch.is_some()),
            ("--body", self.body.is_some()),
            ("--http-compress", self.http_compress.is_some()),
            ("--http-method", self.http_method.is_some()),
            ("--http-header", !self.http_header.is_empty()),
            ("--http-header-file", self.http_header_file.is_some()),
            ("--http-sign-file", self.http_sign_file.is_some()),
            ("--http-timeout", self.http_timeout.is_some()),
            ("--http-retries", self.http_retries.is_some()),
            ("--on-http-error", self.on_http_error.is_some()),
            ("--on-http-refusal", self.on_http_refusal.is_some()),
            ("--max-unanswered", self.max_unanswered.is_some()),
            ("--create-table", self.create_table),
        ];
        flags
            .into_iter()
            .find_map(|(flag, is_given)| is_given.then_some(flag))
    }
}

/// When events are sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BatchArg {
    pub(crate) events: Option<NonZeroUsize>,
    pub(crate) bytes: Option<NonZeroUsize>,
    pub(crate) wait: Option<Duration>,
}

/// What the body of a request is
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BodyArg {
    /// One event a line, or in another --format.
    Lines,
    /// A JSON array.
    Array,
    /// With a place for the events.
    Template(String),
}

/// How bodies are compressed
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HttpCompressArg {
    /// For all endpoints that know any
    #[cfg(feature = "gzip")]
    Gzip,
    /// Smaller and faster, for those that know it
    #[cfg(feature = "zstd")]
    Zstd,
}

impl From<HttpCompressArg> for BodyCompression {
    fn from(typed: HttpCompressArg) -> Self {
        match typed {
            #[cfg(feature = "gzip")]
            HttpCompressArg::Gzip => Self::Gzip,
            #[cfg(feature = "zstd")]
            HttpCompressArg::Zstd => Self::Zstd,
        }
    }
}

/// How a request is made
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum HttpMethodArg {
    Post,
    Put,
    Patch,
}

impl From<HttpMethodArg> for HttpMethod {
    fn from(typed: HttpMethodArg) -> Self {
        match typed {
            HttpMethodArg::Post => Self::Post,
            HttpMethodArg::Put => Self::Put,
            HttpMethodArg::Patch => Self::Patch,
        }
    }
}

/// What follows when an endpoint refuses whatever it is sent
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnHttpRefusalArg {
    /// It is tried again, and no event is lost
    Wait,
    /// The run ends
    Stop,
}

impl From<OnHttpRefusalArg> for OnRefusal {
    fn from(typed: OnHttpRefusalArg) -> Self {
        match typed {
            OnHttpRefusalArg::Wait => Self::Wait,
            OnHttpRefusalArg::Stop => Self::Stop,
        }
    }
}

fn body(text: &str) -> Result<BodyArg, String> {
    match text {
        "lines" => Ok(BodyArg::Lines),
        "array" => Ok(BodyArg::Array),
        text if text.contains('%') => Ok(BodyArg::Template(text.to_owned())),
        _ => Err(
            "it takes lines, array, or a text with a place for the events: '{\"records\":[%{,}]}'"
                .to_owned(),
        ),
    }
}

/// A count without a unit, a size with a letter, and a duration, each at most once, in any order.
fn batch(text: &str) -> Result<BatchArg, String> {
    let mut batch = BatchArg::default();
    let wrong = || "write it like 500,1M,200ms, or 1 for a request for each event".to_owned();
    for part in text.split(',').map(str::trim) {
        let is_new = if part.bytes().all(|byte| byte.is_ascii_digit()) {
            let events = part.parse().map_err(|_| wrong())?;
            batch.events.replace(events).is_none()
        } else if let Ok(bytes) = size(part) {
            let bytes = usize::try_from(bytes).ok().and_then(NonZeroUsize::new);
            batch.bytes.replace(bytes.ok_or_else(wrong)?).is_none()
        } else {
            let wait = duration(part).map_err(|_| wrong())?;
            batch.wait.replace(wait).is_none()
        };
        if !is_new {
            return Err(wrong());
        }
    }
    Ok(batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_a_count_a_size_and_a_time() {
        let whole = batch("500,1M,200ms").unwrap();
        assert_eq!(whole.events.map(NonZeroUsize::get), Some(500));
        assert_eq!(whole.bytes.map(NonZeroUsize::get), Some(1 << 20));
        assert_eq!(whole.wait, Some(Duration::from_millis(200)));
        let single = batch("1").unwrap();
        assert_eq!((single.events, single.wait), (NonZeroUsize::new(1), None));
        assert_eq!(batch("64K, 0s").unwrap().wait, Some(Duration::ZERO));
        for text in ["", "0", "1,2", "1M,2M", "1s,2s", "x", "1,,2s", "-1"] {
            assert!(batch(text).is_err(), "{text}");
        }
    }
}
