//! The command line over the environment: what was typed wins, also over a variable that speaks of the opposite.

use std::env;

use clap::{
    Arg, ArgAction, ArgMatches, Command, CommandFactory, Error, FromArgMatches,
    builder::{Resettable, StyledStr},
    error::{ContextKind, ContextValue, ErrorKind},
    parser::ValueSource,
};

use super::Cli;
#[cfg(feature = "nats")]
use super::CursorCommand;
use rocketman::Shown;

/// Flags that contradict each other. Typed together they are refused; a variable gives way to what was typed.
const OPPONENTS: [(&str, &str); 15] = [
    ("quiet", "verbose"),
    ("since", "cursor"),
    ("since", "begin"),
    ("cursor", "begin"),
    ("output", "exec"),
    ("print0", "exec"),
    ("durable", "cursor_file"),
    ("durable", "cursor_kv"),
    ("durable", "shard"),
    ("repeat", "exit_at_end"),
    ("command", "dir"),
    ("context", "no_context"),
    ("creds", "nkey"),
    ("cursor_file", "cursor_kv"),
    ("js_domain", "js_api_prefix"),
];

/// Flags that name where something goes, or what is ours. Of two, one would get nothing without a word.
const ONCE: [&str; 9] = [
    "output",
    "exec",
    "cursor_file",
    "cursor_kv",
    "bad_events",
    "on_exec_error",
    "on_undeliverable",
    "shard",
    "dir",
];

/// Parses the command line and the environment, and ends the program with a message where that is not possible.
pub(crate) fn parse() -> Cli {
    // What was typed, seen without the environment; what is wrong with it is told by the second parse.
    let typed = adjust(Cli::command(), &|_, _| false).try_get_matches().ok();
    let is_typed = |command: &str, id: &str| {
        typed
            .as_ref()
            .and_then(|matches| of_command(matches, command))
            .is_some_and(|matches| {
                matches.try_contains_id(id).is_ok()
                    && matches.value_source(id) == Some(ValueSource::CommandLine)
            })
    };
    let keeps_variable = |command: &str, id: &str| {
        !OPPONENTS.iter().any(|(one, other)| {
            (*one == id && is_typed(command, other)) || (*other == id && is_typed(command, one))
        })
    };
    let command = adjust(Cli::command(), &keeps_variable);
    let matches = command.try_get_matches();
    let cli = matches.and_then(|matches| Cli::from_arg_matches(&matches));
    #[cfg(feature = "nats")]
    let cli = cli.map(|mut cli| {
        note_flags_of_nats(&mut cli, is_typed);
        cli
    });
    cli.unwrap_or_else(|error| without_secrets(with_hint(error)).exit())
}

/// Where flags of NATS were typed, one of them is remembered: it has to be of use.
#[cfg(feature = "nats")]
fn note_flags_of_nats(cli: &mut Cli, is_typed: impl Fn(&str, &str) -> bool) {
    let (command, nats) = match &mut cli.command {
        super::Command::Tail(args) => ("tail", &mut args.nats),
        super::Command::Cursor { command } => match command {
            CursorCommand::Show(args) => ("show", &mut *args.at.nats),
            CursorCommand::Set(args) => ("set", &mut *args.at.nats),
            CursorCommand::Rewind(args) => ("rewind", &mut *args.at.nats),
        },
        _ => return,
    };
    nats.note(|id| is_typed(command, id));
}

/// The error without the secrets of an address that was typed where none belongs.
fn without_secrets(mut error: Error) -> Error {
    let shown = |text: &String| ContextValue::String(Shown::word(text).to_string());
    let contexts: Vec<_> = error
        .context()
        .filter_map(|(kind, value)| match value {
            ContextValue::String(text) if text.contains("://") => Some((kind, shown(text))),
            _ => None,
        })
        .collect();
    for (kind, value) in contexts {
        error.insert(kind, value);
    }
    error
}

/// What to do where a flag of [`ONCE`] was typed twice.
fn with_hint(mut error: Error) -> Error {
    let is_repeated = error.kind() == ErrorKind::ArgumentConflict
        && error.get(ContextKind::InvalidArg) == error.get(ContextKind::PriorArg);
    if is_repeated {
        let hint = StyledStr::from("run one process for each");
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![hint]));
    }
    error
}

/// The definition without the variables that are set to nothing, and without those that `keeps` says no to. The last of several
/// values counts, so that an alias can hold defaults.
fn adjust(command: Command, keeps: &dyn Fn(&str, &str) -> bool) -> Command {
    let name = command.get_name().to_owned();
    let command = command.mut_args(|arg| {
        let is_empty = arg
            .get_env()
            .is_some_and(|name| env::var_os(name).is_some_and(|value| value.is_empty()));
        // A variable may hold a secret, or what was meant to be one.
        let arg = last_counts(arg).hide_env_values(true);
        let keeps = !is_empty && keeps(&name, arg.get_id().as_str());
        if keeps {
            arg
        } else {
            arg.env(Resettable::Reset)
        }
    });
    command.mut_subcommands(|command| adjust(command, keeps))
}

/// Has the last of several values count, where not all of them do.
fn last_counts(arg: Arg) -> Arg {
    let takes_one = matches!(arg.get_action(), ArgAction::Set | ArgAction::SetTrue);
    if takes_one && !arg.is_positional() && !ONCE.contains(&arg.get_id().as_str()) {
        let id = arg.get_id().clone();
        return arg.overrides_with(id);
    }
    arg
}

/// The matches of a command, if it was typed. Flags of every command may stand anywhere, and the innermost knows them all.
fn of_command<'a>(matches: &'a ArgMatches, command: &str) -> Option<&'a ArgMatches> {
    let mut innermost = matches;
    while let Some((name, sub)) = innermost.subcommand() {
        if name == command {
            return Some(sub);
        }
        innermost = sub;
    }
    (command == "rocketman").then_some(innermost)
}
