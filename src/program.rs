//! The program, from its arguments to its exit code.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::SystemTime,
};

use tokio::signal::unix::{SignalKind, signal};

use crate::{
    address::without_address,
    check,
    cli::{self, Cli, Command, ProbeArgs},
    cursor_move, cursor_show,
    error::ErrorKind,
    failure::{self, Failure, INTERRUPTED},
    logging, probe,
    progress::StatusLine,
    serving,
    settings::{
        CursorSettings, Environment, ProbeSettings, ServeSettings, TailSettings, refuse_address,
    },
    tail,
};

/// Does what the command line says.
pub fn main() -> ExitCode {
    let Cli { global, command } = cli::parse();
    let events_to_stdout = matches!(
        &command,
        Command::Tail(args) if args.output.output.as_deref().is_none_or(|path| path == "-")
    );
    let environment = &Environment::of_process();
    let line = StatusLine::new(&global, events_to_stdout);
    logging::start(&global, &line);
    let result = match command {
        Command::Tail(args) => TailSettings::resolve(*args, environment, SystemTime::now())
            .map_err(Failure::from)
            .and_then(|settings| with_runtime(tail::run(settings, environment, &line))),
        Command::Probe(args) => look(args, environment, &line),
        Command::Cursor { command } => {
            CursorSettings::resolve(command, environment, SystemTime::now())
                .map_err(Failure::from)
                .and_then(cursor)
        }
        Command::Serve(args) => ServeSettings::resolve(args, environment)
            .map_err(Failure::from)
            .and_then(|settings| with_runtime(serving::run(settings))),
        Command::Check(args) => {
            let mut paths = args.path.iter();
            paths
                .try_for_each(|path| refuse_address("PATH", path))
                .map_err(Failure::from)
                .and_then(|()| check::run(args, |text| print(text).map(drop)))
                .map(|()| ExitCode::SUCCESS)
        }
        Command::Completions { shell } => print(&cli::completions(shell)),
        Command::Man { command, dir } => man(&command, dir.as_deref()),
    };
    let code = result.unwrap_or_else(|failure| failure::failed(&failure, &global, &line));
    line.clear();
    code
}

/// `rocketman probe`: looks at servers, and shows what they told.
fn look(
    args: ProbeArgs,
    environment: &Environment,
    line: &StatusLine,
) -> Result<ExitCode, Failure> {
    let settings = ProbeSettings::resolve(args, environment)?;
    let json = settings.json;
    let Some(reports) = with_runtime(probe::run(settings, line))? else {
        return Ok(ExitCode::from(INTERRUPTED));
    };
    let text = if json {
        probe::json_lines(&reports)
    } else {
        probe::table(&reports)
    };
    print(text.as_bytes())?;
    probe::verdict(&reports)
}

/// Runs on this thread. What still blocks at the end (a name look-up, a write to a stalled reader) is left behind.
fn with_runtime<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::system("start the runtime"))?;
    let result = runtime.block_on(async {
        outlive_file_limits();
        work.await
    });
    runtime.shutdown_background();
    result
}

/// Has a write beyond a limit on file sizes fail like any other; the system would end the program without a word. A handler does
/// that, for what is ignored would be ignored by the programs of --exec too.
fn outlive_file_limits() {
    let file_too_large = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
    // Without the handler it is as it was.
    signal(file_too_large).ok();
}

fn cursor(settings: CursorSettings) -> Result<ExitCode, Failure> {
    match settings {
        CursorSettings::Show { at, json } => print(&with_runtime(cursor_show::run(&at, json))?),
        CursorSettings::Move {
            at,
            target,
            forget_files,
        } => with_runtime(cursor_move::run(&at, &target, forget_files)),
    }
}

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

fn man(command: &[String], dir: Option<&Path>) -> Result<ExitCode, Failure> {
    let pages = cli::man_pages().map_err(Failure::system("make the manual"))?;
    if let Some(dir) = dir {
        for (file, page) in pages {
            let path = dir.join(file);
            write_page(&path, &page).map_err(|source| ManError::Write { path, source })?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let name: Vec<_> = std::iter::once("rocketman")
        .chain(command.iter().map(String::as_str))
        .collect();
    let wanted = format!("{}.1", name.join("-"));
    match pages.iter().find(|(file, _)| *file == wanted) {
        Some((_, page)) => print(page),
        None => Err(ManError::NoPage(without_address(&command.join(" "))).into()),
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

fn print(text: &[u8]) -> Result<ExitCode, Failure> {
    match io::stdout()
        .write_all(text)
        .and_then(|()| io::stdout().flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::system("write to stdout")(error))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
