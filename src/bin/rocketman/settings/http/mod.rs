//! How events are sent to an endpoint of HTTP, from what was typed.

mod error;

use std::{num::NonZeroUsize, path::Path};

use self::error::AddressHint;
pub(crate) use self::error::HttpFlagError;
use super::{
    Environment, SettingsError,
    format::FormatFlags,
    suffix,
    table::{self, TableFlags},
};
use crate::args::{BodyArg, HttpArgs, OnExecErrorArg};
use rocketman::{
    sink::{
        DeadLetterFile, LineFormat, OnFailure,
        http::{
            BodyForm, BodyTemplate, ClickHouseRows, HttpAddress, HttpBatch, HttpHeaders,
            HttpSettings, SigningSecrets,
        },
    },
    source::jetstream::Proxies,
};

/// The variable that holds headers, a line each.
const HEADERS: &str = "ROCKETMAN_HTTP_HEADERS";

/// The variable that holds what requests are signed with.
pub(super) const SECRETS: &str = "ROCKETMAN_HTTP_SIGN_SECRETS";

/// What was typed about endpoints, and the variables.
pub(super) struct HttpFlags<'a> {
    pub(super) args: HttpArgs,
    environment: &'a Environment,
}

impl<'a> HttpFlags<'a> {
    pub(super) fn new(args: HttpArgs, environment: &'a Environment) -> Self {
        Self { args, environment }
    }
}

/// The address of an endpoint that an output is.
pub(super) fn address(output: &Path) -> Option<&str> {
    let text = output.to_str()?;
    let (scheme, _) = text.split_once("://")?;
    let is_http = ["http", "https", "clickhouse", "clickhouses"]
        .iter()
        .any(|http| scheme.eq_ignore_ascii_case(http));
    is_http.then_some(text)
}

/// Refuses flags of endpoints where events go elsewhere.
pub(super) fn refuse(args: &HttpArgs) -> Result<(), HttpFlagError> {
    match args.given() {
        Some(flag) => Err(HttpFlagError::NoEndpoint(flag)),
        None => Ok(()),
    }
}

/// How events are sent to this address.
pub(super) fn resolve(
    address: &str,
    flags: HttpFlags<'_>,
    format: &FormatFlags,
    jobs: Option<NonZeroUsize>,
    tables: TableFlags<'_>,
) -> Result<HttpSettings, SettingsError> {
    let HttpFlags { args, environment } = flags;
    let refused = |error| HttpFlagError::Address(error, AddressHint::of(address));
    let address = HttpAddress::parse(address).map_err(refused)?;
    let rows = rows(&address, &args, format, tables)?;
    let form = form(args.body, format.resolve()?)?;
    let headers = headers(&args.http_header, environment)?;
    let signing = environment.get(SECRETS).map(SigningSecrets::parse);
    let signing = signing
        .transpose()
        .map_err(|source| HttpFlagError::Header {
            from: SECRETS,
            source,
        })?;
    let usual = HttpSettings::new(address);
    let on_error = match args.on_http_error {
        None | Some(OnExecErrorArg::Stop) => OnFailure::Stop,
        Some(OnExecErrorArg::Skip) => OnFailure::Skip,
        Some(OnExecErrorArg::DeadLetter(path)) => {
            suffix::check_plain("--on-http-error", &path)?;
            let file = DeadLetterFile::open(path).map_err(HttpFlagError::DeadLetter)?;
            OnFailure::DeadLetter(file)
        }
    };
    let batch = args.batch.unwrap_or_default();
    let max_unanswered = args
        .max_unanswered
        .map(usize::try_from)
        .and_then(Result::ok);
    Ok(HttpSettings {
        form,
        rows,
        headers,
        header_file: args.http_header_file,
        signing,
        signing_file: args.http_sign_file,
        compression: args.http_compress.map(Into::into),
        method: args.http_method.map(Into::into).unwrap_or_default(),
        batch: HttpBatch {
            events: batch.events.unwrap_or(usual.batch.events),
            bytes: batch.bytes.unwrap_or(usual.batch.bytes),
            wait: batch.wait.unwrap_or(usual.batch.wait),
        },
        jobs: jobs.unwrap_or(usual.jobs),
        timeout: args.http_timeout.unwrap_or(usual.timeout),
        retries: args.http_retries.unwrap_or(usual.retries),
        on_error,
        on_refusal: args.on_http_refusal.map(Into::into).unwrap_or_default(),
        max_unanswered: max_unanswered.unwrap_or(usual.max_unanswered),
        proxies: Proxies::from_env(environment.lookup()),
        ..usual
    })
}

/// What the rows of a table are; its flags are refused where the address is none, and those of other
/// forms where it is.
fn rows(
    address: &HttpAddress,
    args: &HttpArgs,
    format: &FormatFlags,
    tables: TableFlags<'_>,
) -> Result<ClickHouseRows, SettingsError> {
    if !address.is_clickhouse() {
        table::refuse(&tables.args)?;
        if args.create_table {
            return Err(HttpFlagError::ForClickHouse("--create-table").into());
        }
        return Ok(ClickHouseRows::default());
    }
    let unfit = [
        ("--body", args.body.is_some()),
        ("--http-method", args.http_method.is_some()),
    ];
    if let Some((flag, _)) = unfit.into_iter().find(|(_, is_given)| *is_given) {
        return Err(HttpFlagError::NotForClickHouse(flag).into());
    }
    if !format.resolve()?.is_json() {
        return Err(SettingsError::FormatWith("a table of ClickHouse"));
    }
    let mut rows = table::resolve_rows(tables)?;
    rows.create_table = args.create_table;
    Ok(rows)
}

fn form(body: Option<BodyArg>, format: LineFormat) -> Result<BodyForm, HttpFlagError> {
    match body {
        Some(BodyArg::Array) if !format.is_json() => Err(HttpFlagError::FormatOfArray),
        Some(BodyArg::Array) => Ok(BodyForm::Array),
        Some(BodyArg::Template(text)) => {
            let template = BodyTemplate::parse(&text, format);
            template
                .map(BodyForm::Template)
                .map_err(HttpFlagError::Body)
        }
        Some(BodyArg::Lines) | None => Ok(BodyForm::Lines(format)),
    }
}

/// The headers that were typed, none of which may be a secret, and those of the variable.
fn headers(typed: &[String], environment: &Environment) -> Result<HttpHeaders, HttpFlagError> {
    let mut headers = HttpHeaders::default();
    for line in typed {
        let header = HttpHeaders::parse_line(line).map_err(|source| HttpFlagError::Header {
            from: "--http-header",
            source,
        })?;
        if let Some(name) = header.secret() {
            return Err(HttpFlagError::Secret(name.to_owned()));
        }
        headers.extend(header);
    }
    let secret = environment.get(HEADERS).unwrap_or_default();
    let secret = HttpHeaders::parse(secret).map_err(|source| HttpFlagError::Header {
        from: HEADERS,
        source,
    })?;
    headers.extend(secret);
    Ok(headers)
}
