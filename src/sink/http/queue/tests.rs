//! Which events may be sent, and up to which all are done.

use std::collections::HashMap as Map;

use super::*;
use crate::event::OwnedEvent;

const LIMITS: Limits = Limits {
    events: 4,
    bytes: 1_000_000,
    wait: Duration::from_millis(200),
    unanswered: 1_000_000,
    ahead: 1_000_000,
};

fn queue(limits: Limits, accounts: &[&str]) -> Queue {
    let mut queue = Queue::new(limits);
    for account in accounts {
        push(&mut queue, account);
    }
    queue
}

fn push(queue: &mut Queue, account: &str) {
    let line = format!(r#"{{"did":"did:plc:{account}","time_us":1,"kind":"identity"}}"#);
    let event = OwnedEvent::from_line(line).unwrap();
    queue.push(event, Instant::now());
}

fn take(queue: &mut Queue) -> Option<Parcel> {
    queue.take(usize::MAX, Instant::now())
}

fn numbers(parcel: &Parcel) -> Vec<u64> {
    parcel.items.iter().map(|item| item.number).collect()
}

#[tokio::test]
async fn a_parcel_has_the_oldest_events_and_holds_their_accounts() {
    let mut queue = queue(LIMITS, &["a", "a", "b", "a", "b", "c", "a"]);
    let first = take(&mut queue).unwrap();
    assert_eq!(numbers(&first), [0, 1, 2, 3]);
    let second = take(&mut queue).unwrap();
    assert_eq!(numbers(&second), [5], "a and b are under way");
    assert!(take(&mut queue).is_none() && queue.due().is_none());
    assert_eq!(queue.end(&second).0, 0, "nothing counts behind a hole");
    assert_eq!(queue.end(&first).0, 4);
    let third = take(&mut queue).unwrap();
    assert_eq!(numbers(&third), [4, 6]);
    assert_eq!(queue.end(&third).0, 3);
    assert!(queue.lanes.is_empty() && queue.n_open() == 0 && queue.open_bytes == 0);
}

#[tokio::test(start_paused = true)]
async fn events_are_due_once_there_are_enough_or_they_waited() {
    let mut queue = queue(LIMITS, &[]);
    assert_eq!(queue.due(), None);
    let now = Instant::now();
    push(&mut queue, "a");
    assert_eq!(queue.due(), Some(now + LIMITS.wait));
    for account in ["a", "b", "c"] {
        push(&mut queue, account);
    }
    assert_eq!(queue.due(), Some(now), "four of them");
    let mut large = Queue::new(Limits {
        bytes: 60,
        ..LIMITS
    });
    push(&mut large, "a");
    assert_eq!(large.due(), Some(now + LIMITS.wait));
    push(&mut large, "b");
    assert_eq!(large.due(), Some(now), "sixty bytes");
}

#[tokio::test]
async fn bytes_bound_a_parcel_but_never_to_nothing() {
    let mut queue = queue(LIMITS, &["a", "b", "c"]);
    let parcel = queue.take(100, Instant::now()).unwrap();
    assert_eq!(numbers(&parcel), [0, 1]);
    let parcel = queue.take(1, Instant::now()).unwrap();
    assert_eq!(numbers(&parcel), [2]);
}

#[tokio::test]
async fn halves_by_account_are_free_and_in_order_they_wait() {
    let mut queue = queue(LIMITS, &["a", "b", "a", "b"]);
    let now = Instant::now();
    let parcel = take(&mut queue).unwrap();
    let parts = parcel.by_account(2, now).unwrap();
    let [one, two] = <[Parcel; 2]>::try_from(parts).unwrap();
    let mut both = [numbers(&one), numbers(&two)];
    both.sort();
    assert_eq!(both, [[0, 2], [1, 3]]);
    let [first, second] = one.in_order(now).unwrap();
    let (n_first, n_second) = (numbers(&first), numbers(&second));
    queue.put_aside(second);
    let (_, next) = queue.end(&first);
    assert_eq!(next.iter().map(numbers).collect::<Vec<_>>(), [n_second]);
    assert!(n_first < numbers(&next[0]));
    let single = next.into_iter().next().unwrap();
    let single = single.in_order(now).unwrap_err();
    let single = single.by_account(2, now).unwrap_err();
    assert_eq!(queue.end(&single).1.len(), 0);
    assert_eq!(queue.end(&two).1.len(), 0);
    assert_eq!((queue.n_open(), queue.n_done), (0, 4));
}

#[tokio::test]
async fn what_is_unanswered_is_bounded_in_bytes() {
    let mut queue = Queue::new(Limits {
        unanswered: 400,
        ..LIMITS
    });
    push(&mut queue, "a");
    assert!(queue.has_room());
    push(&mut queue, "b");
    assert!(!queue.has_room());
    let parcel = take(&mut queue).unwrap();
    queue.end(&parcel);
    assert!(queue.has_room());
}

/// Whatever fails and is divided in whatever way: each account's events end in their order, one
/// request of it at a time, and all of them count in the end.
#[tokio::test]
async fn any_course_keeps_the_order_of_each_account() {
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut queue = Queue::new(Limits {
            events: 8,
            ..LIMITS
        });
        let (mut under_way, mut last, mut counted) = (Vec::<Parcel>::new(), Map::new(), 0);
        let mut left = 200;
        while left > 0 || queue.n_open() > 0 {
            if left > 0 && random.u8(..) < 100 {
                push(&mut queue, ["a", "b", "c", "d", "e"][random.usize(..5)]);
                left -= 1;
            }
            if under_way.len() < 3 && random.bool() {
                under_way.extend(take(&mut queue));
            }
            let mut held: Vec<_> = under_way.iter().flat_map(Parcel::lanes).collect();
            let n = held.len();
            held.sort_unstable();
            held.dedup();
            assert_eq!(held.len(), n, "two requests for one account");
            if under_way.is_empty() || random.bool() {
                continue;
            }
            let parcel = under_way.swap_remove(random.usize(..under_way.len()));
            let parcel = match random.u8(..3) {
                0 => match parcel.by_account(random.usize(2..5), Instant::now()) {
                    Ok(parts) => {
                        under_way.extend(parts);
                        continue;
                    }
                    Err(parcel) => parcel,
                },
                1 if parcel.lanes().len() == 1 => match parcel.in_order(Instant::now()) {
                    Ok([first, second]) => {
                        queue.put_aside(second);
                        under_way.push(first);
                        continue;
                    }
                    Err(parcel) => parcel,
                },
                _ => parcel,
            };
            for item in &parcel.items {
                let before = last.insert(item.lane, item.number);
                assert!(before.is_none_or(|before| before < item.number));
            }
            let (n_done, next) = queue.end(&parcel);
            counted += n_done;
            under_way.extend(next);
        }
        assert_eq!(
            (counted, queue.open_bytes, queue.n_ready, queue.ready_bytes),
            (200, 0, 0, 0)
        );
    }
}
