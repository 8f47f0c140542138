use super::*;

fn row(kind: Kind, payload: &[u8]) -> Row<'_> {
    Row {
        seq: 24_589_902_470,
        witnessed_at: 1_783_175_888_085_434,
        indexed_at: 0,
        kind,
        collection: b"app.bsky.feed.like",
        did: b"did:plc:aaaaaaaaaaaaaaaaaaaaaaaa",
        rkey: b"3mptbyoxyz22m",
        rev: b"3mptbyp63ih2m",
        payload,
    }
}

fn line(row: &Row<'_>) -> Result<String, LineError> {
    let mut out = b"before".to_vec();
    let printed = LinePrinter::default().append(row, &mut out);
    let text = String::from_utf8(out).unwrap();
    let text = text.strip_prefix("before").unwrap();
    assert_eq!(matches!(printed, Ok(Printed::Line)), !text.is_empty());
    printed.map(|_| text.to_owned())
}

fn cbor(json: &str) -> Vec<u8> {
    let mut out = Vec::new();
    crate::wire::cbor::Encoder::default()
        .append(json.as_bytes(), &mut out)
        .unwrap();
    out
}

const HEAD: &str =
    r#"{"did":"did:plc:aaaaaaaaaaaaaaaaaaaaaaaa","time_us":1783175888085434,"cursor":24589902470,"#;

#[test]
fn a_record_is_printed_with_its_identifier() {
    let payload =
        cbor(r#"{"$type":"app.bsky.feed.like","subject":{"uri":"at://x"},"createdAt":"<"}"#);
    for (kind, operation) in [
        (Kind::Create, "create"),
        (Kind::Update, "update"),
        (Kind::CreateResync, "create"),
    ] {
        let expected = format!(
            "{HEAD}{}{operation}{}",
            r#""kind":"commit","commit":{"rev":"3mptbyp63ih2m","operation":""#,
            r#"","collection":"app.bsky.feed.like","rkey":"3mptbyoxyz22m","record":{"$type":"app.bsky.feed.like","createdAt":"\u003c","subject":{"uri":"at://x"}},"cid":"bafyreialn4dpe5uoauruupcz5neqnggszmt26hazjkct6kkegktrzjsi2u"}}"#,
        );
        let line = line(&row(kind, &payload)).unwrap();
        assert_eq!(line, expected);
    }
}

#[test]
fn a_deletion_has_neither_record_nor_identifier() {
    let expected = r#""kind":"commit","commit":{"rev":"3mptbyp63ih2m","operation":"delete","collection":"app.bsky.feed.like","rkey":"3mptbyoxyz22m"}}"#;
    assert_eq!(
        line(&row(Kind::Delete, b"")).unwrap(),
        format!("{HEAD}{expected}")
    );
}

#[test]
fn what_a_relay_said_of_an_account_is_printed() {
    for (kind, said, expected) in [
        (
            Kind::Identity,
            r#"{"did":"did:plc:b","seq":7,"time":"t&","handle":"alice.example","other":[1,{"a":{}}]}"#,
            r#""kind":"identity","identity":{"did":"did:plc:b","handle":"alice.example","seq":7,"time":"t\u0026"}}"#,
        ),
        (
            Kind::Identity,
            r#"{"handle":null,"seq":-7,"$type":"x"}"#,
            r#""kind":"identity","identity":{"$type":"x","did":"","seq":-7,"time":""}}"#,
        ),
        (
            Kind::Account,
            r#"{"did":"did:plc:b","seq":7,"time":"t","active":false,"status":"deleted","handle":1}"#,
            r#""kind":"account","account":{"active":false,"did":"did:plc:b","seq":7,"status":"deleted","time":"t"}}"#,
        ),
        (
            Kind::Account,
            r#"{"active":true}"#,
            r#""kind":"account","account":{"active":true,"did":"","seq":0,"time":""}}"#,
        ),
    ] {
        let payload = cbor(said);
        let line = line(&row(kind, &payload)).unwrap();
        assert_eq!(line, format!("{HEAD}{expected}"));
    }
}

#[test]
fn an_imported_time_is_shown_and_no_number_left_out() {
    let imported = Row {
        indexed_at: -5,
        seq: 0,
        ..row(Kind::Delete, b"")
    };
    let line = line(&imported).unwrap();
    let expected = r#"{"did":"did:plc:aaaaaaaaaaaaaaaaaaaaaaaa","time_us":-5,"kind":"commit""#;
    assert!(line.starts_with(expected), "{line}");
}

#[test]
fn a_new_state_of_a_repository_has_no_line() {
    assert_eq!(line(&row(Kind::Sync, b"anything")), Ok(String::new()));
}

#[test]
fn where_the_v2_wire_is_served_a_new_state_has_one() {
    let payload = cbor(r#"{"time":"","rev":"3m","blocks":{"$bytes":""},"seq":0}"#);
    let mut line = Vec::new();
    let printed = LinePrinter::with_sync().append(&row(Kind::Sync, &payload), &mut line);
    assert_eq!(printed, Ok(Printed::Line));
    let expected = r#""kind":"sync","sync":{"blocks":{"$bytes":""},"rev":"3m","seq":0,"time":""}}"#;
    assert!(
        line.ends_with(expected.as_bytes()),
        "{}",
        line.escape_ascii()
    );
}

#[test]
fn what_cannot_be_printed_is_said() {
    let whole = cbor("{}");
    let names = Row {
        did: b"\xff",
        ..row(Kind::Create, &whole)
    };
    assert_eq!(line(&names), Err(LineError::Name("DID")));
    let float = [0xa1, 0x61, b'a', 0xfb, 0, 0, 0, 0, 0, 0, 0, 0];
    assert!(matches!(
        line(&row(Kind::Create, &float)),
        Err(LineError::Record(_))
    ));
    assert!(matches!(
        line(&row(Kind::Update, b"")),
        Err(LineError::Record(_))
    ));
    assert!(matches!(
        line(&row(Kind::Identity, &[0x80])),
        Err(LineError::Upstream(_))
    ));
    let active = cbor(r#"{"active":1}"#);
    assert!(matches!(
        line(&row(Kind::Account, &active)),
        Err(LineError::Upstream(_))
    ));
}
