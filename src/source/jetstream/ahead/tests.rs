use super::*;
use crate::wire::dictionary::DICTIONARY;

const CAP: usize = 100_000;

fn frames(n: usize) -> Vec<Vec<u8>> {
    let mut random = fastrand::Rng::with_seed(n as u64);
    let mut compressor = zstd::bulk::Compressor::with_dictionary(1, DICTIONARY).unwrap();
    (0..n)
        .map(|n| match random.u8(..20) {
            0 => b"no zstd".to_vec(),
            1 => compressor.compress(&vec![b'x'; CAP + 1]).unwrap(),
            _ => {
                let noise: String = (0..random.usize(..200))
                    .map(|_| random.alphanumeric())
                    .collect();
                compressor
                    .compress(format!("event {n} {noise}").as_bytes())
                    .unwrap()
            }
        })
        .collect()
}

fn inflate_all(inflation: &mut Inflation, frames: &[Vec<u8>]) -> Vec<Result<Vec<u8>, BadEvent>> {
    let inflate = |frame: &Vec<u8>| {
        let mut out = b"before".to_vec();
        let outcome = inflation.inflate(frame, &mut out);
        assert!(out.starts_with(b"before"));
        outcome.map(|()| out.split_off(6))
    };
    frames.iter().map(inflate).collect()
}

#[test]
fn what_two_threads_inflate_is_the_same_in_the_same_order() {
    let mut one = Inflation::new(CAP, 1);
    let mut two = Inflation::new(CAP, 2);
    for n in [1, 40, 900, 2000, 0, 3] {
        let frames = frames(n);
        assert!(two.is_out_of_work() && !one.is_out_of_work());
        two.schedule(frames.iter().map(Vec::as_slice));
        assert!(
            inflate_all(&mut two, &frames) == inflate_all(&mut one, &frames),
            "{n}"
        );
    }
}

#[test]
fn the_second_thread_takes_its_part() {
    let frames = frames(2000);
    let mut two = Inflation::new(CAP, 2);
    two.schedule(frames.iter().map(Vec::as_slice));
    let ahead = two.ahead.as_mut().unwrap();
    let mut work = ahead.shared.lock();
    while work.made.is_empty() {
        work = ahead.shared.is_made.wait(work).unwrap();
    }
    drop(work);
    assert!(
        inflate_all(&mut two, &frames)
            .iter()
            .filter(|event| event.is_ok())
            .count()
            > 1500
    );
}

#[test]
fn a_new_connection_has_nothing_of_the_one_before() {
    let (old, new) = (frames(900), frames(800));
    let mut two = Inflation::new(CAP, 2);
    for taken in [0, 1, 450, 899] {
        two.schedule(old.iter().map(Vec::as_slice));
        inflate_all(&mut two, &old[..taken]);
        two.forget();
        two.schedule(new.iter().map(Vec::as_slice));
        assert!(
            inflate_all(&mut two, &new) == inflate_all(&mut Inflation::new(CAP, 1), &new),
            "{taken}"
        );
    }
}

#[test]
fn events_that_inflate_to_very_much_are_left_to_the_reader() {
    let mut compressor = zstd::bulk::Compressor::with_dictionary(1, DICTIONARY).unwrap();
    let large = compressor.compress(&vec![b'x'; CAP]).unwrap();
    let frames = vec![large; 3000];
    let mut two = Inflation::new(CAP, 2);
    two.schedule(frames.iter().map(Vec::as_slice));
    let ahead = two.ahead.as_ref().unwrap();
    let mut work = ahead.shared.lock();
    while !work.waiting.is_empty() || work.is_working {
        work = ahead.shared.is_made.wait(work).unwrap();
    }
    let held: usize = work.made.iter().map(|chunk| chunk.inflated.len()).sum();
    assert!(held <= MAX_WAITING_BYTES + CAP, "{held}");
    drop(work);
    assert!(
        inflate_all(&mut two, &frames)
            .iter()
            .all(|event| event.as_ref().is_ok_and(|event| event.len() == CAP))
    );
}
