//! `rocketman pack`: recordings to segment files.

mod lines;

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use tracing::warn;

use self::lines::each_line;
use crate::{
    args::PackArgs,
    failure::Failure,
    settings::{of_recordings, refuse_address},
    terminal::print,
};
use rocketman::{
    ErrorKind, Shown,
    segment::{PackError, PackSettings, Packer},
};

/// How many events that are left out are named.
const MAX_NAMED: u64 = 20;

/// Why recordings cannot be packed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("cannot read '{}'", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot pack line {line} of '{}'", path.display())]
    Line {
        path: PathBuf,
        line: u64,
        #[source]
        source: PackError,
    },
    #[error("{left_out} of {all} events were left out")]
    LeftOut { left_out: u64, all: u64 },
    #[error(transparent)]
    Pack(#[from] PackError),
}

impl CommandError {
    fn pack(&self) -> Option<&PackError> {
        match self {
            Self::Line { source, .. } | Self::Pack(source) => Some(source),
            Self::Unreadable { .. } | Self::LeftOut { .. } => None,
        }
    }

    /// What to do about it.
    fn hint(&self) -> Option<&'static str> {
        match self.pack()? {
            PackError::NoNumber | PackError::NotRising { .. } => {
                Some("--renumber counts events anew, from 1 on")
            }
            PackError::Occupied(_) => Some("name another folder, or remove what is there"),
            _ => None,
        }
    }
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        let kind = match error.pack() {
            Some(PackError::Occupied(_)) => ErrorKind::Usage,
            _ => ErrorKind::Failed,
        };
        let hint = error.hint().map(str::to_owned);
        Self::new(kind, error).hint(hint)
    }
}

/// Packs all of them, one after the other.
pub(crate) fn run(args: &PackArgs) -> Result<ExitCode, Failure> {
    for path in args.recording.iter().chain([&args.folder]) {
        refuse_address("RECORDING and DIR", path)?;
    }
    of_recordings(args.recording.iter().map(PathBuf::as_path))?;
    let mut settings = PackSettings::default();
    settings.renumber = args.renumber;
    let mut packer = Packer::create(&args.folder, settings).map_err(CommandError::from)?;
    let mut left_out = 0;
    for path in &args.recording {
        pack(path, &mut packer, &mut left_out)?;
    }
    let packed = packer.finish().map_err(CommandError::from)?;
    let events = packed.events;
    let (event, file) = (plural(events), plural(packed.files));
    let text = format!(
        "{events} event{event} in {} file{file} of {} bytes\n",
        packed.files, packed.bytes
    );
    print(text.as_bytes())?;
    if left_out > 0 {
        let all = events + left_out;
        return Err(CommandError::LeftOut { left_out, all }.into());
    }
    Ok(ExitCode::SUCCESS)
}

fn plural(n: u64) -> &'static str {
    if n == 1 { "" } else { "s" }
}

fn pack(path: &Path, packer: &mut Packer, left_out: &mut u64) -> Result<(), CommandError> {
    each_line(path, &mut |line, text| match packer.add(text) {
        Ok(()) => Ok(()),
        Err(error @ PackError::Content(_)) => {
            *left_out += 1;
            if *left_out <= MAX_NAMED {
                let file = Shown::text(&path.to_string_lossy()).to_string();
                warn!(
                    "line {line} of '{file}' is left out: {}",
                    Shown::error(&error)
                );
            }
            Ok(())
        }
        Err(source) => Err(CommandError::Line {
            path: path.to_owned(),
            line,
            source,
        }),
    })
}
