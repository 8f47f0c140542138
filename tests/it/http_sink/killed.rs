//! kill -9 of the program, of the receiver and of both at random moments, under all faults together:
//! nothing is lost, and each account keeps its order.

mod world;

use std::thread;

use self::world::{Tally, World};
use crate::support::receiver::assert_all_in_order;

/// Streams of their own, at the same time: most of what there is to do is to wait.
const WORLDS: u64 = 5;

/// How often each is killed in the suite, and once by hand.
fn rounds() -> u64 {
    if std::env::var_os("ROCKETMAN_SOAK").is_some() {
        200
    } else {
        10
    }
}

#[test]
fn both_sides_killed_nothing_is_lost_or_out_of_order() {
    let worlds: Vec<_> = (1..=WORLDS)
        .map(|seed| thread::spawn(move || World::new(seed, rounds()).run()))
        .collect();
    let mut all = Tally::default();
    for world in worlds {
        let (world, tally) = world.join().unwrap();
        let n = world.n();
        assert_all_in_order(&world.accepted(), n, &[n / 2]);
        let letters = world.letters();
        let is_alone = letters.iter().all(|event| *event == n / 2);
        assert!(!letters.is_empty() && is_alone, "{letters:?}");
        all.add(&tally);
    }
    println!("{all:?}");
    let rounds = all.rounds;
    assert!(rounds > WORLDS * self::rounds() / 5, "{all:?}");
    assert!(all.got_on > rounds / 2, "{all:?}");
    assert!(all.in_the_middle > rounds / 4, "{all:?}");
    let each = [all.programs, all.receivers];
    assert!(each.iter().all(|n| *n > rounds / 3), "{all:?}");
}
