//! Headers of one's own, some of which are secrets and never shown.

use std::fmt;

use hyper::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue,
    TRANSFER_ENCODING, USER_AGENT,
};

use crate::{error::ParseError, log::printable};

/// The most headers, and the longest of one.
const MAX_HEADERS: usize = 64;
const MAX_BYTES: usize = 8 * 1024;

/// Headers that say how a request is sent, which is not for users to say.
const OURS: [HeaderName; 6] = [
    CONNECTION,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    HOST,
    TRANSFER_ENCODING,
    USER_AGENT,
];

/// What the name of a header has in it whose value is a secret.
const SECRETS: [&str; 7] = [
    "auth",
    "cookie",
    "credential",
    "key",
    "password",
    "secret",
    "token",
];

/// Why a line is no header. Its value is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum HeaderError {
    #[error("a header is written 'NAME: VALUE', and there is no ':' after a name")]
    Shape,
    #[error("'{0}' is no name of a header")]
    Name(String),
    #[error("the value of '{0}' has a character in it that no header has")]
    Value(String),
    #[error("the header '{0}' says how a request is sent, and is set by rocketman")]
    Ours(String),
    #[error("the header '{0}' is longer than {MAX_BYTES} bytes")]
    TooLong(String),
    #[error("there are more than {MAX_HEADERS} headers")]
    TooMany,
}

/// Headers that go with each request. Their values are never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HttpHeaders(Vec<(HeaderName, HeaderValue)>);

impl HttpHeaders {
    /// Reads headers, one a line: `NAME: VALUE`. Empty lines, and those that begin with `#`, are
    /// passed over.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let lines = text.lines().map(str::trim);
        let mut headers = Self::default();
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            headers.add(line).map_err(ParseError::new)?;
        }
        Ok(headers)
    }

    /// Reads a single header.
    pub fn parse_line(line: &str) -> Result<Self, ParseError> {
        let mut header = Self::default();
        header.add(line).map_err(ParseError::new)?;
        Ok(header)
    }

    /// Adds all of these, behind those that there are.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// The name of one whose value looks like a secret.
    pub fn secret(&self) -> Option<&str> {
        let mut names = self.0.iter().map(|(name, _)| name.as_str());
        names.find(|name| SECRETS.iter().any(|word| name.contains(word)))
    }

    fn add(&mut self, line: &str) -> Result<(), HeaderError> {
        let (name, value) = line.split_once(':').ok_or(HeaderError::Shape)?;
        let shown = || printable(&name.trim().chars().take(80).collect::<String>());
        let bare = HeaderName::from_bytes(name.trim().as_bytes());
        let name = bare.map_err(|_| HeaderError::Name(shown()))?;
        if OURS.contains(&name) {
            return Err(HeaderError::Ours(shown()));
        }
        if line.len() > MAX_BYTES {
            return Err(HeaderError::TooLong(shown()));
        }
        if self.0.len() == MAX_HEADERS {
            return Err(HeaderError::TooMany);
        }
        let value = HeaderValue::from_str(value.trim());
        let mut value = value.map_err(|_| HeaderError::Value(shown()))?;
        value.set_sensitive(true);
        self.0.push((name, value));
        Ok(())
    }

    pub(super) fn has_content_type(&self) -> bool {
        self.0.iter().any(|(name, _)| *name == CONTENT_TYPE)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.0.iter()
    }
}

impl fmt::Debug for HttpHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|(name, _)| name.as_str());
        f.debug_list().entries(names).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_lines_and_their_values_are_never_shown() {
        let text = "# of the hook\nAuthorization: Bearer s3cret:1\n\n X-Of :  a b \n";
        let headers = HttpHeaders::parse(text).unwrap();
        let found: Vec<_> = headers.iter().collect();
        assert_eq!(found[0].1, "Bearer s3cret:1");
        assert_eq!(
            (found[1].0.as_str(), found[1].1.to_str().unwrap()),
            ("x-of", "a b")
        );
        assert_eq!(format!("{headers:?}"), r#"["authorization", "x-of"]"#);
        assert!(!format!("{found:?}").contains("s3cret"));
    }

    #[test]
    fn what_is_no_header_is_refused_without_its_value() {
        let long = format!("X: s3cret{}", "x".repeat(MAX_BYTES));
        let many = "X: s3cret\n".repeat(MAX_HEADERS + 1);
        for (text, why) in [
            ("s3cret", "NAME: VALUE"),
            ("a b: s3cret", "'a b' is no name"),
            (": s3cret", "'' is no name"),
            ("X: s3cret\u{7f}", "'X' has a character"),
            ("host: s3cret", "set by rocketman"),
            ("Content-Length: s3cret", "set by rocketman"),
            (&long, "longer than"),
            (&many, "more than"),
        ] {
            let error = HttpHeaders::parse(text).unwrap_err().to_string();
            assert!(error.contains(why) && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn names_tell_which_values_are_secrets() {
        for name in [
            "Authorization",
            "X-Api-Key",
            "Cookie",
            "X-Hook-Token",
            "x-secret",
        ] {
            let headers = HttpHeaders::parse(&format!("{name}: x")).unwrap();
            assert_eq!(headers.secret(), Some(&*name.to_ascii_lowercase()));
        }
        let headers = HttpHeaders::parse("X-Tenant: a\nContent-Type: text/plain").unwrap();
        assert_eq!(headers.secret(), None);
        assert!(headers.has_content_type());
    }
}
