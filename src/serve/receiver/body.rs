//! The body of a request: what is in it, as lines and as events.

use hyper::{
    HeaderMap, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName},
};
use serde_json::value::RawValue;

use crate::{
    compressed::{FrameFormat, inflated},
    event::Batch,
};

/// The largest body, once it is inflated.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Why a body is not taken: the status, and what is said.
pub(super) type Refusal = (StatusCode, String);

/// What was sent.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// All of it, in lines that end.
    pub(super) lines: Vec<u8>,
    /// The lines of it that are events.
    pub(super) events: Batch,
    /// How many are none.
    pub(super) n_others: u64,
}

impl Body {
    /// Reads a body: lines, or an array of JSON, as its header says.
    pub(super) fn read(headers: &HeaderMap, sent: &[u8]) -> Result<Self, Refusal> {
        let value = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let form = match value(CONTENT_ENCODING).unwrap_or("identity") {
            "identity" => FrameFormat::Plain,
            "gzip" => FrameFormat::Gzip,
            "zstd" => FrameFormat::Zstd,
            _ => {
                let why = "the coding is neither gzip nor zstd".to_owned();
                return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
            }
        };
        let text = match inflated(form, sent, MAX_BYTES) {
            Ok(Some(text)) => text,
            Ok(None) => {
                let why = format!("it has more than {MAX_BYTES} bytes once it is inflated");
                return Err((StatusCode::PAYLOAD_TOO_LARGE, why));
            }
            Err(error) => {
                let why = format!("it cannot be inflated: {error}");
                return Err((StatusCode::BAD_REQUEST, why));
            }
        };
        let kind = value(CONTENT_TYPE).and_then(|kind| kind.split(';').next());
        let is_json = kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
        let mut body = Self::default();
        if is_json {
            for element in elements(&text)? {
                body.add(element.as_bytes());
            }
        } else {
            text.split(|byte| *byte == b'\n')
                .for_each(|line| body.add(line));
        }
        Ok(body)
    }

    fn add(&mut self, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return;
        }
        let start = self.lines.len();
        self.lines.extend_from_slice(line);
        // Between the words of JSON, where a line may end too.
        for byte in self.lines.iter_mut().skip(start) {
            if *byte == b'\n' || *byte == b'\r' {
                *byte = b' ';
            }
        }
        self.lines.push(b'\n');
        if self.events.push(line).is_err() {
            self.n_others += 1;
        }
    }
}

/// The elements of an array; of other JSON all of it.
fn elements(text: &[u8]) -> Result<Vec<&str>, Refusal> {
    let refused = |error: serde_json::Error| {
        let why = format!("it is not JSON, as its Content-Type says: {error}");
        (StatusCode::BAD_REQUEST, why)
    };
    let whole: &RawValue = serde_json::from_slice(text).map_err(refused)?;
    if !whole.get().starts_with('[') {
        return Ok(vec![whole.get()]);
    }
    let elements: Vec<&RawValue> = serde_json::from_slice(text).map_err(refused)?;
    Ok(elements.into_iter().map(RawValue::get).collect())
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    const EVENT: &str = r#"{"did":"did:plc:a","time_us":7,"kind":"commit","commit":{"rev":"3k","operation":"create","collection":"a.b.c","rkey":"x"}}"#;

    fn read(kind: &'static str, coding: &'static str, sent: &[u8]) -> Result<Body, Refusal> {
        let headers = [(CONTENT_TYPE, kind), (CONTENT_ENCODING, coding)];
        let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
        Body::read(&headers.into_iter().collect(), sent)
    }

    #[test]
    fn lines_and_arrays_have_the_same_events() {
        let lines = format!("{EVENT}\n\r\n{EVENT}\r\nelse");
        let body = read("application/x-ndjson", "identity", lines.as_bytes()).unwrap();
        let expected = format!("{EVENT}\n{EVENT}\nelse\n");
        assert_eq!(String::from_utf8(body.lines).unwrap(), expected);
        assert_eq!((body.events.len(), body.n_others), (2, 1));
        let array = format!(" [{EVENT} ,\n{EVENT},\n{{\"a\":\n1}}]");
        let body = read(
            "application/json; charset=utf-8",
            "identity",
            array.as_bytes(),
        )
        .unwrap();
        let expected = format!("{EVENT}\n{EVENT}\n{{\"a\": 1}}\n");
        assert_eq!(String::from_utf8(body.lines).unwrap(), expected);
        assert_eq!((body.events.len(), body.n_others), (2, 1));
        let body = read("application/json", "identity", b"{\"streams\":[]}").unwrap();
        assert_eq!(
            (&*body.lines, body.n_others),
            (&b"{\"streams\":[]}\n"[..], 1)
        );
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for (kind, coding, sent, status) in [
            ("application/json", "identity", &b"[1,"[..], 400),
            ("text/plain", "br", b"x", 415),
            ("text/plain", "gzip", b"x", 400),
            ("text/plain", "zstd", b"x", 400),
        ] {
            let (found, why) = read(kind, coding, sent).unwrap_err();
            assert_eq!(found.as_u16(), status, "{why}");
        }
        let large = vec![b'x'; MAX_BYTES + 1];
        assert_eq!(read("text/plain", "identity", &large).unwrap_err().0, 413);
    }

    #[cfg(all(feature = "gzip", feature = "zstd"))]
    #[test]
    fn a_compressed_body_is_inflated_within_bounds() {
        use crate::compressed::Encoder;
        for (coding, form) in [("gzip", FrameFormat::Gzip), ("zstd", FrameFormat::Zstd)] {
            let encoded = |text: &[u8]| {
                let mut encoder = Encoder::new(form, None).unwrap();
                encoder.encode(text).unwrap().to_vec()
            };
            let body = read("text/plain", coding, &encoded(EVENT.as_bytes())).unwrap();
            assert_eq!(body.events.len(), 1);
            let large = encoded(&vec![b'x'; MAX_BYTES + 1]);
            assert_eq!(read("text/plain", coding, &large).unwrap_err().0, 413);
        }
    }
}
