//! The address that events are sent to.

use std::{fmt, str::FromStr};

use percent_encoding::percent_decode_str;
use url::Url;

use crate::{error::ParseError, log::address::without_secrets, wire::dial::Address};

/// Why a text is no address that events can be sent to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum AddressError {
    #[error("'{0}' is no address of HTTP: write https://HOST/PATH or http://HOST/PATH")]
    NotHttp(String),
    #[error(
        "the address of host '{0}' carries a user name or password, which would end up in process lists and logs"
    )]
    Secret(String),
    #[error(
        "the address '{0}' carries a fragment, which is never sent: leave off all from the '#' on"
    )]
    Fragment(String),
    #[error(
        "'{0}' is no address of a table: write clickhouse://HOST/DATABASE/TABLE, or clickhouses:// for TLS"
    )]
    NoTable(String),
}

/// The port of ClickHouse for HTTP, and for HTTPS.
const CLICKHOUSE_PORT: u16 = 8123;
const CLICKHOUSES_PORT: u16 = 8443;

/// A table of ClickHouse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableName {
    pub(super) database: String,
    pub(super) name: String,
}

/// `https://HOST[:PORT]/PATH?QUERY`, or the same with `http://`, which anybody can listen in on; or
/// a table of ClickHouse: `clickhouse://HOST[:PORT]/DATABASE/TABLE`, and `clickhouses://` for TLS.
///
/// `Display` leaves the query out: some services have a token there.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpAddress {
    address: Address,
    path: String,
    query: Option<String>,
    table: Option<TableName>,
}

impl HttpAddress {
    /// Reads an address.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let refused = || ParseError::new(AddressError::NotHttp(without_secrets(text)));
        let url = Url::parse(text).map_err(|_| refused())?;
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            "clickhouse" | "clickhouses" => return Self::parse_table(text, &url),
            _ => return Err(refused()),
        };
        let host = url.host().ok_or_else(refused)?.to_owned();
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ParseError::new(AddressError::Secret(host.to_string())));
        }
        if url.fragment().is_some() {
            return Err(ParseError::new(AddressError::Fragment(without_secrets(
                text,
            ))));
        }
        Ok(Self {
            address: Address::new(secure, host, url.port()),
            path: url.path().to_owned(),
            query: url.query().map(str::to_owned),
            table: None,
        })
    }

    /// Reads the address of a table: what is no path of two parts is none.
    fn parse_table(text: &str, url: &Url) -> Result<Self, ParseError> {
        let refused = || ParseError::new(AddressError::NoTable(without_secrets(text)));
        if !url.username().is_empty() || url.password().is_some() {
            let host = url.host_str().unwrap_or_default().to_owned();
            return Err(ParseError::new(AddressError::Secret(host)));
        }
        let (secure, http, port) = match url.scheme() {
            "clickhouses" => (true, "https", CLICKHOUSES_PORT),
            _ => (false, "http", CLICKHOUSE_PORT),
        };
        let is_bare = url.query().is_none() && url.fragment().is_none();
        let host = url.host_str().filter(|host| !host.is_empty() && is_bare);
        // Of this scheme hosts are not normalised.
        let of_http = host.and_then(|host| Url::parse(&format!("{http}://{host}/")).ok());
        let host = of_http.as_ref().and_then(Url::host).ok_or_else(refused)?;
        let mut parts = url.path_segments().ok_or_else(refused)?.map(|part| {
            let part = percent_decode_str(part).decode_utf8().ok();
            part.filter(|part| !part.is_empty()).map(String::from)
        });
        let (Some(Some(database)), Some(Some(name)), None) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Err(refused());
        };
        Ok(Self {
            address: Address::new(secure, host.to_owned(), Some(url.port().unwrap_or(port))),
            path: url.path().to_owned(),
            query: None,
            table: Some(TableName { database, name }),
        })
    }

    /// Whether it is a table of ClickHouse.
    pub fn is_clickhouse(&self) -> bool {
        self.table.is_some()
    }

    pub(super) fn table(&self) -> Option<&TableName> {
        self.table.as_ref()
    }

    /// Whether nobody can listen in on the way: it is secure, or on this machine.
    pub fn is_private(&self) -> bool {
        self.address.is_secure() || self.address.is_loopback()
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Path and query.
    pub(super) fn target(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }
}

impl FromStr for HttpAddress {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

impl fmt::Display for HttpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let query = if self.query.is_some() { "?…" } else { "" };
        let address = self.address.to_string();
        match (&self.table, address.strip_prefix("http")) {
            (Some(_), Some(rest)) => write!(f, "clickhouse{rest}{}", self.path),
            _ => write!(f, "{address}{}{query}", self.path),
        }
    }
}

impl fmt::Debug for HttpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_sent_whole_and_shown_without_its_query() {
        for (text, shown, target) in [
            ("https://h.example", "https://h.example/", "/"),
            ("https://h.example:443/a", "https://h.example/a", "/a"),
            (
                "http://h.example:8080/a/b?token=s3cret&x",
                "http://h.example:8080/a/b?…",
                "/a/b?token=s3cret&x",
            ),
            ("http://[::1]:80/é", "http://[::1]/%C3%A9", "/%C3%A9"),
        ] {
            let address = HttpAddress::parse(text).unwrap();
            assert_eq!(
                (address.to_string(), address.target()),
                (shown.to_owned(), target.to_owned())
            );
            assert!(!format!("{address:?}").contains("s3cret"));
        }
    }

    #[test]
    fn a_table_of_clickhouse_has_its_own_port() {
        for (text, shown, is_private) in [
            (
                "clickhouse://localhost/d/t",
                "clickhouse://localhost:8123/d/t",
                true,
            ),
            (
                "clickhouse://h.example:9/d/t",
                "clickhouse://h.example:9/d/t",
                false,
            ),
            (
                "clickhouses://h.example/d/t",
                "clickhouses://h.example:8443/d/t",
                true,
            ),
        ] {
            let address = HttpAddress::parse(text).unwrap();
            assert!(address.is_clickhouse());
            let found = (address.to_string(), address.is_private());
            assert_eq!(found, (shown.to_owned(), is_private));
        }
        for text in [
            "clickhouse://h",
            "clickhouse://h/d",
            "clickhouse://h/d/",
            "clickhouse:///d/t",
            "clickhouse://h/d/t/x",
            "clickhouse://h/d/t?password=s3cret",
        ] {
            let error = HttpAddress::parse(text).unwrap_err().to_string();
            assert!(
                error.contains("clickhouse://HOST/DATABASE/TABLE"),
                "{error}"
            );
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_sent_to_is_refused_without_its_secrets() {
        for (text, why) in [
            ("ftp://h/x", "no address of HTTP"),
            ("https://", "no address of HTTP"),
            ("https://me:s3cret@h.example/x", "user name or password"),
            ("https://s3cret@h.example/x", "user name or password"),
            ("clickhouse://me:s3cret@h/d/t", "user name or password"),
            ("https://h.example/x?s3cret#s3cret", "fragment"),
        ] {
            let error = HttpAddress::parse(text).unwrap_err().to_string();
            assert!(error.contains(why) && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn a_way_is_private_by_tls_or_on_this_machine() {
        for (text, is_private) in [
            ("https://h.example", true),
            ("http://127.0.0.1:1", true),
            ("http://localhost", true),
            ("http://h.example", false),
        ] {
            assert_eq!(
                HttpAddress::parse(text).unwrap().is_private(),
                is_private,
                "{text}"
            );
        }
    }
}
