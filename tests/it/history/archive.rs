//! An archive under test: a recording of the demo, segment files of it, and what serves them.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use crate::support::{program::Rocketman, serve::Serving};

/// A folder with a recording of the demo, segment files of it, and what serves them.
pub(super) struct Archive {
    folder: tempfile::TempDir,
    pub(super) lines: Vec<String>,
    pub(super) server: Serving,
}

/// A recording of the demo, and the segment file of it.
#[derive(Clone)]
struct Packed {
    lines: Vec<String>,
    segment: Arc<Vec<u8>>,
}

/// Each is made once, for all tests.
fn packed(n: u32) -> Packed {
    static MADE: Mutex<BTreeMap<u32, Packed>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.entry(n).or_insert_with(|| pack(n)).clone()
}

fn pack(n: u32) -> Packed {
    let folder = tempfile::tempdir().unwrap();
    let tail = Rocketman::tail("demo:?rate=max");
    let tail = tail.with(&format!("--cursor 1 -n {n} -o demo.ndjson"));
    tail.inside(folder.path()).succeed();
    let pack = Rocketman::new(["pack", "demo.ndjson", "segments"]);
    pack.inside(folder.path()).succeed();
    let text = fs::read_to_string(folder.path().join("demo.ndjson")).unwrap();
    let segment = fs::read(folder.path().join("segments").join(SEGMENT)).unwrap();
    Packed {
        lines: text.lines().map(str::to_owned).collect(),
        segment: Arc::new(segment),
    }
}

/// The only file of an archive.
const SEGMENT: &str = "seg_0000000000.jss";

impl Archive {
    pub(super) fn of(n: u32) -> Self {
        let Packed { lines, segment } = packed(n);
        let folder = tempfile::tempdir().unwrap();
        let segments = folder.path().join("segments");
        fs::create_dir(&segments).unwrap();
        fs::write(segments.join(SEGMENT), &*segment).unwrap();
        let serve = Rocketman::new(["serve", "segments"]).inside(folder.path());
        Self {
            lines,
            server: Serving::start(serve),
            folder,
        }
    }

    /// Another server of the same files, with these flags.
    pub(super) fn serve(&self, flags: &str) -> Serving {
        let serve = Rocketman::new(["serve", "segments"]).with(flags);
        Serving::start(serve.inside(self.path()))
    }

    pub(super) fn port_of(server: &Serving) -> u16 {
        let (_, port) = server.address().rsplit_once(':').unwrap();
        port.parse().unwrap()
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A replay of all that is in it, through this port.
    pub(super) fn replay_through(&self, port: u16, flags: &str) -> Rocketman {
        let last = self.lines.len();
        Rocketman::new(["replay", &format!("http://127.0.0.1:{port}")])
            .with(&format!("--before-seq {last} {flags}"))
            .inside(self.path())
    }

    pub(super) fn port(&self) -> u16 {
        Self::port_of(&self.server)
    }

    pub(super) fn replay(&self, flags: &str) -> Rocketman {
        self.replay_of(&self.server, flags)
    }

    /// A replay of all that is in it, from a server of its own.
    pub(super) fn replay_of(&self, server: &Serving, flags: &str) -> Rocketman {
        self.replay_through(Self::port_of(server), flags)
    }
}
