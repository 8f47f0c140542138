use super::*;

#[test]
fn faults_are_those_that_were_typed_and_come_at_their_event() {
    let faults = [
        "cut-every=6",
        "duplicate-every=2",
        "garbage-every=3",
        "close=1011@5",
        "stall-after=4",
        "refuse=503:2",
        "seed=9",
    ];
    let faults = Faults::parse(&faults).unwrap();
    assert_eq!(faults.refusals(), Some((503, 2)));
    let behind = |n| {
        let FaultsAfter {
            again,
            garbage,
            end,
        } = faults.behind(n);
        (again, garbage, end)
    };
    for (n, expected) in [
        (1, (false, false, None)),
        (2, (true, false, None)),
        (3, (false, true, None)),
        (4, (true, false, Some(Fault::Stall))),
        (5, (false, false, Some(Fault::Close(1011)))),
        (6, (true, true, Some(Fault::Cut))),
        (7, (false, false, None)),
    ] {
        assert_eq!(behind(n), expected, "{n}");
    }
    assert_eq!(Faults::default().behind(1).end, None);
}

#[test]
fn the_same_seed_gives_the_same_garbage() {
    let garbage = |seed: &str, encoding| -> Vec<_> {
        let faults = Faults::parse(&["garbage-every=1", seed]).unwrap();
        (1..100).map(|n| faults.garbage(n, encoding)).collect()
    };
    for encoding in [Encoding::Plain, Encoding::Zstd] {
        assert_eq!(garbage("seed=1", encoding), garbage("seed=1", encoding));
        assert_ne!(garbage("seed=1", encoding), garbage("seed=2", encoding));
    }
}

#[test]
fn what_is_missing_is_missing_for_everyone() {
    let faults = Faults::parse(&["blind=app.bsky.feed.*@10", "drop=1/100"]).unwrap();
    let hides = |seq, collection: &'static [u8]| faults.hides(seq, || collection);
    let dropped: Vec<u64> = (1..100_000).filter(|seq| hides(*seq, b"")).collect();
    assert!((900..1100).contains(&dropped.len()), "{}", dropped.len());
    let kept = (10..99).find(|seq| !dropped.contains(seq)).unwrap();
    assert!(hides(kept, b"app.bsky.feed.post") && !hides(kept, b"app.bsky.feeds"));
    let early = (1..10).find(|seq| !dropped.contains(seq)).unwrap();
    assert!(!hides(early, b"app.bsky.feed.post"));
    let again = Faults::parse(&["drop=1/100", "seed=0"]).unwrap();
    assert!(dropped.iter().all(|seq| again.hides(*seq, || b"")));
    let other = Faults::parse(&["drop=1/100", "seed=1"]).unwrap();
    assert!(!dropped.iter().all(|seq| other.hides(*seq, || b"")));
    assert!(!Faults::default().hides(1, || b"app.bsky.feed.post"));
}

#[test]
fn what_is_no_fault_is_refused_with_what_there_is() {
    for (fault, words) in [
        ("cut", "cut-every=N"),
        ("cut-every", "takes a number from 1 on, not ''"),
        ("cut-every=0", "not '0'"),
        ("stall-after=-1", "not '-1'"),
        ("refuse=503", "STATUS:TIMES"),
        ("refuse=200:1", "from 400 to 599"),
        ("close=1006@5", "a close code that may be sent"),
        ("close=1011", "CODE@N"),
        ("close=1011@0", "CODE@N"),
        ("seed=x", "takes a number, not 'x'"),
        ("renumber@0", "takes a number from 1 on, not '0'"),
        ("too-old=1", "takes nothing, not '1'"),
        ("blind=app.bsky.feed.post", "COLLECTION@N"),
        ("blind=x@1", "COLLECTION@N"),
        ("drop=2/1", "M/N"),
        ("drop=1/0", "M/N"),
        ("\u{7}=1", "'\\u{7}=1'"),
    ] {
        let error = Faults::parse(&[fault]).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let twice = Faults::parse(&["cut-every=1", "cut-every=2"]);
    assert_eq!(twice, Err(FaultError::Twice("cut-every")));
}
