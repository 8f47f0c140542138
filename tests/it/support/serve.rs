//! Our own server under test: `rocketman serve` on a free port.

use std::fs::{self, File};

use rustix::process::Signal;

use super::program::{Output, Rocketman, Running};

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

/// Our own receiver of webhooks: `rocketman serve --http-sink` on a free port.
pub struct Receiving {
    pub running: Running,
    /// `http://127.0.0.1:PORT/`.
    pub url: String,
}

impl Receiving {
    /// With these arguments, separated by blanks, once it listens.
    pub fn new(arguments: &str) -> Self {
        Self::start(Rocketman::new(["serve"]).with(arguments))
    }

    /// A call of the test's own, which prints into the file `received` of its folder.
    pub fn start(call: Rocketman) -> Self {
        let file = File::create(call.path("received")).unwrap();
        let call = call.with("--http-sink 127.0.0.1:0").stdout(file);
        Self::listening(call.start_elsewhere())
    }

    /// Once it listens.
    pub fn listening(running: Running) -> Self {
        let message = running.message("receiving events at ");
        let (_, url) = message.split_once(" at ").unwrap();
        let url = url.split(": ").next().unwrap().to_owned();
        Self { running, url }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        let address = self.url.strip_prefix("http://").unwrap();
        address.strip_suffix('/').unwrap()
    }

    /// Stops it, and returns what it printed and counted.
    pub fn stop(self) -> Output {
        self.running.signal(Signal::TERM);
        let path = self.running.path("received");
        let stdout = fs::read_to_string(path).unwrap();
        Output {
            stdout,
            ..self.running.finish()
        }
    }
}
