//! The v2 wire: which wire is read, with which dictionary, and what becomes of its frames.

mod accounts;
mod dictionary;
mod resumed;
mod wire;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::support::{
    compress,
    jetstream::{Connection, Request, Server},
};

const STREAM: &str = "/xrpc/network.bsky.jetstream.subscribeEvents";

const DICTIONARY: &str = "/xrpc/network.bsky.jetstream.getZstdDictionary";

/// The id of the dictionary that servers of these tests have.
const ID: u32 = 20_260_811;

/// The frame of which this is the line on the v1 wire.
fn frame(line: &str) -> String {
    #[derive(Deserialize)]
    struct Line<'a> {
        did: String,
        time_us: i64,
        cursor: u64,
        kind: String,
        #[serde(borrow)]
        commit: Option<Commit<'a>>,
        #[serde(borrow)]
        identity: Option<&'a RawValue>,
        #[serde(borrow)]
        account: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Commit<'a> {
        rev: String,
        operation: String,
        collection: String,
        rkey: String,
        #[serde(borrow)]
        record: Option<&'a RawValue>,
        cid: Option<String>,
    }
    let line: Line<'_> = serde_json::from_str(line).unwrap();
    let Line {
        did, cursor, kind, ..
    } = &line;
    let time = jiff::Timestamp::from_microsecond(line.time_us).unwrap();
    let end = format!(r#""seq":{cursor},"time":"{time:.6}"}}}}"#);
    let payload = match (&line.commit, line.identity, line.account) {
        (Some(commit), ..) => {
            let cid = commit.cid.as_ref();
            let cid = cid.map_or(String::new(), |cid| format!(r#""cid":"{cid}","#));
            let record = commit.record.map(RawValue::get);
            let record = record.map_or(String::new(), |record| format!(r#""record":{record},"#));
            format!(
                r#"{cid}"collection":"{}","did":"{did}","operation":"{}",{record}"rev":"{}","rkey":"{}","#,
                commit.collection, commit.operation, commit.rev, commit.rkey
            )
        }
        (_, Some(identity), _) => format!(r#""did":"{did}","identity":{},"#, identity.get()),
        (.., Some(account)) => format!(r#""account":{},"did":"{did}","#, account.get()),
        _ => panic!("a kind that no test sends"),
    };
    format!(
        r#"{{"$type":"message","payload":{{"$type":"network.bsky.jetstream.subscribeEvents#{kind}",{payload}{end}"#
    )
}

/// A service with the v2 wire, whose dictionary is [`ID`], and what it does with streams.
fn service(stream: impl Fn(Request) + Send + Sync + 'static) -> Server {
    Server::every(move |request| {
        if request.target.starts_with(DICTIONARY) {
            request.bytes("", &compress::dictionary(ID));
        } else {
            assert!(request.target.starts_with(STREAM), "{}", request.target);
            stream(request);
        }
    })
}

/// The streams that were asked for.
fn streams(server: &Server) -> Vec<String> {
    let mut requests = server.requests();
    requests.retain(|target| target.starts_with(STREAM));
    requests
}

/// Sends the events of these lines as the client asked for them.
fn send(connection: &mut Connection, compressed: bool, lines: impl IntoIterator<Item = String>) {
    if !compressed {
        connection.send_all(lines.into_iter().map(|line| frame(&line)));
        return;
    }
    for line in lines {
        let frame = compress::compress_with(&compress::dictionary(ID), &frame(&line), true);
        connection.send_binary(frame);
    }
}

/// Whether frames are to be compressed with [`ID`].
fn is_compressed(request: &Request) -> bool {
    request.parameters("zstdDictionary") == [ID.to_string()]
}

/// A refusal as the servers of this wire say it.
fn refuse(request: Request, status: &str, name: &str) {
    let body = format!(r#"{{"error":"{name}","message":"subscribe: no"}}"#);
    request.refuse(status, "Content-Type: application/json\r\n", &body);
}
