//! Whether a program is there, looked at as it will be when it is started, and long before that.

use std::{
    env::{self, consts::EXE_SUFFIX},
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::SettingsError;
use crate::platform::{HAS_INTERPRETERS, is_allowed_to_execute, os_str};
use rocketman::Shown;

/// Where programs are looked for without a PATH (execvp of glibc).
const USUAL_PATH: &str = "/bin:/usr/bin";

/// `ENOENT`, which has the same number everywhere.
const NO_SUCH_FILE: i32 = 2;

/// So much of a file the system looks at before it starts it.
const HEAD_BYTES: u64 = 256;

/// An interpreter may be a script with an interpreter of its own, to this depth.
const MAX_INTERPRETERS: usize = 4;

/// Why a file cannot be started.
#[derive(Debug)]
enum Refusal {
    File(io::Error),
    /// It is a script, and what its first line names cannot be started.
    Interpreter(OsString, io::Error),
    /// It is a text, and its first line names no interpreter.
    Text,
}

/// Refuses a program that cannot be started.
pub(super) fn check(program: &OsStr, path: Option<&OsStr>) -> Result<(), SettingsError> {
    if program.is_empty() {
        return Err(SettingsError::NoProgram);
    }
    let Err(refusal) = find(program, path) else {
        return Ok(());
    };
    let shown = |text: &OsStr| Shown::word(&text.to_string_lossy()).to_string();
    let first = program.to_str().and_then(|text| text.split_once(' '));
    let is_a_line = first.is_some_and(|(first, _)| find(first.as_ref(), path).is_ok());
    let program = shown(program);
    Err(match refusal {
        Refusal::File(source) => SettingsError::Program {
            program,
            is_a_line,
            source,
        },
        Refusal::Interpreter(interpreter, source) => SettingsError::Interpreter {
            program,
            ends_in_cr: interpreter.as_encoded_bytes().ends_with(b"\r"),
            interpreter: shown(&interpreter),
            source,
        },
        Refusal::Text => SettingsError::NoInterpreter(program),
    })
}

/// A path as it is, and a name in the folders of PATH, as execvp does.
fn find(program: &OsStr, path: Option<&OsStr>) -> Result<(), Refusal> {
    if is_path(program) {
        return may_start(Path::new(program));
    }
    let path = path.unwrap_or(OsStr::new(USUAL_PATH));
    let mut refusal = Refusal::File(io::Error::from_raw_os_error(NO_SUCH_FILE));
    for folder in env::split_paths(path) {
        // An empty one stands for the current folder.
        let candidate = if folder.as_os_str().is_empty() {
            PathBuf::from(".").join(program)
        } else {
            folder.join(program)
        };
        match may_start(&candidate) {
            Ok(()) => return Ok(()),
            Err(Refusal::File(error)) if is_missing(&error) => {}
            // A later folder may have one that may be started; if none has, this is why.
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

/// A program, or a script whose interpreter may be started.
fn may_start(path: &Path) -> Result<(), Refusal> {
    may_execute(path).map_err(Refusal::File)?;
    if !HAS_INTERPRETERS {
        return Ok(());
    }
    let mut script = path.to_owned();
    for _ in 0..MAX_INTERPRETERS {
        // What cannot be read may be started all the same.
        let Ok(head) = head_of(&script) else {
            return Ok(());
        };
        let Some(line) = head.strip_prefix(b"#!") else {
            return if is_text(&head) {
                Err(Refusal::Text)
            } else {
                Ok(())
            };
        };
        let Some(interpreter) = interpreter(line) else {
            return Err(Refusal::Text);
        };
        may_execute(Path::new(interpreter))
            .map_err(|error| Refusal::Interpreter(interpreter.to_owned(), error))?;
        script = PathBuf::from(interpreter);
    }
    Ok(())
}

/// A name is looked for in folders, a path is not.
fn is_path(program: &OsStr) -> bool {
    let mut bytes = program.as_encoded_bytes().iter();
    bytes.any(|byte| std::path::is_separator(char::from(*byte)))
}

/// The file itself, or with the suffix of programs, where the system has one.
fn may_execute(path: &Path) -> io::Result<()> {
    let metadata = fs::metadata(path).or_else(|error| {
        if EXE_SUFFIX.is_empty() {
            return Err(error);
        }
        let mut name = path.as_os_str().to_owned();
        name.push(EXE_SUFFIX);
        fs::metadata(name)
    })?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    is_allowed_to_execute(path)
}

fn head_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(head)
}

/// What follows `#!`, up to a blank or the end of the line; a relative path is as seen from here.
fn interpreter(line: &[u8]) -> Option<&OsStr> {
    let line = line.split(|byte| *byte == b'\n').next()?;
    let word = line
        .split(|byte| matches!(byte, b' ' | b'\t' | 0))
        .find(|word| !word.is_empty())?;
    Some(os_str(word))
}

/// Whether no system knows the file by its first bytes: those of programs are not all text.
fn is_text(head: &[u8]) -> bool {
    match std::str::from_utf8(head) {
        Ok(_) => !head.contains(&0),
        // The last character may be cut.
        Err(error) => error.error_len().is_none() && !head.contains(&0),
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn make(path: &Path, mode: u32) {
        fs::write(path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_name_is_looked_for_as_the_system_does() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
        fs::create_dir_all(one.join("folder")).unwrap();
        fs::create_dir_all(&two).unwrap();
        make(&one.join("locked"), 0o600);
        make(&one.join("both"), 0o600);
        make(&two.join("both"), 0o700);
        make(&two.join("second"), 0o755);
        let path = env::join_paths([Path::new("/no/such"), &one, &two]).unwrap();
        let kind = |program: &str| {
            find(program.as_ref(), Some(&path)).map_err(|refusal| match refusal {
                Refusal::File(error) => error.kind(),
                other => panic!("{other:?}"),
            })
        };
        assert_eq!(kind("second"), Ok(()));
        assert_eq!(kind("both"), Ok(()));
        assert_eq!(kind("third"), Err(io::ErrorKind::NotFound));
        assert_eq!(kind("locked"), Err(io::ErrorKind::PermissionDenied));
        assert_eq!(kind("folder"), Err(io::ErrorKind::IsADirectory));
        // With a slash it is a path, whatever PATH says.
        assert_eq!(kind("./second"), Err(io::ErrorKind::NotFound));
        let whole = two.join("second");
        assert_eq!(kind(whole.to_str().unwrap()), Ok(()));
        assert_eq!(kind("/dev/null"), Err(io::ErrorKind::PermissionDenied));
        // Without a PATH, the shell is where it always is.
        assert!(find("sh".as_ref(), None).is_ok());
    }

    #[test]
    fn a_script_starts_with_an_interpreter_that_does() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("script");
        let refused = |text: &[u8]| {
            make(&script, 0o755);
            fs::write(&script, text).unwrap();
            match may_start(&script) {
                Ok(()) => None,
                Err(Refusal::Interpreter(name, _)) => Some(name.to_string_lossy().into_owned()),
                Err(Refusal::Text) => Some("text".to_owned()),
                Err(Refusal::File(error)) => panic!("{error}"),
            }
        };
        for good in [
            &b"#!/bin/sh"[..],
            b"#! \t/bin/sh -e\ncat",
            b"#!/usr/bin/env nobody-knows\n",
            b"\x7fELF\0and so on",
            b"MZ\x90\xff",
        ] {
            assert_eq!(refused(good), None);
        }
        for (bad, named) in [
            (&b"#!/no/such -e\n"[..], "/no/such"),
            (b"#!/bin/sh\r\ncat\r\n", "/bin/sh\r"),
            (b"#!/tmp\n", "/tmp"),
            (b"#!\ncat\n", "text"),
            (b"cat\n", "text"),
            (b"", "text"),
        ] {
            assert_eq!(refused(bad).as_deref(), Some(named));
        }
        // The interpreter of an interpreter.
        let second = folder.path().join("second");
        make(&second, 0o755);
        fs::write(&second, "#!/no/such\n").unwrap();
        let line = format!("#!{}\n", second.display());
        assert_eq!(refused(line.as_bytes()).as_deref(), Some("/no/such"));
    }
}
