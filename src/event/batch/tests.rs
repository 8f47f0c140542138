use super::{events::MAX_SAMPLES, *};

const PLAIN: &str = r#"{"did":"did:plc:a","time_us":5,"cursor":9,"kind":"commit","commit":{"rev":"r","operation":"update","collection":"c.d.e","rkey":"k","record":{"x":1},"cid":"y"}}"#;
const OTHER_ORDER: &str = r#"{"kind":"commit","commit":{"cid":"y","record":{"x":1},"rkey":"k","collection":"c.d.e","operation":"update","rev":"r"},"cursor":9,"time_us":5,"did":"did:plc:a"}"#;
const ESCAPED: &str = r#"{"did":"did:plc:\u0061","time_us":5,"cursor":9,"kind":"commit","commit":{"rev":"r","operation":"update","collection":"c.d.e","rkey":"\u006b"}}"#;

fn batch(lines: &[&str]) -> Batch {
    let mut batch = Batch::new();
    for line in lines {
        batch.push(line.as_bytes()).unwrap();
    }
    batch
}

#[test]
fn an_event_is_the_same_in_any_order_and_with_any_escapes() {
    let batch = batch(&[PLAIN, OTHER_ORDER, ESCAPED]);
    for event in batch.events() {
        assert_eq!(
            (event.did(), event.collection(), event.rkey()),
            ("did:plc:a", "c.d.e", "k")
        );
        assert_eq!(
            (event.rev(), event.time_us(), event.seq()),
            ("r", 5, Some(9))
        );
        assert_eq!(event.point(), batch.events().next().unwrap().point());
    }
}

#[test]
fn what_is_kept_lies_back_to_back_and_keeps_its_names() {
    let mut batch = batch(&[PLAIN, ESCAPED, OTHER_ORDER, ESCAPED]);
    let mut n = 0;
    batch.retain(|_| {
        n += 1;
        n % 2 == 0
    });
    assert_eq!(batch.lines(), format!("{ESCAPED}\n{ESCAPED}\n").as_bytes());
    assert!(
        batch
            .events()
            .all(|event| event.rkey() == "k" && event.line() == ESCAPED.as_bytes())
    );
    batch.truncate(1);
    assert_eq!(batch.lines(), format!("{ESCAPED}\n").as_bytes());
    batch.take(1);
    assert!(batch.is_empty() && batch.lines().is_empty());
}

#[test]
fn whatever_is_kept_the_lines_are_those_of_the_events() {
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..2_000 {
        let lines: Vec<String> = (0..random.u64(..40))
            .map(|n| {
                let most = 10_u64.pow(random.u32(1..10));
                at(random.u64(1..=most) * 100 + n)
            })
            .collect();
        let mut batch = batch(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        let kept_in_ten = random.u8(..=10);
        let kept: Vec<bool> = lines
            .iter()
            .map(|_| random.u8(..10) < kept_in_ten)
            .collect();
        let mut answers = kept.iter();
        batch.retain(|_| *answers.next().unwrap());
        let expected: Vec<_> = lines
            .iter()
            .zip(&kept)
            .filter_map(|(line, kept)| kept.then_some(line.as_str()))
            .collect();
        let whole = [&expected[..], &[""]].concat().join("\n");
        assert_eq!(batch.lines(), whole.as_bytes());
        let events = batch.events().map(|event| event.line());
        assert!(events.eq(expected.iter().map(|line| line.as_bytes())));
    }
}

#[test]
fn a_copied_event_is_as_it_was_read() {
    let from = batch(&[ESCAPED, PLAIN, ESCAPED]);
    let mut to = batch(&[ESCAPED]);
    for event in from.events() {
        to.push_event(&event);
    }
    let names = |event: Event<'_>| {
        let (did, rkey) = (event.did().to_owned(), event.rkey().to_owned());
        (event.line().to_owned(), did, rkey, *event.point())
    };
    assert!(to.events().skip(1).map(names).eq(from.events().map(names)));
}

fn at(time_us: u64) -> String {
    format!(r#"{{"did":"did:plc:a","time_us":{time_us},"kind":"identity"}}"#)
}

fn times(batch: &Batch) -> [Option<u64>; 2] {
    [batch.first(), batch.reached()].map(|point| point.map(|point| point.time_us))
}

#[test]
fn how_far_a_batch_reaches_outlives_its_events() {
    let mut batch = batch(&[&at(1), &at(2), &at(3)]);
    assert_eq!(times(&batch), [Some(1), Some(3)]);
    batch.retain(|event| event.time_us() == 2);
    assert_eq!(times(&batch), [Some(1), Some(3)]);
    batch.push(at(4).as_bytes()).unwrap();
    assert_eq!(times(&batch), [Some(1), Some(4)]);
    batch.advance(Point {
        seq: None,
        time_us: 9,
        identity: None,
    });
    assert_eq!(times(&batch), [Some(1), Some(9)]);
    batch.take_lines(Vec::new());
    assert_eq!(times(&batch), [Some(1), Some(9)]);
    batch.clear();
    assert_eq!(times(&batch), [None, None]);
    batch.push(at(5).as_bytes()).unwrap();
    batch.push(at(6).as_bytes()).unwrap();
    batch.truncate(1);
    assert_eq!(times(&batch), [Some(5), Some(5)]);
}

#[test]
fn a_full_batch_fits_into_the_buffer_of_a_cleared_one() {
    let mut batch = batch(&[&at(1)]);
    batch.take_lines(Vec::new());
    batch.clear();
    let room = batch.lines.capacity();
    while !batch.is_full() {
        batch.push(at(2).as_bytes()).unwrap();
    }
    assert_eq!((batch.lines.capacity(), room), (KEPT_BYTES, KEPT_BYTES));
}

#[test]
fn the_stops_of_a_batch_are_few_and_the_last_event_is_one() {
    for len in [
        0,
        1,
        2,
        MAX_SAMPLES - 1,
        MAX_SAMPLES,
        MAX_SAMPLES + 1,
        3 * MAX_SAMPLES,
        1000,
    ] {
        let lines: Vec<_> = (1..=len as u64).map(at).collect();
        let batch = batch(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        let samples: Vec<_> = batch.sample_positions().collect();
        assert!(samples.len() <= MAX_SAMPLES && samples.len() >= len.min(MAX_SAMPLES / 2));
        assert_eq!(samples.last().map_or(0, |sample| sample.events), len as u64);
        let mut before = 0;
        for sample in samples {
            assert!(sample.events > before && sample.point.time_us == sample.events);
            before = sample.events;
            let upto = &batch.lines()[..sample.end];
            assert_eq!(memchr::memchr_iter(b'\n', upto).count() as u64, before);
            assert_eq!(upto.last(), Some(&b'\n'));
        }
    }
}

#[test]
fn a_line_that_is_dropped_leaves_nothing_behind() {
    let mut batch = batch(&[ESCAPED]);
    let (lines, side) = (batch.lines.len(), batch.unescaped.len());
    for _ in 0..100 {
        let start = batch.buffer().len();
        batch.buffer().extend_from_slice(ESCAPED.as_bytes());
        batch.parse_tail(start, LineRules::default()).unwrap();
        batch.discard_tail(start);
    }
    assert_eq!((batch.lines.len(), batch.unescaped.len()), (lines, side));
}
