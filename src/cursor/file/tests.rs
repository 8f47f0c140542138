use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use futures_util::FutureExt;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::*;
use crate::{
    error::ErrorKind,
    event::{FileMark, Place, Trail},
};

fn saved(time_us: u64) -> Saved {
    Saved {
        place: Place::Time {
            time_us,
            origin: None,
        },
        trail: Trail::default(),
        filter: Some("all kinds of events".to_owned()),
        files: Vec::new(),
        note: None,
    }
}

fn is_taken(path: impl AsRef<Path>) -> bool {
    FileCursor::open(path).is_err_and(|error| error.kind() == ErrorKind::CursorTaken)
}

#[tokio::test]
async fn what_was_saved_is_loaded_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cursor.json");
    let mut store = FileCursor::open(&path).unwrap();
    assert_eq!(store.load().await.unwrap(), None);
    let mut expected = saved(1_800_000_000_000_000);
    store.save(&expected).await.unwrap();
    expected.files.push(FileMark::new("/tmp/x".into(), 3, 4));
    store.save(&expected).await.unwrap();
    assert_eq!(store.load().await.unwrap(), Some(expected));
    let names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 2, "a cursor and its lock: {names:?}");
}

#[tokio::test]
async fn a_save_that_comes_late_never_replaces_a_newer_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cursor.json");
    let mut store = FileCursor::open(&path).unwrap();
    for _ in 0..100 {
        drop(store.save(&saved(5)).now_or_never());
        store.save(&saved(6)).await.unwrap();
        assert_eq!(store.load().await.unwrap(), Some(saved(6)));
    }
}

#[tokio::test]
async fn what_a_load_would_refuse_is_not_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cursor.json");
    let mut store = FileCursor::open(&path).unwrap();
    let mut many = saved(5);
    let mark = FileMark::new(format!("/{}", "x".repeat(200)).into(), 3, 4);
    many.files = vec![mark.clone(); 20_000];
    store.save(&many).await.unwrap();
    assert_eq!(store.load().await.unwrap(), Some(many.clone()));
    let mut too_many = many.clone();
    too_many.files.extend(vec![mark; 60_000]);
    let refused = store.save(&too_many).await.unwrap_err();
    assert!(
        matches!(
            refused.downcast_ref(),
            Some(CursorFileError::TooManyFiles { n: 80_000, .. })
        ),
        "{refused:?}"
    );
    assert_eq!(store.load().await.unwrap(), Some(many));
}

#[test]
fn a_second_owner_is_refused_until_the_first_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cursor.json");
    let first = FileCursor::open(&path).unwrap();
    assert!(is_taken(&path));
    assert!(FileCursor::is_held(&path).unwrap());
    drop(first);
    assert!(!FileCursor::is_held(&path).unwrap());
    assert!(FileCursor::open(&path).is_ok());
}

#[test]
fn a_look_at_a_lock_makes_nothing_and_keeps_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cursor.json");
    assert!(!FileCursor::is_held(&path).unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    FileCursor::is_held(&path).unwrap();
                }
            });
        }
        let opened: Vec<_> = (0..500)
            .map(|_| FileCursor::open(&path).map(drop))
            .collect();
        is_over.store(true, Ordering::Relaxed);
        assert!(opened.iter().all(Result::is_ok), "{opened:?}");
    });
}

#[tokio::test]
async fn a_link_stays_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("real"), folder.path().join("link"));
    FileCursor::open(&real)
        .unwrap()
        .save(&saved(5))
        .await
        .unwrap();
    symlink(&real, &link).unwrap();
    FileCursor::open(&link)
        .unwrap()
        .save(&saved(6))
        .await
        .unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(FileCursor::read(&real).unwrap(), Some(saved(6)));
}

/// A folder, and three names in it.
fn names(names: [&str; 3]) -> (tempfile::TempDir, [PathBuf; 3]) {
    let folder = tempfile::tempdir().unwrap();
    let paths = names.map(|name| folder.path().join(name));
    (folder, paths)
}

#[track_caller]
fn assert_irregular(error: &MemberError, what: &str) {
    assert_eq!(error.kind(), ErrorKind::Usage, "{error:?}");
    let text = crate::log::chain(error);
    assert!(text.contains(what), "{text}");
}

