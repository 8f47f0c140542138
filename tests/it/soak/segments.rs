//! Twenty kills while a million events are read from segment files.

use std::time::Instant;

use super::is_wanted;
use crate::{segments::killed::Game, support::program::Rocketman};

const EVENTS: u64 = 1_000_000;

#[test]
fn segment_files_killed_twenty_times_come_once() {
    if !is_wanted("segment_files_killed_twenty_times") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let run = |program: Rocketman| program.inside(folder.path()).succeed();
    run(Rocketman::tail("demo:?rate=max").with(&format!("-q --cursor 1 -n {EVENTS} -o demo.zst")));
    run(Rocketman::new(["pack", "demo.zst", "segments"]));
    let game = Game {
        folder,
        events: EVENTS,
        rounds: 20,
    };
    let began = Instant::now();
    let n_files = game.play("-o out/x.ndjson.zst --rotate-size 2M --checkpoint 64K,10ms");
    println!(
        "{} kills, {EVENTS} events, each once and in order, in {n_files} files, {:.0} s",
        game.rounds,
        began.elapsed().as_secs_f64()
    );
}
