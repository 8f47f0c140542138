//! The body of a request.

use std::io;

use super::{BodyCompression, BodyForm, parcel::Item};
use crate::{
    compressed::{Encoder, FrameFormat},
    sink::format::Formatter,
};

impl BodyForm {
    /// What the endpoint is told that it gets.
    pub(super) fn content_type(&self) -> &'static str {
        match self {
            Self::Lines(format) => format.content_type(),
            Self::Array => "application/json",
            Self::Template(template) => template.content_type(),
        }
    }

    /// The body with these events.
    pub(super) fn body_of(&self, items: &[Item]) -> Vec<u8> {
        match self {
            Self::Lines(format) => match Formatter::new(format) {
                Some(mut formatter) => {
                    formatter.set_lead(format.header());
                    formatter.begin();
                    for item in items {
                        formatter.add(&item.event.event());
                    }
                    std::mem::take(formatter.lines_mut())
                }
                None => joined(items, b"", b"\n", b"\n"),
            },
            Self::Array => joined(items, b"[", b",", b"]"),
            Self::Template(template) => template.body_of(items),
        }
    }
}

fn joined(items: &[Item], before: &[u8], between: &[u8], after: &[u8]) -> Vec<u8> {
    let bytes: usize = items.iter().map(|item| item.event.line().len() + 1).sum();
    let mut body = Vec::with_capacity(bytes + 2);
    body.extend_from_slice(before);
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            body.extend_from_slice(between);
        }
        body.extend_from_slice(item.event.line());
    }
    body.extend_from_slice(after);
    body
}

impl BodyCompression {
    /// As `Content-Encoding` names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "gzip")]
            Self::Gzip => "gzip",
            #[cfg(feature = "zstd")]
            Self::Zstd => "zstd",
        }
    }

    pub(super) fn compress(self, body: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            #[cfg(feature = "gzip")]
            Self::Gzip => encoded(FrameFormat::Gzip, body),
            #[cfg(feature = "zstd")]
            Self::Zstd => encoded(FrameFormat::Zstd, body),
        }
    }
}

#[cfg(any(feature = "gzip", feature = "zstd"))]
fn encoded(form: FrameFormat, body: &[u8]) -> io::Result<Vec<u8>> {
    Ok(Encoder::new(form, None)?.encode(body)?.to_vec())
}
