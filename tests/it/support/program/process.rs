//! What the system tells of a program that runs.

use std::fs;

use super::Running;

impl Running {
    /// Its peak memory so far, in kilobytes.
    pub fn peak_kilobytes(&self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}
