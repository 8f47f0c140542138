//! What the cursor knows of requests, and what the next run makes of it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use fastrand::Rng;
use tokio::time::Instant;

use super::{replay::Replayed, *};
use crate::{
    event::OwnedEvent,
    sink::{
        Note,
        http::{
            HttpAddress,
            parcel::Parcel,
            queue::{Limits, Queue},
            signature::{RequestId, id_of},
        },
        lanes::lane_of,
    },
};

const LIMITS: Limits = Limits {
    events: 6,
    bytes: 1_000_000,
    wait: Duration::ZERO,
    unanswered: 1_000_000,
    ahead: 1_000_000,
};

fn address() -> HttpAddress {
    HttpAddress::parse("https://h.example/hook?s3cret").unwrap()
}

fn event(n: u64) -> OwnedEvent {
    let account = n * 7 % 5;
    let line = format!(
        r#"{{"did":"did:plc:{account}","time_us":{},"kind":"identity","identity":{{"seq":{n}}}}}"#,
        n + 1
    );
    OwnedEvent::from_line(line).unwrap()
}

fn number(event: &OwnedEvent) -> u64 {
    event.event().time_us() - 1
}

/// A run that was killed.
struct Killed {
    text: String,
    /// The first event behind the place, and the first that was never taken.
    from: u64,
    to: u64,
    answered: BTreeSet<u64>,
    open: BTreeMap<Vec<u64>, RequestId>,
}

/// Sends events and is killed at some moment.
fn killed(random: &mut Rng) -> Killed {
    let mut queue = Queue::new(LIMITS);
    let announced = Announced::new(&address(), None);
    let (mut under_way, mut aside) = (Vec::<Parcel>::new(), BTreeMap::new());
    let (mut to, mut n_done, mut from) = (0, 0, 0);
    let mut answered = BTreeSet::new();
    let now = Instant::now();
    for _ in 0..random.usize(..400) {
        match random.u8(..5) {
            0 | 1 => {
                announced.add(&event(to).event());
                queue.push(event(to), now);
                to += 1;
            }
            2 => under_way.extend(queue.take(usize::MAX, now).map(|mut parcel| {
                announced.announce(&mut parcel);
                parcel
            })),
            3 => {
                from = random.u64(from..=n_done);
                announced.text(from);
                if random.bool() {
                    announced.saved();
                }
            }
            _ if under_way.is_empty() => {}
            _ => {
                let parcel = under_way.swap_remove(random.usize(..under_way.len()));
                let halve = random.u8(..3);
                let parts = match halve {
                    0 => parcel.by_account(random.usize(2..5), now),
                    1 if parcel.lanes().len() == 1 => parcel.in_order(now).map(Vec::from),
                    _ => Err(parcel),
                };
                match parts {
                    Ok(mut parts) => {
                        for part in &mut parts {
                            announced.announce(part);
                        }
                        if halve == 1 {
                            let second = parts.pop().unwrap();
                            aside.insert(numbers(&second), second.id());
                            queue.put_aside(second);
                        }
                        under_way.extend(parts);
                    }
                    Err(parcel) => {
                        announced.end(&parcel);
                        answered.extend(numbers(&parcel));
                        let (n, next) = queue.end(&parcel);
                        n_done += n;
                        for next in &next {
                            aside.remove(&numbers(next));
                        }
                        under_way.extend(next);
                    }
                }
            }
        }
    }
    let mut open = aside;
    open.extend(
        under_way
            .iter()
            .map(|parcel| (numbers(parcel), parcel.id())),
    );
    let from = random.u64(from..=n_done);
    Killed {
        text: announced.text(from),
        from,
        to,
        answered,
        open,
    }
}

fn numbers(parcel: &Parcel) -> Vec<u64> {
    parcel.items.iter().map(|item| item.number).collect()
}

/// What the next run makes of these events, and how many of them it is done with before that.
fn replayed(text: &str, events: impl Iterator<Item = u64>) -> (Vec<Replayed>, usize) {
    let plan = Plan::parse(text, &address()).unwrap();
    let now = Instant::now();
    let mut replay = Replay::new(plan, 1_000_000);
    let (mut events, mut replayed) = (events.map(event), Vec::new());
    for event in events.by_ref() {
        let passed = replay.add(&event.event(), now);
        replayed.extend(passed.into_iter().map(Replayed::Free));
        if replay.is_over(now) {
            break;
        }
    }
    let n_passed = replayed.len();
    assert_eq!(replay.n_passed(), n_passed as u64);
    replayed.extend(replay.resolve().0);
    replayed.extend(events.map(Replayed::Free));
    (replayed, n_passed)
}

fn requests(replayed: &[Replayed]) -> Vec<(Vec<u64>, RequestId)> {
    let mut requests = BTreeMap::<_, Vec<_>>::new();
    for event in replayed {
        if let Replayed::Announced(event, request) = event {
            requests.entry(*request).or_default().push(event);
        }
    }
    let requests = requests.into_values();
    requests
        .map(|events| {
            let id = id_of(events.iter().map(|event| event.event()));
            (events.into_iter().map(number).collect(), id)
        })
        .collect()
}

