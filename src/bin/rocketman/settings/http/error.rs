//! What cannot be meant of an endpoint of HTTP.

use rocketman::{MemberError, ParseError};

/// What cannot be meant of an endpoint.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpFlagError {
    #[error("--output")]
    Address(#[source] ParseError, AddressHint),
    #[error("{0} is for an endpoint of HTTP, and --output names none")]
    NoEndpoint(&'static str),
    #[error("{0} does not go with an endpoint of HTTP")]
    NotForEndpoints(&'static str),
    #[error("{0} does not go with a table of ClickHouse, which gets rows")]
    NotForClickHouse(&'static str),
    #[error("{0} is for a table of ClickHouse")]
    ForClickHouse(&'static str),
    #[error("--jobs is for programs and for endpoints of HTTP, and there is neither")]
    Jobs,
    #[error("--body array is JSON, and --format is another form")]
    FormatOfArray,
    #[error("{0} is for a receiver of webhooks, and there is none")]
    NoReceiver(String),
    #[error("--http-sink receives events and serves none: {0} does not go with it")]
    NotReceived(String),
    #[error("--fault sink-expire has a key expire, and requests need none")]
    NoKeyToExpire,
    /// What is sent with each request.
    #[error("{from}")]
    Header {
        from: &'static str,
        #[source]
        source: ParseError,
    },
    #[error(
        "--http-header: '{0}' looks like the name of a secret, which everybody could read in the list of processes"
    )]
    Secret(String),
    #[error("--body")]
    Body(#[source] ParseError),
    #[error("--on-http-error")]
    DeadLetter(#[source] MemberError),
}

impl HttpFlagError {
    /// What to do about it.
    pub(in crate::settings) fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Address(_, hint) => hint.text(),
            Self::NoEndpoint(_) => "name one: --output https://HOST/PATH, or leave it off",
            Self::ForClickHouse(_) => "name one: --output clickhouse://HOST/DATABASE/TABLE",
            Self::NotForEndpoints(_) | Self::NotForClickHouse(_) => "leave it off",
            Self::NoReceiver(_) => "receive events with --http-sink ADDRESS, or leave it off",
            Self::NotReceived(_) => "leave one of the two off",
            Self::NoKeyToExpire => "name a file with one: --key-file FILE",
            Self::Jobs => "run one with --exec, or leave it off",
            Self::FormatOfArray => "leave one of the two off",
            Self::Secret(_) => {
                "put the line into a file and name that with --http-header-file, or into the variable ROCKETMAN_HTTP_HEADERS"
            }
            Self::Body(_) => {
                "such as '{\"records\":[%{,}]}': the events stand where %{,} is, with a comma between two of them"
            }
            Self::Header { .. } | Self::DeadLetter(_) => return None,
        })
    }
}

/// What is wrong with an address, by how it was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AddressHint {
    Secret,
    NoHost,
    Fragment,
    Table,
    Host,
}

impl AddressHint {
    /// Of an address that was refused.
    pub(super) fn of(address: &str) -> Self {
        let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if host.contains('@') {
            Self::Secret
        } else if host.is_empty() {
            Self::NoHost
        } else if rest.contains('#') {
            Self::Fragment
        } else if scheme.starts_with("clickhouse") {
            Self::Table
        } else {
            Self::Host
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Secret => {
                "leave what is secret out of the address, and give it in a header: --http-header-file"
            }
            Self::NoHost => "name a host, as in https://h.example/events",
            Self::Table => {
                "name a database and a table in it, as in clickhouse://h.example/default/events"
            }
            Self::Fragment => "write a '#' that is part of the path as %23",
            Self::Host => {
                "a host is a name or an address, with a port of at most 65535: https://h.example:8443/events"
            }
        }
    }
}
