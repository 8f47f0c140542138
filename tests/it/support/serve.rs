//! Our own server under test: `rocketman serve` on a free port.

use super::program::{Rocketman, Running};

pub struct Serving {
    pub running: Running,
    /// `ws://127.0.0.1:PORT/subscribe`.
    pub url: String,
}

impl Serving {
    /// `rocketman serve` with these arguments, separated by blanks, once it listens.
    pub fn new(arguments: &str) -> Self {
        Self::start(Rocketman::new(["serve"]).with(arguments))
    }

    /// A call of `rocketman serve` of the test's own.
    pub fn start(call: Rocketman) -> Self {
        let running = call.with("--listen 127.0.0.1:0").start();
        let message = running.message("serving ");
        let (_, url) = message.split_once(" at ws://").unwrap();
        let url = format!("ws://{}", url.split(',').next().unwrap().trim_end());
        Self { running, url }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        let address = self.url.strip_prefix("ws://").unwrap();
        address.strip_suffix("/subscribe").unwrap()
    }

    /// `rocketman tail` of it.
    pub fn tail(&self, flags: &str) -> Rocketman {
        Rocketman::tail(&self.url).with(flags)
    }
}