#[tokio::test]
async fn the_same_events_go_in_the_same_requests_again() {
    let mut n_requests = 0;
    for seed in 0..500 {
        let mut random = Rng::with_seed(seed);
        let run = killed(&mut random);
        if run.text.is_empty() {
            assert!(run.open.is_empty() && run.answered.iter().all(|n| *n < run.from));
            continue;
        }
        // Some that lie before the place come again, and more that are new.
        let begin = run.from.saturating_sub(random.u64(..3));
        let (replayed, n_passed) = replayed(&run.text, begin..run.to + 3);
        assert_eq!(n_passed as u64, run.from - begin);
        let answered = run.answered.range(run.from..);
        let answered: Vec<_> = answered.map(|n| known_as(&event(*n).event())).collect();
        let found = replayed.iter().filter_map(|event| match event {
            Replayed::Answered(known) => Some(*known),
            _ => None,
        });
        assert_eq!(found.collect::<Vec<_>>(), answered, "{seed}");
        let requests = requests(&replayed);
        n_requests += requests.len();
        assert_eq!(requests.into_iter().collect::<BTreeMap<_, _>>(), run.open);
    }
    assert!(n_requests > 500, "{n_requests}");
}

/// Whatever else comes: nothing counts as answered that was not, no id is of other events, and the
/// events of an account stay in their order.
#[tokio::test]
async fn other_events_are_never_taken_for_those_announced() {
    for seed in 0..500 {
        let mut random = Rng::with_seed(seed);
        let run = killed(&mut random);
        if run.text.is_empty() {
            continue;
        }
        let mut events: Vec<_> = (run.from..run.to).collect();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(..=events.len());
            match random.u8(..3) {
                0 => events.insert(at, 1_000_000 + seed),
                1 if at < events.len() => drop(events.remove(at)),
                _ => events.truncate(at),
            }
        }
        let n_events = events.len();
        let (replayed, n_passed) = replayed(&run.text, events.into_iter());
        assert_eq!(replayed.len(), n_events);
        let known: BTreeSet<_> = run
            .answered
            .iter()
            .map(|n| known_as(&event(*n).event()))
            .collect();
        for (numbers, id) in requests(&replayed) {
            assert_eq!(run.open.get(&numbers), Some(&id), "{seed}");
        }
        let (mut turns, mut ended) = (HashMap::new(), BTreeSet::new());
        for event in &replayed[n_passed..] {
            let (event, turn) = match event {
                Replayed::Answered(event) => {
                    assert!(known.contains(event), "{seed}");
                    continue;
                }
                Replayed::Announced(event, request) => (event, Some(*request)),
                Replayed::Free(event) => (event, None),
            };
            let lane = lane_of(event.event().key());
            let before = turns.insert(lane, turn);
            if before.is_some_and(|before| before != turn) {
                ended.insert((lane, before));
            }
            assert!(turn.is_none() || before != Some(None), "{seed}: late");
            assert!(!ended.contains(&(lane, Some(turn))), "{seed}: between");
        }
    }
}

#[tokio::test]
async fn a_text_holds_no_address_and_is_of_one_endpoint() {
    let announced = Announced::new(&address(), None);
    for n in 0..1000 {
        announced.add(&event(n).event());
    }
    assert_eq!(announced.text(0), "", "nothing is announced or answered");
    let mut queue = Queue::new(Limits {
        events: 300,
        ..LIMITS
    });
    (0..1000).for_each(|n| queue.push(event(n), Instant::now()));
    let mut parcel = queue.take(usize::MAX, Instant::now()).unwrap();
    announced.announce(&mut parcel);
    let text = announced.text(0);
    assert!(text.len() < 100, "{text}");
    assert!(!text.contains("h.example") && !text.contains("s3cret"));
    assert!(Plan::parse(&text, &address()).is_some());
    let same = HttpAddress::parse("https://h.example/hook?other").unwrap();
    assert!(Plan::parse(&text, &same).is_some());
    let other = HttpAddress::parse("https://h.example/other").unwrap();
    assert!(Plan::parse(&text, &other).is_none());
    for cut in 0..text.len() {
        assert!(
            Plan::parse(text.get(..cut).unwrap(), &address()).is_none(),
            "{cut}"
        );
    }
}

#[tokio::test]
async fn only_what_a_text_had_counts_as_saved() {
    let announced = Announced::new(&address(), Some("before".to_owned()));
    assert_eq!(announced.text(0), "before", "until it is taken up");
    announced.take_up();
    let mut queue = Queue::new(LIMITS);
    for n in 0..12 {
        announced.add(&event(n).event());
        queue.push(event(n), Instant::now());
    }
    let mut first = queue.take(3, Instant::now()).unwrap();
    announced.announce(&mut first);
    assert!(announced.is_news());
    let text = announced.text(0);
    let mut second = queue.take(3, Instant::now()).unwrap();
    announced.announce(&mut second);
    Note::saved(&announced);
    assert!(announced.is_news() && !text.is_empty());
    let saved = announced.saved();
    assert!(first.announcement() <= saved && second.announcement() > saved);
    announced.changed().await;
}
