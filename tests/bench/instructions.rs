//! Instructions per event, which do not depend on what else the machine does. What the kernel does
//! is not among them.

use std::{
    io::ErrorKind,
    process::{Command, Stdio},
};

use super::{
    measure::{
        Output::{Nowhere, Pipe},
        Program::{Bare, Tail},
        Variant,
    },
    server::Server,
};

/// Two runs, so that what is done once per run falls out.
const FEW: usize = 10_000;
const MANY: usize = 60_000;

/// Prints what each variant takes.
pub fn count() {
    if let Err(error) = Command::new("valgrind").arg("--version").output() {
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        println!("skipped: valgrind is not installed");
        return;
    }
    let servers = [FEW, MANY].map(|n_events| (Server::start(n_events), n_events));
    println!(
        "instructions per event outside of the kernel, {}\n",
        servers[1].0.sizes()
    );
    for wire in ["plain", "zstd"] {
        for (program, output) in [
            (Bare, Nowhere),
            (Tail(""), Nowhere),
            (Tail("--cursor-file %/cursor"), Nowhere),
            (Tail("--cursor-file %/cursor"), Pipe),
            (Tail("-c app.bsky.feed.*"), Nowhere),
            (Tail("--validate"), Nowhere),
        ] {
            let variant = Variant {
                wire,
                program,
                output,
            };
            let [few, many] = servers
                .each_ref()
                .map(|(server, n_events)| run(&variant, server, *n_events));
            println!(
                "{:58} {:>9.0}",
                variant.name(),
                (many - few) / (MANY - FEW) as f64
            );
        }
    }
}

/// Counts the instructions of a whole run.
fn run(variant: &Variant, server: &Server, n_events: usize) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let command = variant.command(&server.url(), n_events, folder, true);
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .stdout(match variant.output {
            Pipe => Stdio::piped(),
            _ => Stdio::null(),
        })
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    collected.unwrap().1.trim().parse().unwrap()
}
