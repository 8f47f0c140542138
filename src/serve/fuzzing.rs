//! What the fuzz targets reach of the server. It decides nothing: it only makes nameable what is
//! private.

#![allow(missing_docs, reason = "nobody else sees it")]

use std::{borrow::Cow, net::Ipv4Addr};

use super::{
    answer::Answer,
    block::BlockBuilder,
    encoding::{Encoding, Wire},
    health::Health,
    incoming::Incoming,
    options::{Cursor, Options, Query, Update},
    request::{self, Request, Rules},
};
use crate::serve::listen::Gate;

/// What a consumer asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The filter in words.
    pub filter: String,
    pub max_bytes: u32,
    pub seq: Option<u64>,
    pub time_us: Option<u64>,
    pub require_hello: bool,
    pub is_compressed: bool,
}

impl Asked {
    fn new(query: Query, is_compressed: bool) -> Self {
        let Query {
            options: Options {
                filter, max_bytes, ..
            },
            cursor,
            compress: _,
            require_hello,
        } = query;
        let (seq, time_us) = match cursor {
            Cursor::Tip => (None, None),
            Cursor::Seq(seq) => (Some(seq), None),
            Cursor::Time(time_us) => (None, Some(time_us)),
        };
        Self {
            filter: filter.description().to_owned(),
            max_bytes,
            seq,
            time_us,
            require_hello,
            is_compressed,
        }
    }
}

/// What a request's head leads to: a consumer with its answer, or an answer with its status.
pub fn request(head: &[u8], legacy: bool) -> Result<(Asked, String), (u16, String)> {
    let rules = Rules {
        legacy,
        description: "what <is> & served",
        health: Health {
            description: "what is served",
            upstream: None,
            consumers: 0,
            sent: 0,
        },
        gate: &Gate::new(Ipv4Addr::LOCALHOST.into(), Vec::new(), Vec::new()),
        #[cfg(feature = "segments")]
        has_archive: true,
    };
    match request::parse(head, &rules) {
        Request::Subscribe(subscribe) => {
            let switching = request::switching(&subscribe);
            let is_compressed = subscribe.encoding.is_compressed();
            Ok((Asked::new(subscribe.query, is_compressed), switching))
        }
        Request::Refused(refusal) => {
            let answer = Answer::from(&refusal);
            Err((answer.status, text_of(answer.body)))
        }
        Request::Other(answer) => Err((answer.status, text_of(answer.body))),
        // What it is answered, the files decide.
        #[cfg(feature = "segments")]
        Request::Call(_) => Err((200, String::new())),
    }
}

/// A body that is text; nothing for the dictionary, which is not.
fn text_of(body: Cow<'static, [u8]>) -> String {
    String::from_utf8(body.into_owned()).unwrap_or_default()
}

/// What a query says.
pub fn query(query: &str, legacy: bool) -> Result<Asked, String> {
    let query = Query::parse(query, legacy).map_err(|error| error.to_string())?;
    let compress = query.compress;
    Ok(Asked::new(query, compress))
}

/// What a message leads to: nothing, other options (the filter in words, and the largest message),
/// or a close with this reason.
pub fn update(message: &[u8]) -> Result<Option<(String, u32)>, String> {
    match Update::parse(message) {
        Update::None => Ok(None),
        Update::Options(Options {
            filter, max_bytes, ..
        }) => Ok(Some((filter.description().to_owned(), max_bytes))),
        Update::Malformed(reason) => Err(reason.to_owned()),
        Update::Invalid(error) => Err(error.to_string()),
    }
}

/// The line of a recording as it is served, its frame, and what the v2 wire says of it; `None` where
/// it is no event.
pub fn served(
    line: &[u8],
    seq: u64,
    time_us: u64,
    legacy: bool,
) -> Option<(Vec<u8>, Vec<u8>, Vec<u8>)> {
    let mut builder = BlockBuilder::new(legacy);
    builder.push(line, seq, time_us).ok()?;
    let block = builder.finish();
    block.entries().first()?;
    let frame = block.frames(Encoding::Plain);
    let [line, of_v2] = [Wire::V1, Wire::V2].map(|wire| block.payload(0, wire).to_vec());
    Some((line, frame.to_vec(), of_v2))
}

/// What a consumer's bytes say, received in pieces of these sizes over and over, up to the first
/// breach of the protocol.
pub fn messages(bytes: &[u8], pieces: &[usize]) -> Vec<String> {
    let mut incoming = Incoming::new(Vec::new());
    let (mut read, mut rest) = (Vec::new(), bytes);
    let mut pieces = pieces.iter().cycle();
    while !rest.is_empty() {
        let piece = pieces.next().map_or(rest.len(), |piece| *piece);
        let (received, later) = rest.split_at(piece.clamp(1, rest.len()));
        rest = later;
        incoming.room().extend_from_slice(received);
        while let Some(message) = incoming.next() {
            read.push(format!("{message:?}"));
            if message.is_err() {
                return read;
            }
        }
        incoming.tidy();
    }
    read
}
