//! The program, from its arguments to its exit code.

mod args;
mod command;
mod failure;
mod hints;
mod monitor;
mod platform;
mod settings;
mod signals;
mod terminal;

use std::{process::ExitCode, time::SystemTime};

use tracing::warn;

use self::{
    args::{Cli, Command, GlobalArgs, TailArgs},
    command::{
        check, compare, comply, cursor, fold, health, inspect, man, pack, probe, serve, tail,
        with_runtime,
    },
    failure::Failure,
    settings::{
        CompareSettings, ComplySettings, CursorSettings, Environment, FoldSettings, HealthSettings,
        ProbeSettings, ServeSettings, SourceSettings, TailSettings,
    },
    terminal::{logging, print, status_line::StatusLine},
};
use rocketman::PipelineSettings;

fn main() -> ExitCode {
    args::answer_a_shell();
    let (global, command) = match args::parse() {
        Ok(Cli { global, command }) => (global, Ok(command)),
        Err(misuse) => (args::messages_of_misuse(), Err(Failure::from(misuse))),
    };
    let to_stdout = command.as_ref().is_ok_and(Command::writes_events_to_stdout);
    let line = StatusLine::new(&global, to_stdout);
    logging::start(&global, &line);
    for variable in args::unknown_variables() {
        warn!(target: PipelineSettings::STATE_TARGET, variable, "{variable} is no variable of rocketman, and is ignored: flags are variables as ROCKETMAN_<FLAG>");
    }
    let code = command
        .and_then(|command| run(command, &global, &line))
        .unwrap_or_else(|failure| failure::failed(&failure, &global, &line));
    line.clear();
    code
}

fn run(command: Command, global: &GlobalArgs, line: &StatusLine) -> Result<ExitCode, Failure> {
    let environment = &Environment::of_process();
    let now = SystemTime::now();
    match command {
        Command::Tail(args) => stream(*args, global, line),
        Command::Replay(args) => stream((*args).into(), global, line),
        Command::Probe(args) => probe::run(ProbeSettings::resolve(args, environment)?, line),
        Command::Cursor { command } => {
            cursor::run(CursorSettings::resolve(command, environment, now)?)
        }
        Command::Serve(args) => {
            let settings = ServeSettings::resolve(*args, environment, now)?;
            with_runtime(serve::run(settings))
        }
        Command::Check(args) => with_runtime(async { check::run(args) }),
        Command::Inspect(args) => with_runtime(async { inspect::run(&args) }),
        Command::Pack(args) => with_runtime(async { pack::run(&args) }),
        Command::Fold(args) => {
            let settings = FoldSettings::resolve(*args, environment)?;
            with_runtime(fold::run(settings))
        }
        Command::Comply(args) => {
            let settings = ComplySettings::resolve(args, environment)?;
            with_runtime(comply::run(settings, line))
        }
        Command::Health(args) => {
            let settings = HealthSettings::resolve(args, environment)?;
            with_runtime(health::run(settings))
        }
        Command::Compare(args) => {
            let settings = CompareSettings::resolve(*args, environment, now)?;
            with_runtime(compare::run(settings))
        }
        Command::Completions { shell } => {
            let script = args::completions(shell).map_err(Failure::system("make the script"))?;
            print(&script)
        }
        Command::Man { command, dir } => man::run(&command, dir.as_deref()),
    }
}

/// Reads whatever was named, until an end that was asked for.
fn stream(args: TailArgs, global: &GlobalArgs, line: &StatusLine) -> Result<ExitCode, Failure> {
    let environment = &Environment::of_process();
    let settings = TailSettings::resolve(args, environment, SystemTime::now())?;
    if let SourceSettings::Price(source) = settings.source {
        let (cursor, database) = (&settings.cursor, settings.output.database());
        return with_runtime(tail::price::run(*source, cursor, database, line));
    }
    if let SourceSettings::Download(source, folder) = settings.source {
        return with_runtime(tail::download::run(*source, &folder, line));
    }
    let has_colors = logging::has_colors_on_stdout(global.color);
    let output = settings.output.colored(has_colors);
    let settings = TailSettings { output, ..settings };
    with_runtime(tail::run(settings, environment, line))
}
