//! Rows read back, as the lines of their events.

use std::{fs::File, io, sync::Arc, vec};

use ::parquet::{
    data_type::{ByteArray, ByteArrayType, Int64Type},
    errors::Result,
    file::metadata::RowGroupMetaData,
};

use super::{
    failed,
    groups::Groups,
    points::{column, index},
};

/// The columns of text, in the order of [`Texts`].
const TEXTS: [&str; 8] = [
    "did",
    "kind",
    "operation",
    "collection",
    "rkey",
    "rev",
    "cid",
    "detail",
];

impl Groups {
    /// Appends the lines of one group, each with its line end.
    pub(crate) fn push_lines(&self, file: &File, at: usize, out: &mut Vec<u8>) -> io::Result<()> {
        let Some(group) = self.all().get(at) else {
            return Ok(());
        };
        let file = Arc::new(file.try_clone()?);
        let rows = Rows::read(&file, group).map_err(failed)?;
        rows.push(out);
        Ok(())
    }
}

type Texts = vec::IntoIter<Option<ByteArray>>;

/// The columns of one group.
struct Rows {
    times: Vec<Option<i64>>,
    numbers: vec::IntoIter<Option<i64>>,
    texts: [Texts; TEXTS.len()],
    /// Empty where records are not kept.
    records: Texts,
}

impl Rows {
    fn read(file: &Arc<File>, group: &RowGroupMetaData) -> Result<Self> {
        let texts = |name| column::<ByteArrayType>(file, group, name).map(Vec::into_iter);
        let [did, kind, operation, collection, rkey, rev, cid, detail] = TEXTS.map(texts);
        let records = match index(group, "record") {
            Some(_) => texts("record")?,
            None => Vec::new().into_iter(),
        };
        Ok(Self {
            times: column::<Int64Type>(file, group, "time")?,
            numbers: column::<Int64Type>(file, group, "seq")?.into_iter(),
            texts: [
                did?,
                kind?,
                operation?,
                collection?,
                rkey?,
                rev?,
                cid?,
                detail?,
            ],
            records,
        })
    }

    fn push(mut self, out: &mut Vec<u8>) {
        for time in self.times {
            let texts = self.texts.each_mut().map(|texts| texts.next().flatten());
            let row = Row {
                time: time.unwrap_or_default(),
                seq: self.numbers.next().flatten(),
                texts,
                record: self.records.next().flatten(),
            };
            row.push(out);
        }
    }
}

/// One row.
struct Row {
    time: i64,
    seq: Option<i64>,
    texts: [Option<ByteArray>; TEXTS.len()],
    record: Option<ByteArray>,
}

impl Row {
    /// Appends the line in the order of servers.
    fn push(&self, out: &mut Vec<u8>) {
        let [did, kind, operation, collection, rkey, rev, cid, detail] = self
            .texts
            .each_ref()
            .map(|text| text.as_ref().map_or(&b""[..], ByteArray::data));
        if did.is_empty() {
            // A message of NATS that is no event is there as it is.
            out.extend_from_slice(detail);
            out.push(b'\n');
            return;
        }
        push_text(out, b"{\"did\":", did);
        out.extend_from_slice(format!(",\"time_us\":{}", self.time).as_bytes());
        if let Some(seq) = self.seq {
            out.extend_from_slice(format!(",\"cursor\":{seq}").as_bytes());
        }
        push_text(out, b",\"kind\":", kind);
        if kind == b"commit" {
            push_text(out, b",\"commit\":{\"rev\":", rev);
            push_text(out, b",\"operation\":", operation);
            push_text(out, b",\"collection\":", collection);
            push_text(out, b",\"rkey\":", rkey);
            if let Some(record) = &self.record {
                out.extend_from_slice(b",\"record\":");
                out.extend_from_slice(record.data());
            }
            if !cid.is_empty() {
                push_text(out, b",\"cid\":", cid);
            }
            out.push(b'}');
        } else if !detail.is_empty() {
            push_text(out, b",", kind);
            out.push(b':');
            out.extend_from_slice(detail);
        }
        out.extend_from_slice(b"}\n");
    }
}

/// Appends what comes before a text, and the text as JSON.
fn push_text(out: &mut Vec<u8>, before: &[u8], text: &[u8]) {
    out.extend_from_slice(before);
    let text = String::from_utf8_lossy(text);
    // Writing to a vector cannot fail.
    serde_json::to_writer(out, &text).ok();
}
