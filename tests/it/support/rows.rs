//! The rows of Parquet files, read with the crate alone.

use std::{fs::File, path::Path};

use parquet::{
    file::{
        metadata::RowGroupMetaData,
        reader::{FileReader, SerializedFileReader},
    },
    record::{Field, Row},
};
use serde_json::{Value, json};

/// All rows of a file, each as an object of its columns; what is null is left out.
pub fn rows(path: &Path) -> Vec<Value> {
    let file = File::open(path).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| object(&row.unwrap())).collect()
}

/// How many rows each row group has.
pub fn groups(path: &Path) -> Vec<i64> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let groups = reader.metadata().row_groups().iter();
    groups.map(RowGroupMetaData::num_rows).collect()
}

fn object(row: &Row) -> Value {
    let columns = row.get_column_iter();
    let columns = columns.filter(|(_, field)| !matches!(field, Field::Null));
    columns
        .map(|(name, field)| (name.clone(), value(field)))
        .collect()
}

fn value(field: &Field) -> Value {
    match field {
        Field::Str(text) => json!(text),
        Field::Long(n) | Field::TimestampMicros(n) => json!(n),
        Field::Double(x) => json!(x),
        Field::Bool(is) => json!(is),
        other => panic!("{other:?}"),
    }
}

/// What the row of an event is, by its line.
pub fn row_of(line: &str) -> Value {
    let event: Value = serde_json::from_str(line).unwrap();
    let mut row = json!({
        "did": event["did"],
        "time": event["time_us"],
        "seq": event["cursor"],
        "kind": event["kind"],
    });
    let kind = event["kind"].as_str().unwrap();
    let body = &event[kind];
    if kind == "commit" {
        for name in ["operation", "collection", "rkey", "rev", "cid"] {
            row[name] = body[name].clone();
        }
    }
    let (name, text) = match kind {
        "commit" => ("record", raw(line, "\"record\":")),
        _ => ("detail", raw(line, &format!("\"{kind}\":"))),
    };
    row[name] = json!(text);
    let columns = row.as_object_mut().unwrap();
    columns.retain(|_, value| !value.is_null());
    row
}

/// The value behind a key, as it stands in the line.
fn raw<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let (_, from) = line.split_once(key)?;
    let mut values = serde_json::Deserializer::from_str(from).into_iter::<Value>();
    values.next().unwrap().unwrap();
    from.get(..values.byte_offset())
}
