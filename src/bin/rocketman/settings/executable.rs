//! Whether a program is there, looked at as it will be when it is started, and long before that.

use std::{
    env,
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access};

use super::SettingsError;
use rocketman::Shown;

/// Where programs are looked for without a PATH (execvp of glibc).
const USUAL_PATH: &str = "/bin:/usr/bin";

/// Refuses a program that cannot be started.
pub(super) fn check(program: &OsStr, path: Option<&OsStr>) -> Result<(), SettingsError> {
    if program.is_empty() {
        return Err(SettingsError::NoProgram);
    }
    let Err(source) = find(program, path) else {
        return Ok(());
    };
    let first = program.to_str().and_then(|text| text.split_once(' '));
    let is_a_line = first.is_some_and(|(first, _)| find(first.as_ref(), path).is_ok());
    Err(SettingsError::Program {
        program: Shown::word(&program.to_string_lossy()).to_string(),
        is_a_line,
        source,
    })
}

/// A path as it is, and a name in the folders of PATH, as execvp does.
fn find(program: &OsStr, path: Option<&OsStr>) -> io::Result<()> {
    if program.as_encoded_bytes().contains(&b'/') {
        return may_start(Path::new(program));
    }
    let path = path.unwrap_or(OsStr::new(USUAL_PATH));
    let mut refusal = io::Error::from_raw_os_error(rustix::io::Errno::NOENT.raw_os_error());
    for folder in env::split_paths(path) {
        // An empty one stands for the current folder.
        let candidate = if folder.as_os_str().is_empty() {
            PathBuf::from(".").join(program)
        } else {
            folder.join(program)
        };
        match may_start(&candidate) {
            Ok(()) => return Ok(()),
            Err(error) if is_missing(&error) => {}
            // A later folder may have one that may be started; if none has, this is why.
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

fn may_start(path: &Path) -> io::Result<()> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    Ok(access(path, Access::EXEC_OK)?)
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
        let kind = |program: &str| find(program.as_ref(), Some(&path)).map_err(|e| e.kind());
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
}
