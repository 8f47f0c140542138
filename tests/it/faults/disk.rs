//! A full disk under the cursor file.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    sync::mpsc,
    time::Instant,
};

use rustix::process::Signal;

use super::AT_ONCE;
use crate::support::{
    DEADLINE,
    disk::SmallDisk,
    events::post,
    jetstream::{Request, Server},
    program::Rocketman,
    wait_until,
};

/// Writes until nothing more fits.
fn fill(path: &Path) {
    let mut ballast = File::create(path).unwrap();
    while ballast.write_all(&[0; 1024]).is_ok() {}
}

/// The number in the cursor file, which has to be whole whenever it is there.
fn saved_seq(path: &Path) -> Option<u64> {
    let text = fs::read(path).ok()?;
    let cursor: serde_json::Value = serde_json::from_slice(&text).unwrap();
    cursor["seq"].as_u64()
}

#[test]
fn a_full_disk_under_the_cursor_file_is_said_and_nothing_is_lost() {
    for gets_room in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let small = folder.path().join("small");
        fs::create_dir(&small).unwrap();
        let Some(_disk) = SmallDisk::mount(&small) else {
            return;
        };
        let (cursor, ballast) = (small.join("cursor"), small.join("ballast"));
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let may_go_on = std::sync::Mutex::new(may_go_on);
        let server = Server::every(move |request: Request| {
            let from = request.cursor().map_or(0, |seq| seq - 1);
            let mut connection = request.accept();
            connection.send_all((from..from + 10).map(post));
            if from == 0 {
                may_go_on.lock().unwrap().recv_timeout(DEADLINE).unwrap();
                connection.send_all((10..20).map(post));
            }
            connection.until_closed();
        });
        let run = || {
            Rocketman::tail(&server.url())
                .with("-o events --cursor-file small/cursor --save-interval 20ms")
                .inside(folder.path())
        };
        let running = run().start();
        wait_until("ten events are saved", || saved_seq(&cursor) == Some(10));
        fill(&ballast);
        let begin = Instant::now();
        go_on.send(()).unwrap();
        let told = running.message("the cursor could not be saved, trying again: ");
        assert!(begin.elapsed() < AT_ONCE, "{:?}", begin.elapsed());
        assert!(told.contains("'small/cursor'"), "{told}");
        assert!(
            told.ends_with("No space left on device (os error 28)"),
            "{told}"
        );
        assert_eq!(saved_seq(&cursor), Some(10));
        if gets_room {
            fs::remove_file(&ballast).unwrap();
            running.message("the cursor is saved again");
            wait_until("twenty events are saved", || saved_seq(&cursor) == Some(20));
        }
        running.signal(Signal::TERM);
        let output = running.finish();
        let code = i32::from(!gets_room);
        assert_eq!(output.code, Some(code), "{output:#?}");
        let told = output.stderr.matches("could not be saved").count();
        assert_eq!(told, 1, "{output:#?}");
        if !gets_room {
            output.assert_says(1, &["error: cannot write cursor file 'small/cursor'"]);
            assert_eq!(saved_seq(&cursor), Some(10));
            fs::remove_file(&ballast).unwrap();
            run().with("-n 9").succeed();
        }
        let end = if gets_room { 20 } else { 19 };
        let expected: String = (0..end).map(|n| post(n) + "\n").collect();
        assert_eq!(
            fs::read_to_string(folder.path().join("events")).unwrap(),
            expected
        );
    }
}
