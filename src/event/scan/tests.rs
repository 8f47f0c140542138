use super::*;
use crate::event::envelope;

/// The names of an event, and whether its server counts.
struct Names {
    did: String,
    time_us: String,
    seq: Option<String>,
    rev: String,
    operation: String,
    collection: String,
    rkey: String,
    rest: &'static str,
}

impl Names {
    fn usual() -> Self {
        Self {
            did: "did:plc:z72i7hdynmk6r22z27h6tvur".to_owned(),
            time_us: "1790000000123456".to_owned(),
            seq: Some("24589902470".to_owned()),
            rev: "3mplolz3hk22m".to_owned(),
            operation: "create".to_owned(),
            collection: "app.bsky.feed.like".to_owned(),
            rkey: "3mplolywzbc2m".to_owned(),
            rest: r#","record":{"$type":"app.bsky.feed.like"},"cid":"bafyrei"}}"#,
        }
    }

    /// Names of usual lengths, but for some.
    fn random(random: &mut fastrand::Rng) -> Self {
        let mut names = Self::usual();
        let texts = [
            &mut names.did,
            &mut names.rev,
            &mut names.operation,
            &mut names.collection,
            &mut names.rkey,
        ];
        for text in texts {
            match random.u8(..8) {
                0 => *text = string(random, 0..48),
                1 => text.truncate(random.usize(..=text.len())),
                2 => text.push_str(&string(random, 0..4)),
                _ => {}
            }
        }
        match random.u8(..8) {
            0 => names.seq = None,
            1 => names.seq = Some(digits(random)),
            2 => names.time_us = digits(random),
            3 => names.operation = "update".to_owned(),
            4 => {
                names.operation = "delete".to_owned();
                names.rest = "}}";
            }
            _ => {}
        }
        names
    }

