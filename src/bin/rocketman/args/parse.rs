//! The command line over the environment: what was typed wins, also over a variable that speaks of the opposite.

use std::{env, ffi::OsString};

use clap::{
    Arg, ArgAction, ArgMatches, Command, Error, FromArgMatches, ValueEnum, builder::Resettable,
    error::ErrorKind, parser::ValueSource,
};

#[cfg(feature = "nats")]
use super::CursorCommand;
use super::{Cli, GlobalArgs, LogFormat, When, command, misuse::Misuse};

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
const ONCE: [&str; 13] = [
    "output",
    "exec",
    "cursor_file",
    "cursor_kv",
    "bad_events",
    "on_exec_error",
    "on_http_error",
    "http_header_file",
    "http_sign_file",
    "on_undeliverable",
    "shard",
    "store",
    "dir",
];

/// Parses the command line and the environment. What is help, or the version, is printed, and ends
/// the program.
pub(crate) fn parse() -> Result<Cli, Misuse> {
    // What was typed, seen without the environment; what is wrong with it is found by the second
    // parse too, but for what a variable brings.
    let typed = adjust(command(), &|_, _| false).try_get_matches();
    let is_typed = |command: &str, id: &str| {
        typed
            .as_ref()
            .ok()
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
    let matches = adjust(command(), &keeps_variable).try_get_matches();
    let cli = matches.and_then(|matches| Cli::from_arg_matches(&matches));
    #[cfg(feature = "nats")]
    let cli = cli.map(|mut cli| {
        note_flags_of_nats(&mut cli, is_typed);
        cli
    });
    cli.map_err(|error| {
        if is_help(&error) {
            error.exit();
        }
        Misuse::new(&error, typed.is_ok())
    })
}

/// Variables that no flag names: lists, and secrets, which are read with the settings.
const WITHOUT_FLAG: [&str; 10] = [
    "ROCKETMAN_SOURCE",
    "ROCKETMAN_COLLECTION",
    "ROCKETMAN_DID",
    "ROCKETMAN_KIND",
    "ROCKETMAN_OP",
    "ROCKETMAN_ALLOW_HOST",
    "ROCKETMAN_ALLOW_ORIGIN",
    "ROCKETMAN_HTTP_HEADERS",
    "ROCKETMAN_HTTP_SIGN_SECRETS",
    "ROCKETMAN_JETSTREAM_KEY",
];

/// What our programs are given, and their own calls of us inherit.
const OF_PROGRAMS: &str = "ROCKETMAN_EVENT_";

/// The variables of the environment that look like ours and mean nothing.
pub(crate) fn unknown_variables() -> Vec<String> {
    let ours: Vec<_> = env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("ROCKETMAN_") && !name.starts_with(OF_PROGRAMS))
        .collect();
    if ours.is_empty() {
        return ours;
    }
    let mut known: Vec<_> = WITHOUT_FLAG.iter().map(OsString::from).collect();
    add_variables(&command(), &mut known);
    let mut unknown: Vec<_> = ours
        .into_iter()
        .filter(|name| !known.iter().any(|known| known == name.as_str()))
        .collect();
    unknown.sort_unstable();
    unknown
}

/// Whether the value of this long flag, which has no short one, can only be its variable's.
pub(crate) fn is_variable(flag: &str) -> bool {
    env::args_os().all(|word| {
        let word = word.to_string_lossy();
        word.strip_prefix(flag)
            .is_none_or(|rest| !rest.is_empty() && !rest.starts_with('='))
    })
}

/// Whether this word is a long flag of `rocketman tail`.
pub(crate) fn is_flag_of_tail(word: &str) -> bool {
    let Some(name) = word.strip_prefix("--").filter(|name| !name.is_empty()) else {
        return false;
    };
    let program = command();
    let tail = program.find_subcommand("tail");
    tail.is_some_and(|tail| {
        let mut flags = tail.get_arguments();
        flags.any(|flag| flag.get_long() == Some(name))
    })
}

fn add_variables(command: &Command, known: &mut Vec<OsString>) {
    let variables = command.get_arguments().filter_map(Arg::get_env);
    known.extend(variables.map(OsString::from));
    for sub in command.get_subcommands() {
        add_variables(sub, known);
    }
}

/// How an error is to be said where the command line could not be parsed: as far as flags and
/// variables of messages are right, by them.
pub(crate) fn messages_of_misuse() -> GlobalArgs {
    let words: Vec<_> = env::args().collect();
    let value = |flag: &str, variable: &str| {
        let typed = words.iter().enumerate().rev().find_map(|(at, word)| {
            let (name, value) = word.split_once('=').unzip();
            match name {
                Some(name) if name == flag => value.map(str::to_owned),
                None if word == flag => words.get(at + 1).cloned(),
                _ => None,
            }
        });
        typed
            .or_else(|| env::var(variable).ok())
            .unwrap_or_default()
    };
    GlobalArgs {
        quiet: false,
        verbose: 0,
        log_format: LogFormat::from_str(&value("--log-format", "ROCKETMAN_LOG_FORMAT"), false)
            .unwrap_or(LogFormat::Text),
        progress: When::Never,
        color: When::from_str(&value("--color", "ROCKETMAN_COLOR"), false).unwrap_or(When::Auto),
    }
}

/// Whether what clap has to say is help, the version, or what to do without a command.
fn is_help(error: &Error) -> bool {
    !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
}

/// Where flags of NATS were typed, one of them is remembered: it has to be of use.
#[cfg(feature = "nats")]
fn note_flags_of_nats(cli: &mut Cli, is_typed: impl Fn(&str, &str) -> bool) {
    let (command, nats) = match &mut cli.command {
        super::Command::Tail(args) => ("tail", &mut args.nats),
        super::Command::Replay(args) => ("replay", args.nats_mut()),
        super::Command::Cursor { command } => match command {
            CursorCommand::Show(args) => ("show", &mut *args.at.nats),
            CursorCommand::Set(args) => ("set", &mut *args.at.nats),
            CursorCommand::Rewind(args) => ("rewind", &mut *args.at.nats),
        },
        _ => return,
    };
    nats.note(|id| is_typed(command, id));
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
