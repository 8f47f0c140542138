//! `rocketman replay https://HOST`: the archive of a service over the network, and then its socket.

mod archive;
mod download;
mod faults;
mod key;
mod official;
mod quota;
mod served;
mod times;
mod usage;

use serde_json::Value;

use crate::support::program::{Output, Rocketman};

/// A replay of a service with these flags.
fn replay(service: &str, flags: &str) -> Rocketman {
    Rocketman::new(["replay", service]).with(flags)
}

/// The lines of a run that came to its end.
fn events(output: &Output) -> Vec<Value> {
    let lines = output.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The number of an event.
fn seq(event: &Value) -> u64 {
    event["cursor"].as_u64().unwrap()
}
