//! `rocketman man`: shows a page of the manual, or writes all of them into a folder.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use rocketman::{ErrorKind, Shown};

use crate::{args, failure::Failure, terminal::print};

/// Why no page of the manual is shown or written.
#[derive(Debug, thiserror::Error)]
enum ManError {
    #[error("there is no page about '{0}' in the manual")]
    NoPage(String),
    #[error("cannot write '{}'", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl From<ManError> for Failure {
    fn from(error: ManError) -> Self {
        match error {
            ManError::NoPage(_) => {
                let hint = "rocketman help lists the commands".to_owned();
                Self::new(ErrorKind::Usage, error).hint(hint)
            }
            ManError::Write { .. } => Self::new(ErrorKind::Failed, error),
        }
    }
}

/// Shows the page of a command, or writes every page into `dir`.
pub(crate) fn run(command: &[String], dir: Option<&Path>) -> Result<ExitCode, Failure> {
    let pages = args::man_pages();
    if let Some(dir) = dir {
        for (file, page) in pages {
            let path = dir.join(file);
            write_page(&path, page.as_bytes())
                .map_err(|source| ManError::Write { path, source })?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let name: Vec<_> = std::iter::once("rocketman")
        .chain(command.iter().map(String::as_str))
        .collect();
    let wanted = format!("{}.1", name.join("-"));
    match pages.iter().find(|(file, _)| *file == wanted) {
        Some((_, page)) => print(page.as_bytes()),
        None => Err(ManError::NoPage(Shown::word(&command.join(" ")).to_string()).into()),
    }
}

/// Writes a page in place of what has its name, never through a link.
fn write_page(path: &Path, page: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => {}
        removed => removed?,
    }
    fs::File::create_new(path)?.write_all(page)
}
