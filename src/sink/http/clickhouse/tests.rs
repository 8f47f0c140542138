//! Statements, rows and numbers of errors.

use super::*;
use crate::{event::OwnedEvent, sink::http::HttpAddress};

fn rows() -> ClickHouseRows {
    let columns = [
        "text=/commit/record/text",
        "n:integer=/commit/record/n",
        "at:time=/commit/record/at",
        "yes:boolean=/commit/record/yes",
    ];
    ClickHouseRows {
        columns: columns.map(|column| column.parse().unwrap()).to_vec(),
        ..ClickHouseRows::default()
    }
}

fn row(line: &str, rows: &ClickHouseRows) -> serde_json::Value {
    let event = OwnedEvent::from_line(line).unwrap();
    let mut out = Vec::new();
    rows::append(&event.event(), rows, &mut out);
    assert!(out.ends_with(b"}\n"));
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn a_row_has_what_the_event_has() {
    let line = r#"{"did":"did:plc:a","time_us":1800000000000007,"cursor":9,"kind":"commit","commit":{"rev":"3k","operation":"create","collection":"a.b.c","rkey":"k","record":{"text":"a\"ü","n":1.5,"at":"9999-01-01T00:00:00Z","yes":true},"cid":"bafy"}}"#;
    let identity = OwnedEvent::from_line(line).unwrap();
    let identity = identity.event().point().identity.unwrap().to_bits();
    let mut expected = serde_json::json!({
        "did": "did:plc:a", "time": 1_800_000_000.000_007, "identity": identity, "seq": 9,
        "kind": "commit", "operation": "create", "collection": "a.b.c", "rkey": "k", "rev": "3k",
        "cid": "bafy", "text": "a\"ü", "yes": true,
        "record": r#"{"text":"a\"ü","n":1.5,"at":"9999-01-01T00:00:00Z","yes":true}"#,
    });
    assert_eq!(row(line, &rows()), expected);
    let bare = ClickHouseRows {
        has_record: false,
        ..rows()
    };
    expected.as_object_mut().unwrap().remove("record");
    assert_eq!(row(line, &bare), expected);
    let account = r#"{"did":"did:plc:a","time_us":11000000000000000,"kind":"account","account":{"active":false}}"#;
    let row = row(account, &rows());
    assert_eq!(row["detail"], r#"{"active":false}"#);
    assert_eq!(row["time"], 10_413_791_999.0, "as late as can be");
    assert!(row.get("rev").is_none());
}

#[test]
fn an_insert_names_table_columns_and_token() {
    let address = HttpAddress::parse("clickhouse://h.example/my%60db/t%5Cable").unwrap();
    let table = address.table().unwrap();
    let target = rows().insert(table, RequestId::from([7; 16]));
    let (path, query) = target.split_once('?').unwrap();
    assert_eq!(path, "/");
    let query: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    assert_eq!(
        query[0].1,
        r"INSERT INTO `my\`db`.`t\\able` (`did`, `time`, `seq`, `kind`, `operation`, `collection`, `rkey`, `rev`, `cid`, `record`, `detail`, `identity`, `text`, `n`, `at`, `yes`) FORMAT JSONEachRow"
    );
    assert!(query.contains(&(
        "insert_deduplication_token".into(),
        "msg_07070707070707070707070707070707".into()
    )));
    assert!(query.contains(&("async_insert".into(), "0".into())));
    let statement = rows().create_statement(table);
    assert!(statement.contains("ReplacingMergeTree ORDER BY (`did`, `identity`)"));
    assert!(statement.contains("`at` Nullable(DateTime64(6, 'UTC'))"));
}

#[test]
fn errors_are_about_a_row_the_statement_or_a_moment() {
    for (code, status, sorted) in [
        (27, 400, Sort::Content),
        (349, 400, Sort::Content),
        (60, 404, Sort::Endpoint),
        (81, 404, Sort::Endpoint),
        (62, 400, Sort::Endpoint),
        (516, 403, Sort::Endpoint),
        (164, 500, Sort::Passing),
        (241, 500, Sort::Passing),
        (252, 500, Sort::Passing),
        (202, 400, Sort::Passing),
        (12345, 400, Sort::Endpoint),
        (12345, 503, Sort::Passing),
    ] {
        assert_eq!(sort(code, status), sorted, "{code} {status}");
    }
}
