//! The yardstick for tables in files: a WebSocket loop that parses each event into columns of Arrow
//! and writes them by the arrow writer of the same crate, with the same columns, compression,
//! statistics and filters, a row group for 64 MB of lines. It keeps no place and no journal, syncs
//! nothing, and takes the stream's word for everything.
//!
//! `rocketman-bench-arrow URL EVENTS FILE`

use std::{borrow::Cow, env, fs::File, sync::Arc};

use arrow_array::{
    ArrayRef, RecordBatch,
    builder::{Int64Builder, StringBuilder, TimestampMicrosecondBuilder},
};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use futures_util::StreamExt;
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, Encoding, ZstdLevel},
    file::properties::{EnabledStatistics, WriterProperties},
    schema::types::ColumnPath,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio_tungstenite::{connect_async, tungstenite::Message};

/// How many rows are handed to the writer at once.
const ROWS: usize = 4096;

/// How many bytes of lines a row group has.
const GROUP_BYTES: usize = 64 * 1024 * 1024;

/// Rows of a group, as a bound of its filters.
const GROUP_ROWS: u64 = 160_000;

#[derive(Deserialize)]
struct Event<'a> {
    did: &'a str,
    time_us: i64,
    cursor: Option<i64>,
    kind: &'a str,
    #[serde(borrow)]
    commit: Option<Commit<'a>>,
    #[serde(borrow)]
    identity: Option<&'a RawValue>,
    #[serde(borrow)]
    account: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Commit<'a> {
    rev: &'a str,
    operation: &'a str,
    collection: &'a str,
    rkey: &'a str,
    #[serde(borrow)]
    record: Option<&'a RawValue>,
    #[serde(borrow)]
    cid: Option<Cow<'a, str>>,
}

#[derive(Default)]
struct Columns {
    did: StringBuilder,
    time: TimestampMicrosecondBuilder,
    seq: Int64Builder,
    kind: StringBuilder,
    operation: StringBuilder,
    collection: StringBuilder,
    rkey: StringBuilder,
    rev: StringBuilder,
    cid: StringBuilder,
    record: StringBuilder,
    detail: StringBuilder,
}

impl Columns {
    fn add(&mut self, event: &Event<'_>) {
        let commit = event.commit.as_ref();
        self.did.append_value(event.did);
        self.time.append_value(event.time_us);
        self.seq.append_option(event.cursor);
        self.kind.append_value(event.kind);
        self.operation
            .append_option(commit.map(|commit| commit.operation));
        self.collection
            .append_option(commit.map(|commit| commit.collection));
        self.rkey.append_option(commit.map(|commit| commit.rkey));
        self.rev.append_option(commit.map(|commit| commit.rev));
        self.cid
            .append_option(commit.and_then(|commit| commit.cid.as_deref()));
        let record = commit.and_then(|commit| commit.record);
        self.record.append_option(record.map(RawValue::get));
        let detail = event.identity.or(event.account);
        self.detail.append_option(detail.map(RawValue::get));
    }

    fn finish(&mut self, schema: &Arc<Schema>) -> RecordBatch {
        let time = self.time.finish().with_timezone("UTC");
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(self.did.finish()),
            Arc::new(time),
            Arc::new(self.seq.finish()),
            Arc::new(self.kind.finish()),
            Arc::new(self.operation.finish()),
            Arc::new(self.collection.finish()),
            Arc::new(self.rkey.finish()),
            Arc::new(self.rev.finish()),
            Arc::new(self.cid.finish()),
            Arc::new(self.record.finish()),
            Arc::new(self.detail.finish()),
        ];
        RecordBatch::try_new(Arc::clone(schema), arrays).unwrap()
    }
}

fn schema() -> Arc<Schema> {
    let text = |name: &str| Field::new(name, DataType::Utf8, !matches!(name, "did" | "kind"));
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let named = [
        "operation",
        "collection",
        "rkey",
        "rev",
        "cid",
        "record",
        "detail",
    ];
    let mut fields = vec![
        text("did"),
        Field::new("time", time, true),
        Field::new("seq", DataType::Int64, true),
        text("kind"),
    ];
    fields.extend(named.map(text));
    Arc::new(Schema::new(fields))
}

fn properties() -> WriterProperties {
    let column = |name: &str| ColumnPath::from(name);
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(None)
        .set_column_bloom_filter_max_ndv(column("did"), GROUP_ROWS)
        .set_column_bloom_filter_max_ndv(column("collection"), 4096);
    for name in ["rkey", "rev", "cid", "record", "detail"] {
        properties = properties.set_column_dictionary_enabled(column(name), false);
    }
    for name in ["time", "seq"] {
        properties = properties
            .set_column_dictionary_enabled(column(name), false)
            .set_column_encoding(column(name), Encoding::DELTA_BINARY_PACKED);
    }
    for name in ["record", "detail"] {
        let none = EnabledStatistics::None;
        properties = properties.set_column_statistics_enabled(column(name), none);
    }
    properties.build()
}

fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [url, n_events, path] = arguments.as_slice() else {
        panic!("URL, EVENTS and FILE are asked for");
    };
    let n_events: usize = n_events.parse().unwrap();
    let schema = schema();
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties())).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (mut socket, _) = connect_async(url.as_str()).await.unwrap();
        let (mut columns, mut bytes) = (Columns::default(), 0);
        for n in 1..=n_events {
            let Message::Text(text) = socket.next().await.unwrap().unwrap() else {
                panic!("a frame that is no text");
            };
            columns.add(&serde_json::from_str(&text).unwrap());
            bytes += text.len();
            if n % ROWS == 0 || n == n_events {
                writer.write(&columns.finish(&schema)).unwrap();
            }
            if bytes >= GROUP_BYTES {
                writer.write(&columns.finish(&schema)).unwrap();
                writer.flush().unwrap();
                bytes = 0;
            }
        }
    });
    writer.close().unwrap();
}
