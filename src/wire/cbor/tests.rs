use std::collections::BTreeMap;

use ::cid::multihash::Multihash;
use ipld_core::ipld::Ipld;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn printed(record: &[u8]) -> Result<String, CborError> {
    let mut out = b"before".to_vec();
    let printed = Printer::default().append(record, &mut out);
    let text = String::from_utf8(out).unwrap();
    let text = text.strip_prefix("before").unwrap().to_owned();
    assert!(printed.is_ok() || text.is_empty(), "{text}");
    printed.map(|()| text)
}

fn encoded(text: &str) -> Result<Vec<u8>, CborError> {
    let mut out = b"before".to_vec();
    let encoded = Encoder::default().append(text.as_bytes(), &mut out);
    let record = out.strip_prefix(b"before").unwrap().to_vec();
    assert!(encoded.is_ok() || record.is_empty(), "{record:?}");
    encoded.map(|()| record)
}

fn hex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
}

/// A value as another library has it, to the text that a third one makes of it, with what browsers
/// could take for markup escaped.
fn expected(value: &Ipld) -> String {
    let text = serde_json::to_string(&json_of(value)).unwrap();
    [
        ('<', "\\u003c"),
        ('>', "\\u003e"),
        ('&', "\\u0026"),
        ('\u{2028}', "\\u2028"),
        ('\u{2029}', "\\u2029"),
    ]
    .into_iter()
    .fold(text, |text, (from, to)| text.replace(from, to))
}

fn json_of(value: &Ipld) -> Value {
    match value {
        Ipld::Null => Value::Null,
        Ipld::Bool(value) => json!(value),
        Ipld::Integer(value) => json!(i64::try_from(*value).unwrap()),
        Ipld::Float(_) => unreachable!("no record has one"),
        Ipld::String(value) => json!(value),
        Ipld::Bytes(value) => json!({ "$bytes": data_encoding::BASE64_NOPAD.encode(value) }),
        Ipld::Link(value) => json!({ "$link": value.to_string() }),
        Ipld::List(values) => values.iter().map(json_of).collect(),
        Ipld::Map(members) => {
            let members = members
                .iter()
                .map(|(key, value)| (key.clone(), json_of(value)));
            Value::Object(members.collect())
        }
    }
}

fn link(codec: u64, hash: [u8; 32]) -> ::cid::Cid {
    ::cid::Cid::new_v1(codec, Multihash::wrap(0x12, &hash).unwrap())
}

