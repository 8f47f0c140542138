//! Hundreds of kills while output files are written.

use std::time::Instant;

use super::is_wanted;
use crate::sink_files::killed::Game;

#[test]
fn killed_hundreds_of_times_each_event_is_in_the_files_once() {
    if !is_wanted("killed_hundreds_of_times") {
        return;
    }
    for arguments in [
        "-o out/x.ndjson",
        "-o out/x.zst --checkpoint 16K,10ms",
        "-o out/%H/%M%S.ndjson --rotate-size 1M",
        "-o out/x.ndjson.gz --rotate-size 256K --checkpoint 16K,10ms",
        "-o out/%M%S.ndjson.zst --rotate-every 7s --checkpoint 16K,10ms",
        "-o out/{collection}.zst --max-open-files 3 --checkpoint 16K,10ms",
        "-o out/{collection}/%M.gz --rotate-count 5000 --checkpoint 16K,10ms",
        "-o out/{collection}/%M.parquet --rotate-count 5000 --checkpoint 16K,10ms --row-group-size 256K",
    ] {
        for server_dies in [false, true] {
            let game = Game {
                rounds: 250,
                events: 1_000_000,
                server_dies,
            };
            let began = Instant::now();
            let n_files = game.play(arguments);
            println!(
                "{arguments}{}: {} kills, {} events, each once, in {n_files} files, {:.0} s",
                if server_dies {
                    ", and the server too"
                } else {
                    ""
                },
                game.rounds,
                game.events,
                began.elapsed().as_secs_f64()
            );
        }
    }
}
