//! Heads of HTTP/1.1, read for both ends of a connection (RFC 9112).
//!
//! How much of a head is received, and what a request may ask for, is for each end to know.

/// The most header fields of a request; browsers send some twenty.
#[cfg(feature = "serve")]
const MAX_REQUEST_HEADERS: usize = 100;

/// The most header fields of a response; there is no response with a tenth of that.
const MAX_RESPONSE_HEADERS: usize = 1024;

/// The head of a request.
#[cfg(feature = "serve")]
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    pub(crate) headers: Headers<'a>,
    /// Whether another request may follow on the connection (RFC 9112, section 9.3).
    #[cfg(feature = "segments")]
    pub(crate) is_kept: bool,
}

/// The head of a response.
#[derive(Debug)]
pub(crate) struct Response<'a> {
    /// Its own length, the empty line included.
    pub(crate) bytes: usize,
    pub(crate) status: u16,
    pub(crate) headers: Headers<'a>,
}

/// The header fields of a head, in their order.
#[derive(Debug)]
pub(crate) struct Headers<'a>(Vec<(&'a str, &'a [u8])>);

/// Why bytes are not a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadHead {
    NotHttp,
    TooManyHeaders,
}

#[cfg(feature = "serve")]
impl<'a> Request<'a> {
    /// Reads a head that was received to its empty line.
    pub(crate) fn parse(head: &'a [u8]) -> Result<Self, BadHead> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_REQUEST_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        request.parse(head)?;
        let headers = Headers::of(request.headers);
        Ok(Self {
            method: request.method.ok_or(BadHead::NotHttp)?,
            target: request.path.ok_or(BadHead::NotHttp)?,
            #[cfg(feature = "segments")]
            is_kept: request.version == Some(1) && !headers.ask_to_close(),
            headers,
        })
    }
}

impl<'a> Response<'a> {
    /// Reads the head that these bytes begin with; `None` while it is not complete.
    pub(crate) fn parse(received: &'a [u8]) -> Result<Option<Self>, BadHead> {
        let mut headers = vec![httparse::EMPTY_HEADER; MAX_RESPONSE_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(bytes) = response.parse(received)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            bytes,
            status: response.code.unwrap_or_default(),
            headers: Headers::of(response.headers),
        }))
    }
}

/// The status and the reason of a response, whatever header fields it has.
pub(crate) fn status(head: &[u8]) -> Option<(u16, &str)> {
    let mut headers = [];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(head) {
        Ok(_) | Err(httparse::Error::TooManyHeaders) => {}
        Err(_) => return None,
    }
    Some((response.code?, response.reason.unwrap_or_default()))
}

/// Whether another response follows the one with this status. An upgrade is the last.
pub(crate) fn is_interim(status: u16) -> bool {
    matches!(status, 100..=199) && status != 101
}

impl<'a> Headers<'a> {
    fn of(headers: &[httparse::Header<'a>]) -> Self {
        let fields = headers.iter().map(|header| (header.name, header.value));
        fields.collect()
    }

    /// All fields: their names and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.0.iter().copied()
    }

    #[cfg(all(feature = "serve", feature = "segments"))]
    fn ask_to_close(&self) -> bool {
        let values = self.texts("connection");
        let mut words = values.flat_map(|value| value.split(','));
        words.any(|word| word.trim().eq_ignore_ascii_case("close"))
    }

    /// The values of a field, as often as it is there.
    #[cfg(feature = "serve")]
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.iter()
            .filter(move |(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The values of a field that are UTF-8.
    #[cfg(feature = "serve")]
    pub(crate) fn texts(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.values(name)
            .filter_map(|value| str::from_utf8(value).ok())
    }
}

impl<'a> FromIterator<(&'a str, &'a [u8])> for Headers<'a> {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a [u8])>>(fields: T) -> Self {
        Self(fields.into_iter().collect())
    }
}

impl From<httparse::Error> for BadHead {
    fn from(error: httparse::Error) -> Self {
        match error {
            httparse::Error::TooManyHeaders => Self::TooManyHeaders,
            _ => Self::NotHttp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_read_once_its_head_is_complete() {
        let text =
            b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3\r\nretry-after: \xff\r\n\r\nhello";
        let head_bytes = text.len() - 5;
        for end in 0..head_bytes {
            let begun = Response::parse(&text[..end]).unwrap();
            assert!(begun.is_none(), "complete after {end} bytes");
        }
        let response = Response::parse(text).unwrap().unwrap();
        assert_eq!((response.status, response.bytes), (503, head_bytes));
        let values: Vec<_> = response.headers.values("RETRY-AFTER").collect();
        assert_eq!(values, [&b"3"[..], b"\xff"]);
        let texts: Vec<_> = response.headers.texts("Retry-After").collect();
        assert_eq!(texts, ["3"]);
    }

    #[test]
    fn what_is_no_head_is_told_from_one_that_is_too_long() {
        let foreign = b"SSH-2.0-OpenSSH_9.2\r\n";
        assert_eq!(Response::parse(foreign).unwrap_err(), BadHead::NotHttp);
        assert_eq!(
            Request::parse(b"GET\r\n\r\n").unwrap_err(),
            BadHead::NotHttp
        );
        let fields = |n: usize| format!("{}\r\n", "a: b\r\n".repeat(n));
        let request = |n| format!("GET /x HTTP/1.1\r\n{}", fields(n));
        let most = request(MAX_REQUEST_HEADERS);
        let read = Request::parse(most.as_bytes()).unwrap();
        assert_eq!((read.method, read.target), ("GET", "/x"));
        #[cfg(feature = "segments")]
        assert!(read.is_kept);
        let more = request(MAX_REQUEST_HEADERS + 1);
        let error = Request::parse(more.as_bytes()).unwrap_err();
        assert_eq!(error, BadHead::TooManyHeaders);
        let response = format!("HTTP/1.1 200 OK\r\n{}", fields(MAX_RESPONSE_HEADERS + 1));
        let error = Response::parse(response.as_bytes()).unwrap_err();
        assert_eq!(error, BadHead::TooManyHeaders);
        // The status is known all the same.
        assert_eq!(status(response.as_bytes()), Some((200, "OK")));
        assert_eq!(status(foreign), None);
    }
}