#[tokio::test]
async fn nothing_is_written_or_made_through_a_link() {
    for neighbour in ["c.new", "c.lock"] {
        let (_folder, [path, beside, victim]) = names(["c", neighbour, "victim"]);
        symlink(&victim, &beside).unwrap();
        assert_irregular(&FileCursor::open(&path).unwrap_err(), "is a link");
        assert!(!victim.exists(), "{neighbour}");
        fs::write(&victim, "precious").unwrap();
        assert_irregular(&FileCursor::open(&path).unwrap_err(), "is a link");
        fs::remove_file(&beside).unwrap();
        // A second name of the victim's is no link that could be told apart.
        fs::hard_link(&victim, &beside).unwrap();
        let mut store = FileCursor::open(&path).unwrap();
        store.save(&saved(5)).await.unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        // One that comes later is not followed either.
        if neighbour == "c.new" {
            symlink(&victim, &beside).unwrap();
            assert_irregular(&store.save(&saved(6)).await.unwrap_err(), "is a link");
            assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        }
        assert_eq!(store.load().await.unwrap(), Some(saved(5)));
    }
}

#[test]
fn a_pipe_or_a_device_in_its_place_is_refused_at_once() {
    for name in ["c", "c.new", "c.lock"] {
        let (_folder, [path, odd, _]) = names(["c", name, ""]);
        mknodat(CWD, &odd, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert_irregular(&FileCursor::open(&path).unwrap_err(), "is a named pipe");
        let n_files = path.parent().unwrap().read_dir().unwrap().count();
        assert_eq!(n_files, 1, "{name}");
    }
    for odd in ["/dev/null", "/dev/full"] {
        assert_irregular(&FileCursor::open(odd).unwrap_err(), "is a device");
        assert_irregular(&FileCursor::read(odd.as_ref()).unwrap_err(), "is a device");
    }
}

#[tokio::test]
async fn a_save_keeps_mode_and_owner() {
    let (_folder, [path, ..]) = names(["c", "", ""]);
    let mut store = FileCursor::open(&path).unwrap();
    store.save(&saved(5)).await.unwrap();
    let is_root = rustix::process::geteuid().is_root();
    for mode in [0o600, 0o640, 0o666, 0o444] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        if is_root {
            chown(&path, Some(1234), Some(2345)).unwrap();
        }
        let old = fs::metadata(&path).unwrap();
        store.save(&saved(6)).await.unwrap();
        let new = fs::metadata(&path).unwrap();
        assert_ne!(old.ino(), new.ino());
        assert_eq!(new.mode() & 0o7777, mode);
        assert_eq!((new.uid(), new.gid()), (old.uid(), old.gid()));
    }
}

#[tokio::test]
async fn a_link_that_leads_nowhere_is_followed() {
    let (folder, [real, link, other]) = names(["real", "link", "other"]);
    symlink("real", &link).unwrap();
    symlink(&link, &other).unwrap();
    let mut store = FileCursor::open(&other).unwrap();
    store.save(&saved(5)).await.unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::symlink_metadata(&real).unwrap().is_file());
    // Both names are one cursor.
    for name in [&real, &link] {
        assert!(is_taken(name));
    }
    let itself = folder.path().join("itself");
    symlink(&itself, &itself).unwrap();
    assert!(FileCursor::open(&itself).is_err());
}

#[tokio::test]
async fn a_second_name_or_a_removed_lock_lets_nobody_in() {
    let (_folder, [path, second, lock]) = names(["c", "second", "c.lock"]);
    let mut store = FileCursor::open(&path).unwrap();
    store.save(&saved(5)).await.unwrap();
    fs::remove_file(&lock).unwrap();
    assert!(FileCursor::is_held(&path).unwrap());
    assert!(is_taken(&path));
    drop(store);
    fs::hard_link(&path, &second).unwrap();
    let mut store = FileCursor::open(&path).unwrap();
    for time_us in 6..9 {
        assert!(is_taken(&second));
        assert!(FileCursor::is_held(&second).unwrap());
        store.save(&saved(time_us)).await.unwrap();
    }
    drop(store);
    assert!(!FileCursor::is_held(&second).unwrap());
    FileCursor::open(&second).unwrap();
}

#[tokio::test]
async fn a_removed_lock_is_taken_anew_or_ends_it() {
    let (_folder, [path, lock, _]) = names(["c", "c.lock", ""]);
    let mut store = FileCursor::open(&path).unwrap();
    fs::remove_file(&lock).unwrap();
    store.save(&saved(5)).await.unwrap();
    assert!(lock.exists());
    // A process that came before there was a cursor has the lock now.
    fs::remove_file(&lock).unwrap();
    fs::remove_file(&path).unwrap();
    let mut other = FileCursor::open(&path).unwrap();
    let overtaken = store.save(&saved(6)).await.unwrap_err();
    assert!(overtaken.kind() == ErrorKind::CursorTaken, "{overtaken:?}");
    other.save(&saved(7)).await.unwrap();
    assert_eq!(other.load().await.unwrap(), Some(saved(7)));
}
