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

/// A recording of the demo, and the segment files of it.
#[derive(Clone)]
struct Packed {
    lines: Vec<String>,
    segments: Vec<Arc<Vec<u8>>>,
}

/// Each is made once, for all tests.
fn packed(n: u32, files: u32) -> Packed {
    static MADE: Mutex<BTreeMap<(u32, u32), Packed>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let made = made.entry((n, files));
    made.or_insert_with(|| pack(n, files)).clone()
}

fn pack(n: u32, files: u32) -> Packed {
    let folder = tempfile::tempdir().unwrap();
    let tail = Rocketman::tail("demo:?rate=500");
    let tail = tail.with(&format!("--cursor 1 -n {n} -o demo.ndjson"));
    tail.inside(folder.path()).succeed();
    let text = fs::read_to_string(folder.path().join("demo.ndjson")).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let segments = lines.chunks(lines.len().div_ceil(files as usize));
    let segments = segments.map(|lines| segment_of(lines, folder.path()));
    Packed {
        segments: segments.collect(),
        lines,
    }
}

/// One file of these lines.
fn segment_of(lines: &[String], folder: &Path) -> Arc<Vec<u8>> {
    fs::write(folder.join("part.ndjson"), lines.join("\n") + "\n").unwrap();
    let pack = Rocketman::new(["pack", "part.ndjson", "segments"]);
    pack.inside(folder).succeed();
    let segment = fs::read(folder.join("segments").join(segment_name(0))).unwrap();
    fs::remove_dir_all(folder.join("segments")).unwrap();
    Arc::new(segment)
}

fn segment_name(index: usize) -> String {
    format!("seg_{index:010}.jss")
}

impl Archive {
    pub(super) fn of(n: u32) -> Self {
        Self::in_files(n, 1)
    }

    /// An archive of so many files, each with as many events as the others.
    pub(super) fn in_files(n: u32, files: u32) -> Self {
        let Packed { lines, segments } = packed(n, files);
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("segments")).unwrap();
        for (index, segment) in segments.iter().enumerate() {
            let path = folder.path().join("segments").join(segment_name(index));
            fs::write(path, &**segment).unwrap();
        }
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