fn record() -> impl Strategy<Value = Ipld> {
    let text = || {
        prop_oneof![
            "[a-c]{0,3}",
            "[ -~]{0,40}",
            "[\\x00-\\x7f<>&\u{2027}-\u{202a}ü🚀]{0,40}"
        ]
    };
    let leaf = prop_oneof![
        Just(Ipld::Null),
        any::<bool>().prop_map(Ipld::Bool),
        any::<i64>().prop_map(|number| Ipld::Integer(number.into())),
        (-70_000..70_000_i128).prop_map(Ipld::Integer),
        text().prop_map(Ipld::String),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(Ipld::Bytes),
        (prop_oneof![Just(0x71), Just(0x55)], any::<[u8; 32]>())
            .prop_map(|(codec, hash)| Ipld::Link(link(codec, hash))),
    ];
    leaf.prop_recursive(5, 60, 8, move |value| {
        prop_oneof![
            proptest::collection::vec(value.clone(), 0..30).prop_map(Ipld::List),
            proptest::collection::btree_map(text(), value, 0..30).prop_map(Ipld::Map),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_record_is_printed_as_other_libraries_have_it(value in record()) {
        let bytes = serde_ipld_dagcbor::to_vec(&value).unwrap();
        prop_assert_eq!(printed(&bytes).unwrap(), expected(&value));
    }

    #[test]
    fn the_text_of_a_record_is_encoded_to_its_bytes(value in record()) {
        let bytes = serde_ipld_dagcbor::to_vec(&value).unwrap();
        prop_assert_eq!(encoded(&expected(&value)).unwrap(), bytes.clone());
        let spaced = serde_json::to_string_pretty(&json_of(&value)).unwrap();
        prop_assert_eq!(encoded(&spaced).unwrap(), bytes);
    }

    #[test]
    fn a_changed_record_is_refused_or_is_another_one(
        value in record(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = serde_ipld_dagcbor::to_vec(&value).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(text) = printed(&bytes) {
            prop_assert!(serde_json::from_str::<Value>(&text).is_ok(), "{}", text);
            prop_assert_eq!(encoded(&text).unwrap(), bytes);
        }
    }

    #[test]
    fn a_cut_record_is_refused(value in record(), at in any::<prop::sample::Index>()) {
        let bytes = serde_ipld_dagcbor::to_vec(&value).unwrap();
        prop_assert!(printed(&bytes[..at.index(bytes.len())]).is_err());
    }

    #[test]
    fn what_is_stepped_over_ends_where_it_ends(value in record()) {
        let mut bytes = serde_ipld_dagcbor::to_vec(&value).unwrap();
        let len = bytes.len();
        bytes.push(0);
        let mut reader = Reader::new(&bytes);
        reader.skip().unwrap();
        prop_assert_eq!(reader.at(), len);
    }

    #[test]
    fn an_identifier_is_that_of_another_library(record in proptest::collection::vec(any::<u8>(), 0..200)) {
        use sha2::{Digest, Sha256};
        let other = link(0x71, Sha256::digest(&record).into());
        let ours = Cid::of_record(&record);
        let text = other.to_string();
        prop_assert_eq!(&ours.text()[..], text.as_bytes());
        prop_assert_eq!(&ours.bytes()[..], other.to_bytes());
        prop_assert_eq!(Cid::parse(&ours.text()), Some(ours));
    }
}

#[test]
fn texts_are_escaped_as_the_server_does() {
    let text = "\u{0}\u{1f}\u{8}\u{c}\n\r\t\"\\/<>&\u{2028}\u{2029}\u{7f}ü…🚀";
    let expected = r#"{"\u003c":"\u0000\u001f\b\f\n\r\t\"\\/\u003c\u003e\u0026\u2028\u2029"#;
    let record = Ipld::Map(BTreeMap::from([(
        "<".to_owned(),
        Ipld::String(text.to_owned()),
    )]));
    let bytes = serde_ipld_dagcbor::to_vec(&record).unwrap();
    let expected = format!("{expected}\u{7f}ü…🚀\"}}");
    assert_eq!(printed(&bytes).unwrap(), expected);
    assert_eq!(encoded(&expected).unwrap(), bytes);
}

#[test]
fn keys_are_printed_in_the_order_of_their_bytes() {
    // b, c, aa in DAG-CBOR.
    assert_eq!(
        printed(&hex("a3616201616302626161f6")).unwrap(),
        r#"{"aa":null,"b":1,"c":2}"#
    );
    assert_eq!(printed(&hex("a1616140")).unwrap(), r#"{"a":{"$bytes":""}}"#);
    assert_eq!(printed(&hex("80")).unwrap(), "[]");
}

#[test]
fn what_the_server_refuses_is_refused() {
    for (bytes, words) in [
        ("", "too early"),
        ("a16161fb3ff8000000000000", "fraction"),
        ("a16161fb7ff8000000000000", "fraction"),
        ("a16161f93c00", "fraction"),
        ("a16161fa3f800000", "fraction"),
        ("1b8000000000000000", "64 bits"),
        ("3b8000000000000000", "64 bits"),
        ("a2616101616102", "twice"),
        ("a2616201616102", "out of order"),
        ("a262616101616202", "out of order"),
        ("1817", "shorter form"),
        ("1900ff", "shorter form"),
        ("1a0000ffff", "shorter form"),
        ("1b00000000ffffffff", "shorter form"),
        ("7801", "shorter form"),
        ("9f01ff", "not said"),
        ("7f6161ff", "not said"),
        ("a10102", "key that is no text"),
        ("a1416102", "key that is no text"),
        ("c001", "tag"),
        ("d82a01", "link"),
        ("d82a40", "link"),
        ("d82a420171", "link"),
        ("a16161f7", "no record may have"),
        ("f820", "no record may have"),
        ("1c", "means nothing"),
        ("61ff", "UTF-8"),
        ("a161ff01", "UTF-8"),
        ("a0ff", "more bytes"),
        ("7b0000000100000000", "longer than any"),
        ("9b7fffffffffffffff", "longer than any"),
        ("ba00100001", "longer than any"),
    ] {
        let error = printed(&hex(bytes)).unwrap_err().to_string();
        assert!(error.contains(words), "{bytes}: {error}");
    }
}

#[test]
fn a_link_has_to_be_one_of_a_record_or_a_file() {
    let good = link(0x55, [7; 32]).to_bytes();
    for at in 0..4 {
        let mut cid = good.clone();
        cid[at] ^= 3;
        let bytes = [&[0xd8, 42, 0x58, 37, 0][..], &cid].concat();
        assert!(printed(&bytes).is_err(), "{at}");
    }
    let long = [&[0xd8, 42, 0x58, 38, 0][..], &good, &[0]].concat();
    assert!(printed(&long).is_err());
}

#[test]
fn values_are_nested_only_as_deeply_as_the_server_reads() {
    let nested = |n: usize| [&vec![0x81; n - 1][..], &[0]].concat();
    let text = |n: usize| format!("{}0{}", "[".repeat(n - 1), "]".repeat(n - 1));
    assert_eq!(printed(&nested(128)).unwrap(), text(128));
    assert_eq!(encoded(&text(128)).unwrap(), nested(128));
    for error in [
        printed(&nested(129)).unwrap_err(),
        encoded(&text(129)).unwrap_err(),
    ] {
        assert!(error.to_string().contains("too deeply"), "{error}");
    }
    // Bytes, whose text is a map, are no deeper than they are; a text within a map is.
    let bytes = [&[0x81; 127][..], &[0x41, b'a']].concat();
    let text = printed(&bytes).unwrap();
    assert!(text.contains(r#"[{"$bytes":"YQ"}]"#), "{text}");
    assert_eq!(encoded(&text).unwrap(), bytes);
    for other in [r#"{"a":"b"}"#, r#"{"$bytes":"YQ","a":"b"}"#] {
        let text = text.replace(r#"{"$bytes":"YQ"}"#, other);
        let error = encoded(&text).unwrap_err().to_string();
        assert!(error.contains("too deeply"), "{error}");
    }
    assert!(printed(&vec![0x81; 1 << 20]).is_err());
    assert!(encoded(&"[".repeat(1 << 20)).is_err());
    assert!(Reader::new(&vec![0x81; 1 << 20]).skip().is_err());
}

#[test]
fn a_record_whose_text_is_far_longer_is_not_printed() {
    // A million control characters have six million.
    let text = Ipld::String("\u{1}".repeat(1 << 20));
    let bytes = |n| serde_ipld_dagcbor::to_vec(&Ipld::List(vec![text.clone(); n])).unwrap();
    assert_eq!(printed(&bytes(1)).unwrap().len(), 4 + 6 * (1 << 20));
    let error = printed(&bytes(3)).unwrap_err().to_string();
    assert!(error.contains("its text is longer"), "{error}");
    let error = printed(&bytes(9)).unwrap_err().to_string();
    assert!(error.contains("it is longer"), "{error}");
}

#[test]
fn a_text_that_no_record_has_is_not_encoded() {
    for (text, words) in [
        ("", "no value"),
        (" 1 2", "more text"),
        ("1.0", "fraction"),
        ("-1e3", "fraction"),
        ("9223372036854775808", "64 bits"),
        ("-9223372036854775809", "64 bits"),
        ("01", "not written as one"),
        ("-", "not written as one"),
        ("[1,]", "no value"),
        ("[1 2]", "comma"),
        ("{\"a\":1,}", "no text"),
        ("{\"a\" 1}", "no colon"),
        ("{\"a\":1,\"b\":2,\"\\u0061\":3}", "twice"),
        ("\"a", "does not end"),
        ("\"\u{1}\"", "control"),
        ("\"\\x\"", "escape"),
        ("\"\\ud800\"", "escape"),
        ("\"\\udc00\\ud800\"", "escape"),
        ("\"\\ud800\\u0061\"", "escape"),
        ("\"\\u00\"", "escape"),
        ("truth", "no value"),
        ("{\"$link\":1}", "no text"),
        ("{\"$link\":\"bafy\"}", "$link"),
        ("{\"$bytes\":[]}", "no text"),
        ("{\"$bytes\":\"a\"}", "Base64"),
    ] {
        let error = encoded(text).unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn texts_are_encoded_whatever_their_escapes() {
    for (text, bytes) in [
        (r#""\ud83d\ude80\/\u00fc""#, "67f09f9a802fc3bc"),
        (r#"{"$bytes":"YQ=="}"#, "4161"),
        (r#"{"$bytes":"YQ"}"#, "4161"),
        (r#"{"$bytes":"YQ","a":0}"#, "a261610066246279746573625951"),
        ("-0", "00"),
        ("-9223372036854775808", "3b7fffffffffffffff"),
        (" [ ] ", "80"),
        ("{ }", "a0"),
    ] {
        assert_eq!(encoded(text).unwrap(), hex(bytes), "{text}");
    }
}
