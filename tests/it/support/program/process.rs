//! What the system tells of a program that runs.

use std::{fs, process::Child};

use super::Running;

impl Running {
    /// A process of the test's own, with pipes as its stdout and stderr.
    pub fn of(child: Child) -> Self {
        Self::new(child, tempfile::tempdir().unwrap())
    }

    /// Its peak memory so far, in kilobytes.
    pub fn peak_kilobytes(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// Its memory now, in kilobytes.
    pub fn kilobytes(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// Its memory now without the pages of its own file, of which a debug build alone has more than
    /// the whole program in a release.
    pub fn kilobytes_of_its_own(&self) -> u64 {
        self.status("RssAnon:")
    }

    /// How many threads it has now.
    pub fn threads(&self) -> u64 {
        self.status("Threads:")
    }

    /// How many files, pipes and sockets it has open now.
    pub fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.id());
        fs::read_dir(folder).unwrap().count()
    }

    /// Whether it came to its end, and only waits to be asked how.
    pub fn has_ended(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap();
        stat.rsplit_once(") ").unwrap().1.starts_with('Z')
    }

    fn status(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}
