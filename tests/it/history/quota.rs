//! The quota of an operator: it is kept to, and what is left is told honestly.

use std::time::{Duration, Instant};

use super::archive::Archive;
use crate::support::tap::Tap;

/// The archive has some 3.4 MB.
const EVENTS: u32 = 40_000;

#[test]
fn a_quota_is_kept_to_and_its_time_foretold() {
    let archive = Archive::of(EVENTS);
    let quota = "--quota 1500K,300K";
    let plan = archive.replay_of(&archive.serve(quota), "--plan").succeed();
    let server = archive.serve(quota);
    let tap = Tap::before(Archive::port_of(&server));
    let began = Instant::now();
    let all = archive.replay_through(tap.port, "").succeed();
    let took = began.elapsed();
    assert!(all.lines() == archive.lines);
    assert_eq!(tap.answers(429), 0);
    let told = foretold(&plan.stdout);
    let (least, most) = (told.mul_f64(0.8), told.mul_f64(1.2));
    // A busy machine takes some time of its own.
    let most = most + Duration::from_secs(5);
    assert!((least..most).contains(&took), "{took:?}, {}", plan.stdout);
}

#[test]
fn a_quota_used_up_before_refuses_what_is_under_way() {
    let archive = Archive::of(EVENTS);
    const UNDER_WAY: usize = 8;
    let server = archive.serve("--quota 2M,800K");
    archive.replay_of(&server, "-q").succeed();
    let tap = Tap::before(Archive::port_of(&server));
    let again = archive.replay_through(tap.port, "").succeed();
    assert!(again.lines() == archive.lines);
    // Nobody says how much is left: it is known once it is too little.
    let refused = tap.answers(429);
    assert!(refused <= UNDER_WAY, "{refused}");
}

/// The first time that a plan tells.
fn foretold(plan: &str) -> Duration {
    let mut words = plan.split_whitespace();
    let time = words.find_map(|word| humantime::parse_duration(word).ok());
    time.unwrap()
}
