use super::*;
use crate::segment::{LinePrinter, Printed};

/// The line of the row of a line.
fn again(line: &str) -> Result<(Kind, String), UnlineError> {
    LineReader::default().read(line.as_bytes(), |row, seq| {
        let row = Row {
            seq: seq.unwrap_or_default(),
            ..row
        };
        let mut out = Vec::new();
        let printed = LinePrinter::default().append(&row, &mut out).unwrap();
        assert_eq!(printed == Printed::Hidden, row.kind == Kind::Sync);
        (row.kind, String::from_utf8(out).unwrap())
    })
}

const RECORD: &str = r#"{"did":"did:plc:a","time_us":5,"cursor":7,"kind":"commit","commit":{"rev":"3r","operation":"create","collection":"a.b.c","rkey":"3k","record":{"aa":[1,-2,null],"b":"\u003c\u2028\"ü","c":{"$bytes":"YQ"}},"cid":"CID"}}"#;

/// With the true identifier in place of CID.
fn record() -> String {
    let mut bytes = Vec::new();
    let (_, rest) = RECORD.split_once("\"record\":").unwrap();
    let (json, _) = rest.split_once(",\"cid\"").unwrap();
    Encoder::default()
        .append(json.as_bytes(), &mut bytes)
        .unwrap();
    let cid = String::from_utf8(Cid::of_record(&bytes).text().to_vec()).unwrap();
    RECORD.replace("CID", &cid)
}

#[test]
fn a_line_comes_back_from_its_row_as_it_was() {
    let update = record().replace("\"create\"", "\"update\"");
    for (line, kind) in [
        (&*record(), Kind::Create),
        (&*update, Kind::Update),
        (
            r#"{"did":"did:plc:a","time_us":5,"cursor":7,"kind":"commit","commit":{"rev":"3r","operation":"delete","collection":"a.b.c","rkey":"3k"}}"#,
            Kind::Delete,
        ),
        (
            r#"{"did":"did:plc:a","time_us":5,"kind":"identity","identity":{"did":"did:plc:a","handle":"a.example","seq":3,"time":"t"}}"#,
            Kind::Identity,
        ),
        (
            r#"{"did":"did:plc:a","time_us":5,"cursor":1,"kind":"account","account":{"active":false,"did":"did:plc:a","seq":3,"status":"deleted","time":"t"}}"#,
            Kind::Account,
        ),
    ] {
        let (found, again) = again(line).unwrap();
        assert_eq!((found, &*again), (kind, line));
    }
}

#[test]
fn a_sync_event_keeps_its_revision() {
    let line = r#"{"did":"did:plc:a","time_us":5,"kind":"sync","sync":{"blocks":{"$bytes":"YQ"},"did":"did:plc:a","rev":"3x","seq":3,"time":"t"}}"#;
    let mut reader = LineReader::default();
    let rev = reader.read(line.as_bytes(), |row, _| (row.kind, row.rev.to_vec()));
    assert_eq!(rev.unwrap(), (Kind::Sync, b"3x".to_vec()));
}

#[test]
fn a_line_that_is_no_row_says_why() {
    let good = record();
    let changed = good.replace("[1,-2", "[1,-3");
    let without = good.split_once(",\"cid\"").unwrap().0.to_owned() + "}}";
    let float = good.replace("[1,-2", "[1.5,-2");
    for (line, words, is_of_content) in [
        ("nothing", "not an event", false),
        (
            r#"{"did":"a","time_us":1,"kind":"x\u001b"}"#,
            r"of kind 'x\u{1b}'",
            false,
        ),
        (
            r#"{"did":"a","time_us":1,"kind":"account"}"#,
            "no account",
            false,
        ),
        (
            &*good.replace("\"create\"", "\"merge\""),
            "a 'merge'",
            false,
        ),
        (&*changed, "not that of its record", true),
        (&*without, "no cid", true),
        (&*float, "no repository can hold", true),
    ] {
        let error = again(line).unwrap_err();
        assert!(error.to_string().contains(words), "{line}: {error}");
        assert_eq!(error.is_of_content(), is_of_content, "{line}");
    }
}
