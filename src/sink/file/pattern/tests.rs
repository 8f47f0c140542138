//! Names that are made, recognised and refused.

use proptest::{collection::vec, prelude::*, sample::select, test_runner::RngSeed};

use super::*;

/// 2026-11-25 03:04:05 UTC.
const TIME: u64 = 1_795_575_845_000_000;

fn pattern(text: &str) -> Pattern {
    Pattern::parse(Path::new(text)).unwrap()
}

fn name(text: &str) -> String {
    let slot = pattern(text).slot(TIME, b"app.bsky.feed.post");
    slot.name(7).to_str().unwrap().to_owned()
}

#[test]
fn names_are_made_of_time_collection_and_number() {
    assert_eq!(
        name("/data/%Y/%m/%d/%H.ndjson.zst"),
        "/data/2026/11/25/03.ndjson.zst"
    );
    assert_eq!(name("%F_%T-%R"), "2026-11-25_03:04:05-03:04");
    assert_eq!(name("%y %j %s %G-W%V-%u"), "26 329 1795575845 2026-W48-3");
    assert_eq!(
        name("{collection}/%d.{n}.gz"),
        "app.bsky.feed.post/25.000007.gz"
    );
    assert_eq!(name("100%%{"), "100%{");
    assert_eq!(
        pattern("x%Y").slot(u64::MAX, b"").name(0),
        Path::new("x9999")
    );
}

#[test]
fn what_it_made_is_recognised_and_nothing_else() {
    for text in [
        "/d/%Y-%m/%H.{n}.zst",
        "/d/{collection}/%s",
        "/d/{collection}.{n}",
        "/d/%j%H",
    ] {
        let pattern = pattern(text);
        let slot = pattern.slot(TIME, b"com.example.1.22");
        for number in [1, 999_999, 1_234_567] {
            let found = pattern.slot_of(&slot.name(number)).unwrap();
            let number = slot.is_numbered().then_some(number);
            assert_eq!(found, (slot.clone(), number), "{text}");
        }
    }
    for (text, other) in [
        ("/d/%H.zst", "/d/03.zst.bak"),
        ("/d/%H.zst", "/d/3.zst"),
        ("/d/%H.zst", "/d/notes.zst"),
        ("/d/{collection}.zst", "/d/.zst"),
        ("/d/{collection}.zst", "/d/a/b.zst"),
        ("/d/{collection}.zst", "/d/my file.zst"),
        ("/d/x.{n}", "/d/x.1"),
        ("/d/x.{n}", "/d/x.99999999999999999999"),
    ] {
        assert_eq!(pattern(text).slot_of(Path::new(other)), None, "{text}");
    }
}

#[test]
fn a_number_goes_before_the_suffixes() {
    for (path, expected) in [
        ("events", "events.000007"),
        ("a/events.ndjson.zst", "a/events.000007.ndjson.zst"),
        ("v1.2/x.gz", "v1.2/x.000007.gz"),
        (".hidden", ".hidden.000007"),
        ("x-{n}.log", "x-000007.log"),
        ("%Y.%m", "2026.11.000007"),
    ] {
        let slot = Pattern::numbered(Path::new(path)).unwrap().slot(TIME, b"");
        assert_eq!(slot.name(7), Path::new(expected));
    }
}

#[test]
fn a_pattern_that_cannot_be_is_refused() {
    for (text, error) in [
        ("%Q", PatternError::Directive("%Q".to_owned())),
        ("x%", PatternError::Directive("%".to_owned())),
        ("{colection}", PatternError::Name("{colection}".to_owned())),
        ("{n}{n}", PatternError::Repeated),
        ("{n}/x", PatternError::NumberedFolder),
        ("%Y/", PatternError::NoFile),
        ("%Y.partial", PatternError::Partial),
        ("x.+%S", PatternError::Partial),
    ] {
        assert_eq!(Pattern::parse(Path::new(text)), Err(error.into()));
    }
    assert_eq!(pattern("a%%b").as_fixed(), Some("a%b".into()));
    assert_eq!(pattern("%Y").as_fixed(), None);
}

#[test]
fn a_pattern_lies_in_its_folder() {
    for (text, expected) in [
        ("%d", "/here/25"),
        ("./a/%d", "/here/a/25"),
        ("/there/%d", "/there/25"),
    ] {
        let slot = pattern(text).within(Path::new("/here")).slot(TIME, b"");
        assert_eq!(slot.name(0), Path::new(expected));
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_name_of_any_event_is_recognised_and_stays_in_the_folder(
        text in select(vec![
            "/d/{collection}",
            "/d/{collection}/%Y-%j.{n}.zst",
            "/d/%s{n}{collection}",
            "/d/%F/%T-{collection}.{n}.gz",
            "/d/%G%V%u%y/%m%d%H%M%S",
        ]),
        time_us in any::<u64>(),
        collection in prop_oneof![
            vec(any::<u8>(), 0..400),
            "[a-z./%\\x00-]{0,300}".prop_map(String::into_bytes),
        ],
        number in 1..u64::MAX,
    ) {
        let pattern = pattern(text);
        let slot = pattern.slot(time_us, &collection);
        let name = slot.name(number);
        prop_assert!(pattern.slot_of(&name).is_some(), "{}", name.display());
        let n_parts = Path::new(text).components().count();
        prop_assert_eq!(name.components().count(), n_parts);
        prop_assert!(name.components().all(|part| part.as_os_str().len() < 200));
        prop_assert!(name.components().all(|part| !matches!(part, std::path::Component::ParentDir)));
    }
}