    fn line(&self) -> String {
        let Self {
            did,
            time_us,
            seq,
            rev,
            operation,
            collection,
            rkey,
            rest,
        } = self;
        let seq = seq
            .as_ref()
            .map_or(String::new(), |seq| format!(r#","cursor":{seq}"#));
        format!(
            r#"{{"did":"{did}","time_us":{time_us}{seq},"kind":"commit","commit":{{"rev":"{rev}","operation":"{operation}","collection":"{collection}","rkey":"{rkey}"{rest}"#
        )
    }
}

fn string(random: &mut fastrand::Rng, len: std::ops::Range<usize>) -> String {
    let len = random.usize(len);
    let any = ['a', 'Z', '7', ':', '.', '-', '_', ' ', '\u{e9}'];
    (0..len).map(|_| any[random.usize(..any.len())]).collect()
}

fn digits(random: &mut fastrand::Rng) -> String {
    let first = char::from(random.u8(b'1'..=b'9'));
    let len = random.usize(..18);
    let rest = (0..len).map(|_| char::from(random.u8(b'0'..=b'9')));
    std::iter::once(first).chain(rest).collect()
}

/// What was read, with the names as bytes.
fn read(
    line: &[u8],
    envelope: Option<Envelope>,
    side: &[u8],
) -> Option<impl PartialEq + std::fmt::Debug + use<>> {
    envelope.map(|envelope| {
        let names = envelope.texts(line, side);
        (envelope.kind, envelope.operation, envelope.point, names)
    })
}

/// Reads a line in both ways, and returns what the fast one found if they agree. The fast one looks
/// at nothing behind the key, so that the line may as well end there; names with control characters
/// or torn UTF-8 in them are none of its business.
fn both(line: &[u8]) -> Option<Envelope> {
    let fast = commit(line)?;
    let names = &line[..fast.rkey.end()];
    if str::from_utf8(names).is_err() || names.iter().any(u8::is_ascii_control) {
        return Some(fast);
    }
    let mut side = Vec::new();
    let found = read(line, Some(fast), &[]);
    let cut = [names, b"\"}}"].concat();
    let checked = envelope::read(&cut, &mut side).expect("what was read is whole");
    assert_eq!(
        found,
        read(&cut, Some(checked), &side),
        "{}",
        line.escape_ascii()
    );
    if let Ok(checked) = envelope::read(line, &mut side) {
        assert_eq!(
            found,
            read(line, Some(checked), &side),
            "{}",
            line.escape_ascii()
        );
    }
    Some(fast)
}

#[test]
fn any_length_of_name_or_number_reads_as_by_the_parser() {
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..20_000 {
        let line = Names::random(&mut random).line();
        assert!(both(line.as_bytes()).is_some(), "{line}");
    }
}

#[test]
fn damage_anywhere_is_read_as_by_the_checked_parser() {
    let mut random = fastrand::Rng::with_seed(2);
    let mut n_read = 0;
    for _ in 0..50_000 {
        let mut line = Names::random(&mut random).line().into_bytes();
        let at = random.usize(..line.len());
        match random.u8(..4) {
            0 => line[at] = b"\"\\{},:0 a\n\xff"[random.usize(..11)],
            1 => drop(line.remove(at)),
            2 => line.insert(at, b"\"\\{},:0 a\n\xff"[random.usize(..11)]),
            _ => line.truncate(at),
        }
        n_read += usize::from(both(&line).is_some());
    }
    assert!(n_read > 10_000, "{n_read}");
}

#[test]
fn a_quote_or_an_escape_in_a_name_is_left_to_the_checked_parser() {
    let usual = Names::usual().line();
    let names = [
        "did:plc:z72i7hdynmk6r22z27h6tvur",
        "3mplolz3hk22m",
        "create",
        "app.bsky.feed.like",
        "3mplolywzbc2m",
    ];
    for name in names {
        for at in 0..name.len() {
            let (before, after) = (name.get(..at).unwrap(), name.get(at + 1..).unwrap());
            let quoted = usual.replacen(name, &format!("{before}\"{after}"), 1);
            assert!(commit(quoted.as_bytes()).is_none(), "{quoted}");
            let escaped = usual.replacen(name, &format!("{before}\\{after}"), 1);
            assert!(commit(escaped.as_bytes()).is_none(), "{escaped}");
            let before = name.get(..at.saturating_sub(5)).unwrap();
            let escaped = usual.replacen(
                name,
                &format!("{before}\\u0061{}", name.get(at..).unwrap()),
                1,
            );
            assert!(both(escaped.as_bytes()).is_none(), "{escaped}");
        }
    }
}

#[test]
fn every_cut_before_the_end_of_the_key_gives_up() {
    let line = Names::usual().line();
    let key = line.find("3mplolywzbc2m").unwrap() + "3mplolywzbc2m".len() + 1;
    for len in 0..=line.len() {
        assert_eq!(
            commit(&line.as_bytes()[..len]).is_some(),
            len > key,
            "{len}"
        );
    }
}

#[test]
fn numbers_are_read_up_to_eighteen_digits() {
    for text in [
        "7",
        "12345678",
        "123456789",
        "1234567890123456",
        "12345678901234567",
        "999999999999999999",
    ] {
        let mut names = Names::usual();
        (names.time_us, names.seq) = (text.to_owned(), Some(text.to_owned()));
        let point = both(names.line().as_bytes()).unwrap().point;
        let number: u64 = text.parse().unwrap();
        assert_eq!((point.time_us, point.seq), (number, Some(number)));
    }
    for text in [
        "",
        // Numbers all the same, which the checked parser reads.
        "0",
        "1000000000000000000",
        "9223372036854775807",
        "9223372036854775808",
        "10000000000000000000",
        "00",
        "0123456789012345",
        "1.5",
        "1e3",
        "-1",
        "12345678a",
        "1234567/",
        "1234567:",
        "\u{fe}1234567",
    ] {
        let mut names = Names::usual();
        names.seq = Some(text.to_owned());
        assert!(commit(names.line().as_bytes()).is_none(), "{text}");
        let mut names = Names::usual();
        names.time_us = text.to_owned();
        assert!(commit(names.line().as_bytes()).is_none(), "{text}");
    }
}

#[test]
fn a_quote_or_an_escape_is_found_wherever_it_stands() {
    let mut random = fastrand::Rng::with_seed(4);
    for _ in 0..100_000 {
        let mut bytes = [0; 8].map(|_: u8| random.u8(..));
        if random.bool() {
            bytes[random.usize(..8)] = if random.bool() { b'"' } else { b'\\' };
        }
        let expected = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\'));
        let found = quotes_and_escapes(u64::from_le_bytes(bytes));
        let found = (found != 0).then(|| found.trailing_zeros() as usize / 8);
        assert_eq!(found, expected, "{bytes:?}");
        let digits = bytes.map(|byte| {
            if random.u8(..40) > 0 {
                b'0' + byte % 10
            } else {
                byte
            }
        });
        let expected = digits
            .iter()
            .all(u8::is_ascii_digit)
            .then(|| str::from_utf8(&digits).unwrap().parse::<u64>().unwrap());
        assert_eq!(eight_digits(digits), expected, "{digits:?}");
    }
}

#[test]
fn a_beginning_tells_its_place_once_that_is_whole() {
    for seq in [None, Some("1234567")] {
        let mut names = Names::usual();
        names.seq = seq.map(str::to_owned);
        let line = names.line();
        let whole = commit(line.as_bytes()).unwrap().point;
        let place = Point {
            identity: None,
            ..whole
        };
        let needed = line.find(r#","kind":"#).unwrap() + r#","kind":"#.len();
        for cut in 0..line.len() {
            let expected = (cut >= needed).then_some(place);
            assert_eq!(beginning(&line.as_bytes()[..cut]), expected, "{cut}");
        }
    }
    assert_eq!(
        beginning(br#"{"time_us":1,"did":"did:plc:a","kind":"#),
        None
    );
}
